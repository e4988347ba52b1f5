//! Phase × command: each refusal with one thing changed in what would be accepted.

use std::collections::BTreeMap;
use std::sync::Arc;

use strongroom_api::coordinator::log::Actor;
use strongroom_attest::platform::software::{Authority as Root, Statement};
use strongroom_attest::{ActivateBinding, Binding, Endorsements, Verified, verify};
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::issue::{self, Template, Usage};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::secret::{GuardKey, RootSecret, SecretBytes};
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Names;
use strongroom_manifest::{ActivationGrant, Manifest, MarbleType, SecretName, SecretValue};

use super::command::{Activate, Renew, SetManifest, WriteSecrets, in_force};
use super::persist::{self, Guard};
use super::*;
use crate::pki::Authority;
use crate::store::keyfile::SealedBy;

const NOW: UnixTime = UnixTime(1_790_000_000);
const UUID: &str = "f20dd6f7-eee3-4c61-ad04-9d87cc4c8f79";

struct World {
    root: Root,
    phase: Phase,
    sequence: u64,
}

fn now(seconds: UnixTime) -> Now {
    Now { ms: seconds.0 * 1000 }
}

impl World {
    fn fresh() -> Self {
        let authority = Authority::found(&Names::default(), NOW, &SystemRandom).expect("authorities");
        let deployment = Deployment {
            id: [1; 16],
            sealed_by: SealedBy {
                platform: "software".into(),
                simulated: true,
            },
            measurement: "00".into(),
            epoch: 0,
            revision: 0,
            authority: Arc::new(authority),
            root_secret: Arc::new(RootSecret::generate(&SystemRandom)),
            secrets: Arc::default(),
            activations: BTreeMap::new(),
            counter: 0,
            newest_time: NOW,
            endorsed: Endorsed::default(),
            updates: Arc::default(),
        };
        let root = Root::generate(NOW, &SystemRandom).expect("a root");
        Self {
            root,
            phase: Phase::begin(deployment, None, Leaves::default()),
            sequence: 0,
        }
    }

    /// A manifest with a marble that may be activated once and needs a secret of a user.
    fn running() -> Self {
        let mut world = Self::fresh();
        let command = world.set_manifest();
        world.commit(&command, NOW).expect("set");
        world
    }

    fn ready() -> Self {
        let mut world = Self::running();
        let command = world.write();
        world
            .commit(&Command::WriteSecrets(command), NOW)
            .expect("written");
        world
    }

    fn manifest(&self) -> Manifest {
        let raw = serde_json::json!({
            "Packages": {"p": {
                "Platform": "software", "Roots": [self.root.root().to_pem()],
                "Measurements": [sha256(b"program").to_string()], "Protection": ["simulated"],
                "Workloads": [sha256(b"workload").to_string()],
            }},
            "Marbles": {"m": {"Package": "p", "MaxActivations": 1, "Parameters": {"Env": {"K": "{{ hex .Secrets.k }}"}}}},
            "Secrets": {"k": {"Type": "symmetric-key", "Size": 128, "UserDefined": true, "Guarded": true}},
        });
        Manifest::parse(raw.to_string().as_bytes()).expect("a good manifest")
    }

    fn set_manifest(&self) -> Command {
        let manifest = in_force(self.manifest(), Vec::new());
        Command::SetManifest(Box::new(SetManifest {
            manifest,
            generated: BTreeMap::new(),
            recovery: None,
        }))
    }

    fn write(&self) -> WriteSecrets {
        let value = Arc::new(SecretValue::Symmetric(SecretBytes::new(vec![7; 16])));
        let manifest = self.phase.manifest().map(|manifest| manifest.digest());
        WriteSecrets {
            revision: self.revision(),
            manifest,
            values: BTreeMap::from([(SecretName::from("k"), value)]),
        }
    }

    fn revision(&self) -> u64 {
        self.phase.deployment().expect("open").revision
    }

    fn verified(&self) -> Verified {
        let key = SigningKey::generate_p384();
        let template = Template {
            common_name: "workload".into(),
            names: Names::default(),
            not_before: NOW,
            not_after: NOW.plus(60),
            usage: Usage::Leaf,
            extensions: Vec::new(),
        };
        let client = issue::self_signed(&template, &key, &SystemRandom).expect("a certificate");
        let csr = issue::certificate_request(&key, &Names::default()).expect("a request");
        let binding = ActivateBinding::new(client.der(), b"server", [0; 32], &csr, "m", UUID);
        let binding = Binding::Activate(binding.expect("a binding"));
        let evidence = self.root.issue(&Statement {
            simulator_version: "test".into(),
            report_data: binding.report_data(),
            measurement: sha256(b"program"),
            workload: Some(sha256(b"workload")),
            issued_at: NOW,
            debug: false,
        });
        let manifest = self.manifest();
        let roots = manifest.roots(&MarbleType::from("m")).expect("known");
        verify(&evidence, &Endorsements::none(), &roots, &binding, NOW).expect("genuine")
    }

    fn grant(&self, revision: u64) -> ActivationGrant {
        self.manifest()
            .authorize(self.verified(), &MarbleType::from("m"), 0, revision)
            .expect("granted")
    }

    fn activate(&self, revision: u64) -> Command {
        Command::Activate(Box::new(Activate {
            grant: self.grant(revision),
            uuid: UUID.into(),
            certificate: Digest32([0; 32]),
            not_after: NOW.plus(86_400),
        }))
    }

    fn renew(&self, uuid: &str) -> Command {
        let grant =
            self.manifest()
                .authorize_renewal(self.verified(), &MarbleType::from("m"), self.revision());
        Command::Renew(Box::new(Renew {
            grant: grant.expect("granted"),
            uuid: uuid.into(),
            certificate: Digest32([0; 32]),
            not_after: NOW.plus(86_400),
        }))
    }

    fn decide(&self, command: &Command, at: UnixTime) -> Result<(), Refusal> {
        decide(&self.phase, command, now(at)).map(|_| ())
    }

    fn commit(&mut self, command: &Command, at: UnixTime) -> Result<(), Refusal> {
        for event in decide(&self.phase, command, now(at))? {
            self.phase.apply(
                &Fact {
                    actor: Actor::Anonymous,
                    time_ms: now(at).ms,
                    event,
                },
                self.sequence,
            );
            self.sequence += 1;
        }
        Ok(())
    }
}

#[test]
fn each_phase_knows_its_commands() {
    let (fresh, running) = (World::fresh(), World::running());
    let write = |world: &World| Command::WriteSecrets(world.write());
    let read = || Command::ReadSecrets {
        revision: 0,
        names: Vec::new(),
    };
    assert_eq!(fresh.decide(&fresh.set_manifest(), NOW), Ok(()));
    assert_eq!(
        fresh.decide(&write(&fresh), NOW),
        Err(Refusal::Phase(PhaseName::AwaitingManifest))
    );
    assert_eq!(
        fresh.decide(&read(), NOW),
        Err(Refusal::Phase(PhaseName::AwaitingManifest))
    );
    assert_eq!(
        fresh.decide(&fresh.activate(0), NOW),
        Err(Refusal::Phase(PhaseName::AwaitingManifest))
    );
    assert_eq!(
        running.decide(&running.set_manifest(), NOW),
        Err(Refusal::Phase(PhaseName::Running))
    );
    assert_eq!(running.decide(&write(&running), NOW), Ok(()));

    let frozen = World {
        phase: World::ready().phase.rolled_back(),
        ..World::ready()
    };
    for command in [
        frozen.activate(1),
        write(&frozen),
        frozen.set_manifest(),
        read(),
        frozen.renew(UUID),
    ] {
        assert_eq!(frozen.decide(&command, NOW), Err(Refusal::RolledBack));
    }
}

#[test]
fn a_decision_under_another_manifest_is_made_anew() {
    let world = World::ready();
    assert_eq!(world.decide(&world.activate(1), NOW), Ok(()));
    assert_eq!(
        world.decide(&world.activate(0), NOW),
        Err(Refusal::Stale),
        "authorized before the update"
    );
    assert_eq!(world.decide(&world.activate(2), NOW), Err(Refusal::Stale));
    let good = world.write();
    let other = WriteSecrets {
        manifest: Some(sha256(b"another")),
        ..world.write()
    };
    let stale = WriteSecrets {
        revision: 0,
        ..world.write()
    };
    assert_eq!(world.decide(&Command::WriteSecrets(good), NOW), Ok(()));
    assert_eq!(
        world.decide(&Command::WriteSecrets(other), NOW),
        Err(Refusal::ManifestChanged)
    );
    assert_eq!(
        world.decide(&Command::WriteSecrets(stale), NOW),
        Err(Refusal::Stale)
    );
    let read = Command::ReadSecrets {
        revision: 0,
        names: Vec::new(),
    };
    assert_eq!(world.decide(&read, NOW), Err(Refusal::Stale));
}

#[test]
fn an_activation_needs_its_secrets_its_number_and_the_time() {
    let unset = World::running();
    assert_eq!(
        unset.decide(&unset.activate(1), NOW),
        Err(Refusal::SecretUnset("k".into()))
    );

    let mut world = World::ready();
    let behind = world.decide(&world.activate(1), NOW.minus(TIME_TOLERANCE_SECONDS + 1));
    assert_eq!(
        behind,
        Err(Refusal::TimeBehind {
            behind_seconds: TIME_TOLERANCE_SECONDS + 1
        })
    );
    assert_eq!(
        world.decide(&world.activate(1), NOW.minus(TIME_TOLERANCE_SECONDS)),
        Ok(())
    );
    // Two were authorized at the same time; the second one to commit is one too many.
    let (first, second) = (world.activate(1), world.activate(1));
    world.commit(&first, NOW).expect("activated");
    let refused = world.commit(&second, NOW);
    assert_eq!(
        refused,
        Err(Refusal::MaxActivations {
            marble_type: "m".into(),
            max: 1
        })
    );
}

#[test]
fn only_who_holds_a_certificate_renews() {
    let mut world = World::ready();
    let not = |uuid: &str| {
        Err(Refusal::NotActivated {
            uuid: uuid.into(),
            marble_type: "m".into(),
        })
    };
    assert_eq!(world.decide(&world.renew(UUID), NOW), not(UUID));
    let activate = world.activate(1);
    world.commit(&activate, NOW).expect("activated");
    assert_eq!(world.decide(&world.renew(UUID), NOW), Ok(()));
    assert_eq!(world.decide(&world.renew("another"), NOW), not("another"));
    assert_eq!(
        world.decide(&world.renew(UUID), NOW.plus(86_400)),
        Ok(()),
        "its last second"
    );
    assert_eq!(
        world.decide(&world.renew(UUID), NOW.plus(86_401)),
        not(UUID),
        "who let it end activates again"
    );
}

#[test]
fn the_newest_time_follows_small_steps_and_signed_times() {
    let mut world = World::ready();
    let newest = |world: &World| world.phase.deployment().expect("open").newest_time;
    let tick = Command::CountRefusals {
        since_ms: 0,
        counts: BTreeMap::new(),
    };
    world.commit(&tick, NOW.plus(3600)).expect("counted");
    assert_eq!(newest(&world), NOW.plus(3600));
    // A step of more than a day is not believed, and a later one within a day of what is believed is.
    world.commit(&tick, NOW.plus(10 * 86_400)).expect("counted");
    assert_eq!(newest(&world), NOW.plus(3600));
    world.commit(&tick, NOW.plus(7200)).expect("counted");
    assert_eq!(newest(&world), NOW.plus(7200));
    world.commit(&tick, NOW).expect("counted");
    assert_eq!(newest(&world), NOW.plus(7200), "it never goes back");
    let events = decide(
        &world.phase,
        &Command::Start { version: "1".into() },
        now(NOW.plus(10 * 86_400)),
    );
    let events = events.expect("starts");
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::ClockAhead { .. })),
        "{events:?}"
    );
}

/// Somebody who holds the recovery secret writes a state of their own around the owner's sealed value.
#[test]
fn a_guarded_value_is_nothing_under_another_manifest() {
    let mut world = World::ready();
    world.phase.forget_guarded_of_others();
    let held = |world: &World| {
        world
            .phase
            .deployment()
            .expect("open")
            .secret(&"k".into())
            .is_some()
    };
    assert!(held(&world), "it stays under its own");

    let Phase::Running(running) = &mut world.phase else {
        panic!("running")
    };
    let mut other: serde_json::Value = serde_json::from_slice(running.manifest.manifest.raw()).expect("JSON");
    other["Marbles"]["m"]["MaxActivations"] = 2.into();
    let other = Manifest::parse(other.to_string().as_bytes()).expect("a good manifest");
    running.manifest = in_force(other, Vec::new());
    world.phase.forget_guarded_of_others();
    assert!(!held(&world));
}

#[test]
fn a_state_reads_back_and_a_recovered_one_lacks_guarded_values() {
    let mut world = World::ready();
    let activate = world.activate(1);
    world.commit(&activate, NOW).expect("activated");
    let guard = GuardKey::generate(&SystemRandom);
    let stored = persist::encode(&world.phase, &guard, &SystemRandom).expect("open");
    assert!(
        !stored.windows(16).any(|window| window == [7; 16]),
        "a guarded value lies under the guard key"
    );

    let read = persist::decode(&stored, Guard::Key(&guard)).expect("reads back");
    let deployment = read.deployment().expect("open");
    assert_eq!(deployment.activations_of(&"m".into()), 1);
    assert_eq!(deployment.revision, 1);
    assert!(
        matches!(&*deployment.secret(&"k".into()).expect("set").value, SecretValue::Symmetric(key) if key.expose() == [7; 16])
    );
    let again = World { phase: read, ..world };
    assert_eq!(again.decide(&again.renew(UUID), NOW), Ok(()));

    let recovered = persist::decode(&stored, Guard::Lost).expect("reads back");
    assert!(
        recovered
            .deployment()
            .expect("open")
            .secret(&"k".into())
            .is_none()
    );
    assert!(persist::decode(&stored, Guard::Key(&GuardKey::generate(&SystemRandom))).is_err());
}
