//! The mutants. The first five take out what the demo's attacks run into.

use super::{Edit, Mutant, Proof};

const MEASUREMENT: Edit = Edit {
    file: "crates/attest/src/reference.rs",
    find: "            &expected.measurements,\n            Some(claims.measurement()),",
    replace: "            &[],\n            Some(claims.measurement()),",
};
const WORKLOAD: Edit = Edit {
    file: "crates/attest/src/reference.rs",
    find: "check_workload(report, expected, claims.workload());",
    replace: "if false {\n            check_workload(report, expected, claims.workload());\n        }",
};
const PROGRAM: Edit = Edit {
    file: "crates/launcher/src/measure.rs",
    find: "if found != program.digest() {",
    replace: "if false {",
};
const CHUNK_TREE: Edit = Edit {
    file: "crates/bundle/src/keys.rs",
    find: "if tree::leaf(self.section, index, stored) != *leaf {",
    replace: "if false && tree::leaf(self.section, index, stored) != *leaf {",
};
/// AES-GCM decrypts as it encrypts, so a second sealing gives the text back whatever the tag says.
const CHUNK_TAG: Edit = Edit {
    file: "crates/bundle/src/keys.rs",
    find: "                .map_err(|_| {
                    plain.fill(0);
                    corrupt
                }),",
    replace: "                .or_else(|_| {
                    plain.copy_from_slice(text);
                    let _ = self.key.seal_separate(&nonce(index), &self.aad(index), plain);
                    Ok(())
                }),",
};
const BUNDLE_DIGEST: Edit = Edit {
    file: "crates/bundle/src/reader/mod.rs",
    find: "if layout.digest != *digest {",
    replace: "if false {",
};
const BUNDLE_PLACE: Edit = Edit {
    file: "crates/inference/src/model/bundle.rs",
    find: "digests.iter().position(|digest| *digest == seen.digest);",
    replace: "digests.iter().position(|digest| *digest == seen.digest || *digest != seen.digest);",
};
const REFERENCE_OUTPUTS: Edit = Edit {
    file: "crates/inference/src/model/reference.rs",
    find: "let near = |a: f64, b: f64| (a - b).abs() <= tolerance;",
    replace: "let near = |_: f64, _: f64| tolerance >= 0.0;",
};
const COUNTER: Edit = Edit {
    file: "crates/coordinator/src/writer/open.rs",
    find: "        if reached != own {",
    replace: "        if false {",
};
/// Noticed once more at the first step: two copies cannot both take it.
const COUNTER_STEP: Edit = Edit {
    file: "crates/coordinator/src/writer/core.rs",
    find: "        if reached != value {",
    replace: "        if false && reached != value {",
};
const PINNED_LOG: Edit = Edit {
    file: "crates/client/src/deployment/pinned.rs",
    find: "    let mut follower = Follower::new(seen, claimed)?;",
    replace: "    if seen != claimed || seen == claimed {
        return Ok(());
    }
    let mut follower = Follower::new(seen, claimed)?;",
};

/// All of them.
pub(super) const ALL: &[Mutant] = &[
    Mutant {
        name: "coordinator-measurement",
        edits: &[MEASUREMENT],
        proof: Proof::Attack(1),
    },
    Mutant {
        name: "bundle-chunk",
        edits: &[CHUNK_TREE, CHUNK_TAG, REFERENCE_OUTPUTS],
        proof: Proof::Attack(2),
    },
    Mutant {
        name: "bundle-version",
        edits: &[BUNDLE_DIGEST, BUNDLE_PLACE],
        proof: Proof::Attack(3),
    },
    Mutant {
        name: "programs",
        edits: &[PROGRAM, WORKLOAD, MEASUREMENT],
        proof: Proof::Attack(4),
    },
    Mutant {
        name: "rollback",
        edits: &[COUNTER, COUNTER_STEP, PINNED_LOG],
        proof: Proof::Attack(5),
    },
    Mutant {
        name: "measurement",
        edits: &[MEASUREMENT],
        proof: Proof::Tests(&["-p", "strongroom-attest", "--features", "simulation"]),
    },
    Mutant {
        name: "workload",
        edits: &[WORKLOAD],
        proof: Proof::Tests(&["-p", "strongroom-attest", "--features", "simulation"]),
    },
    Mutant {
        name: "binding",
        edits: &[Edit {
            file: "crates/attest/src/verify.rs",
            find: "report.check(step::BINDING, &expected == found,",
            replace: "report.check(step::BINDING, true || &expected == found,",
        }],
        proof: Proof::Tests(&["-p", "strongroom-attest", "--features", "simulation"]),
    },
    Mutant {
        name: "program-digest",
        edits: &[PROGRAM],
        proof: Proof::Tests(&["-p", "strongroom-launcher", "--lib"]),
    },
    Mutant {
        name: "chunk-tree",
        edits: &[CHUNK_TREE, CHUNK_TAG],
        proof: Proof::Tests(&["-p", "strongroom-bundle"]),
    },
    Mutant {
        name: "bundle-digest",
        edits: &[BUNDLE_DIGEST],
        proof: Proof::Tests(&["-p", "strongroom-bundle"]),
    },
    Mutant {
        name: "reference-outputs",
        edits: &[REFERENCE_OUTPUTS],
        proof: Proof::Tests(&["-p", "strongroom-inference", "--lib"]),
    },
    Mutant {
        name: "counter",
        edits: &[COUNTER],
        proof: Proof::Tests(&["-p", "strongroom-coordinator", "--test", "suite", "rollback"]),
    },
    Mutant {
        name: "pinned-log",
        edits: &[PINNED_LOG],
        proof: Proof::Tests(&["-p", "strongroom-client", "--features", "simulation"]),
    },
    Mutant {
        name: "guarded-manifest",
        edits: &[Edit {
            file: "crates/coordinator/src/state/phase.rs",
            find: "let foreign = |held: &Held| held.guarded && Some(held.manifest) != in_force;",
            replace: "let foreign = |held: &Held| held.guarded && Some(held.manifest) != Some(held.manifest).or(in_force);",
        }],
        proof: Proof::Tests(&["-p", "strongroom-coordinator", "--lib"]),
    },
    Mutant {
        name: "counter-steps",
        edits: &[Edit {
            file: "crates/coordinator/src/writer/open.rs",
            find: "again.wants_checkpoint = true;",
            replace: "again.wants_checkpoint = false;",
        }],
        proof: Proof::Tests(&["-p", "strongroom-coordinator", "--test", "suite", "rollback"]),
    },
    Mutant {
        name: "clock",
        edits: &[Edit {
            file: "crates/coordinator/src/app/activate.rs",
            find: "            view.check_time(self.now())?;",
            replace: "",
        }],
        proof: Proof::Tests(&["-p", "strongroom-coordinator", "--test", "suite", "activation"]),
    },
    Mutant {
        name: "marble-chain",
        edits: &[Edit {
            file: "crates/ratls/src/marble.rs",
            find: "verify_server_cert(end_entity, &[],",
            replace: "verify_server_cert(end_entity, _intermediates,",
        }],
        proof: Proof::Tests(&["-p", "strongroom-ratls", "--test", "verifiers"]),
    },
    Mutant {
        name: "marble-type",
        edits: &[Edit {
            file: "crates/ratls/src/marble.rs",
            find: "if found == Some(self.marble_type.as_bytes()) {",
            replace: "if found.is_some() {",
        }],
        proof: Proof::Tests(&["-p", "strongroom-ratls", "--test", "verifiers"]),
    },
    Mutant {
        name: "renewal-deployment",
        edits: &[Edit {
            file: "crates/launcher/src/renew.rs",
            find: ".is_some_and(|root| *root != first.coordinator_root)",
            replace: ".is_some_and(|root| *root != first.coordinator_root && false)",
        }],
        proof: Proof::Tests(&["-p", "strongroom-launcher", "--test", "launcher", "runtime"]),
    },
];
