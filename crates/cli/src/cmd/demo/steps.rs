//! The seven steps.

use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::digits::{self, HeldBack};
use super::hardware;
use super::restart::{self, Expect};
use super::say;
use super::stage::{Party, Stage};

/// What the steps showed.
pub(super) struct Played {
    pub(super) steps: usize,
    pub(super) accuracy: f64,
}

type Step = fn(&mut Stage) -> anyhow::Result<()>;

/// Plays all seven.
pub(super) fn play(stage: &mut Stage) -> anyhow::Result<Played> {
    let steps: [(&str, Step); 6] = [
        ("The owner encrypts a model and uploads it to the cloud", encrypt),
        (
            "The administrator starts the coordinator with a manifest",
            start_coordinator,
        ),
        ("The administrator deploys the inference service", deploy),
        ("The coordinator verifies the workload's evidence", see_activation),
        (
            "The owner verifies the deployment, and only then uploads the model key",
            release_key,
        ),
        (
            "The workload decrypts the model in memory, verifying each chunk",
            see_decryption,
        ),
    ];
    for (number, (title, step)) in steps.into_iter().enumerate() {
        say(&format!("\n[{}/7] {title}", number + 1));
        step(stage).with_context(|| format!("step {}", number + 1))?;
    }
    say("\n[7/7] A user verifies the deployment, connects, and predicts");
    let accuracy = predict(stage).context("step 7")?;
    Ok(Played { steps: 7, accuracy })
}

fn encrypt(stage: &mut Stage) -> anyhow::Result<()> {
    let owner = stage.folder(Party::Owner);
    digits::write_owners_files(&owner, stage.engine.kind)?;
    stage.strongroom(Party::Owner, &["model", "key", "new", "model.key"])?;
    let url = stage.bundle_url();
    let made = stage.strongroom_json(
        Party::Owner,
        &[
            "model",
            "encrypt",
            "digits",
            &url,
            "--key",
            "model.key",
            "--reference",
            "reference.json",
        ],
    )?;
    let digest = text(&made, "digest")?;
    std::fs::write(owner.join("digest"), digest).context("noting the digest")?;
    say(&format!("  uploaded to {url}"));
    say(&format!(
        "  digest {digest}: this version of this model, and no other"
    ));

    let plain = digits::plaintext(stage.engine.kind);
    say(&format!("  the model begins:           {}", glimpse(plain)));
    if let Some(path) = url.strip_prefix("file://") {
        let seen = std::fs::read(path).context("looking at the cloud's copy")?;
        say(&format!(
            "  the cloud's copy, half way: {}",
            glimpse(&seen[seen.len() / 2..])
        ));
        ensure!(!contains(&seen, &plain[..32]), "the cloud's copy holds plaintext");
    }
    Ok(())
}

fn start_coordinator(stage: &mut Stage) -> anyhow::Result<()> {
    hardware::make(stage)?;
    restart::coordinator(stage)?;
    let (tee, words) = (stage.tee.platform(), stage.tee.in_words());
    say(&format!(
        "  cloud$ strongroom-coordinator --tee {tee}   ({words})"
    ));

    stage.strongroom(Party::Owner, &["user", "new", "owner", "--out", "."])?;
    let administrator = stage.folder(Party::Administrator);
    write_json(&administrator.join("inference.json"), &description(stage)?)?;
    write_json(&administrator.join("manifest.json"), &manifest(stage)?)?;
    stage.strongroom(Party::Administrator, &["manifest", "check", "manifest.json"])?;

    // Who wants to rely on the deployment says beforehand what it has to be: coordinator and manifest.
    let digest = stage.strongroom_json(Party::Administrator, &["manifest", "digest", "manifest.json"])?;
    let digest = text(&digest, "digest")?.to_owned();
    for party in [Party::Administrator, Party::Owner, Party::User] {
        write_json(&stage.folder(party).join("policy.json"), &policy(stage, &digest)?)?;
    }
    let host = stage.coordinator_address();
    stage.strongroom(
        Party::Administrator,
        &[
            "manifest",
            "set",
            "manifest.json",
            &host,
            "--expect",
            "policy.json",
        ],
    )?;
    say(&format!(
        "  manifest {digest} is in force: owner and user were given this digest to expect"
    ));
    Ok(())
}

fn deploy(stage: &mut Stage) -> anyhow::Result<()> {
    let tee = stage.tee.platform();
    say(&format!(
        "  cloud$ strongroom-launcher --tee {tee} --workload inference.json"
    ));
    restart::workload(stage, Expect::WaitingForKey)?;
    say("  the launcher verified the coordinator first, then showed its own evidence");
    Ok(())
}

fn see_activation(stage: &mut Stage) -> anyhow::Result<()> {
    say("  evidence accepted: launcher and description are those that the manifest names");
    let host = stage.coordinator_address();
    let status = stage.strongroom_json(Party::Administrator, &["status", &host])?;
    say(&format!(
        "  coordinator: {}",
        text(&status, "phase").unwrap_or("running")
    ));
    say("  the workload waits: secret `digits-key` is not set, and nobody but the owner can set it");
    Ok(())
}

fn release_key(stage: &mut Stage) -> anyhow::Result<()> {
    let host = stage.coordinator_address();
    let report = stage.strongroom(
        Party::Owner,
        &[
            "deployment",
            "verify",
            &host,
            "--expect",
            "policy.json",
            "--trust",
            "trust.json",
        ],
    )?;
    for line in report.stdout.lines() {
        say(&format!("    {line}"));
    }
    upload_key(stage)
}

/// The owner's upload: refused by the client itself where the deployment is not the expected one.
pub(super) fn upload_key(stage: &Stage) -> anyhow::Result<()> {
    let host = stage.coordinator_address();
    let mut arguments = vec![
        "secret".to_owned(),
        "set".to_owned(),
        "digits-key=model.key".to_owned(),
    ];
    for setting in stage.store_settings() {
        if let Some(secret) = setting.secret() {
            write_private(
                &stage.folder(Party::Owner).join(&secret),
                setting.value.as_bytes(),
            )?;
            arguments.push(format!("{secret}={secret}"));
        }
    }
    let rest = [
        "--expect",
        "policy.json",
        "--trust",
        "trust.json",
        "--cert",
        "owner.pem",
        "--key",
        "owner.key.pem",
    ];
    arguments.push(host);
    arguments.extend(rest.map(str::to_owned));
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    stage.strongroom(Party::Owner, &arguments)?;
    Ok(())
}

fn see_decryption(stage: &mut Stage) -> anyhow::Result<()> {
    let port = stage.ports.health;
    let workload = stage.workload.as_mut().context("the workload runs")?;
    workload.wait_until("the model was loaded", |_| restart::is_serving(port))?;
    say("  the key reached the inference workload alone; the model was decrypted into its memory and");
    say("  checked against the reference outputs that the owner had put into the bundle");
    Ok(())
}

fn predict(stage: &mut Stage) -> anyhow::Result<f64> {
    let held_back = digits::held_back()?;
    let user = stage.folder(Party::User);
    write_json(&user.join("held-back.json"), &held_back.predict_body())?;
    let one = HeldBack {
        images: vec![held_back.images[0].clone()],
        labels: vec![held_back.labels[0]],
    };
    write_json(&user.join("one.json"), &one.predict_body())?;

    let host = stage.coordinator_address();
    stage.strongroom(
        Party::User,
        &[
            "deployment",
            "verify",
            &host,
            "--expect",
            "policy.json",
            "--trust",
            "trust.json",
            "--ca",
            "ca.pem",
        ],
    )?;
    let rest = predictions(stage, stage.ports.rest, &[])?;
    let grpc = predictions(stage, stage.ports.grpc, &["--grpc"])?;
    ensure!(rest == grpc, "REST and gRPC answer differently");
    ensure!(
        rest.len() == held_back.labels.len(),
        "not every image was answered"
    );

    let shown = [0, 1, 2, 3];
    say("");
    for line in held_back.pictures(&shown).lines() {
        say(line);
    }
    say(&held_back.captions(&shown, &rest));
    let accuracy = held_back.accuracy(&rest);
    say(&format!(
        "  {} images that the model never saw, over REST and over gRPC: {:.1} % right",
        rest.len(),
        accuracy * 100.0
    ));
    Ok(accuracy)
}

/// The digits that the service reads in all held-back images.
pub(super) fn predictions(stage: &Stage, port: u16, more: &[&str]) -> anyhow::Result<Vec<u8>> {
    let endpoint = format!("localhost:{port}");
    let mut arguments = vec![
        "predict",
        &endpoint,
        "--trust",
        "trust.json",
        "--model",
        "digits",
        "--marble",
        "inference",
        "--instances",
        "held-back.json",
    ];
    arguments.extend(more);
    let answer = stage.strongroom_json(Party::User, &arguments)?;
    let digits = answer["outputs"]["digit"]
        .as_array()
        .context("the answer has no output `digit`")?;
    digits
        .iter()
        .map(|digit| {
            digit
                .as_u64()
                .and_then(|digit| u8::try_from(digit).ok())
                .context("a digit is a number")
        })
        .collect()
}

fn description(stage: &Stage) -> anyhow::Result<Value> {
    let run = stage.provision_dir();
    let program = stage.program("strongroom-inference");
    let ports = &stage.ports;
    let settings: Vec<_> = stage
        .store_settings()
        .into_iter()
        .map(|setting| setting.name)
        .collect();
    let mut argv = vec![
        "strongroom-inference".to_owned(),
        "--log_format=json".to_owned(),
        format!("--provision_file={}", run.join("provision.json").display()),
        "--listen_address=127.0.0.1".to_owned(),
        format!("--port={}", ports.grpc),
        format!("--rest_api_port={}", ports.rest),
        format!("--health_port={}", ports.health),
    ];
    // What stands in the measured command line, no host changes.
    if let Some(folder) = stage.engine.folder() {
        argv.push(format!("--tensorflow_library={}", folder.display()));
    }
    for library in stage.engine.libraries() {
        argv.push(format!(
            "--tensorflow_library_digest={}",
            measure(stage, library)?
        ));
    }
    Ok(json!({
        "format": "strongroom.workload.v1",
        "program": { "path": program, "digest": measure(stage, &program)? },
        "argv": argv,
        "environment": [],
        "coordinator_may_set": { "environment": settings, "files": [] },
        "coordinator": { "expect": [reference_values(stage)?] },
        "provision_dir": run,
    }))
}

fn manifest(stage: &Stage) -> anyhow::Result<Value> {
    let administrator = stage.folder(Party::Administrator);
    let workload = stage.strongroom_json(
        Party::Administrator,
        &[
            "workload",
            "digest",
            &administrator.join("inference.json").display().to_string(),
        ],
    )?;
    let launcher = measure(stage, &stage.program("strongroom-launcher"))?;
    let owner = stage.folder(Party::Owner);
    let certificate =
        std::fs::read_to_string(owner.join("owner.pem")).context("reading the owner's certificate")?;
    let digest = std::fs::read_to_string(owner.join("digest")).context("reading the bundle's digest")?;
    // The manifest is for everybody to read: what opens the store goes to the workload as a secret.
    let mut settings = serde_json::Map::new();
    let mut secrets = serde_json::Map::new();
    secrets.insert(
        "digits-key".into(),
        json!({ "Type": "symmetric-key", "Size": 256, "UserDefined": true }),
    );
    for setting in stage.store_settings() {
        let value = match setting.secret() {
            Some(secret) => {
                let template = format!("{{{{ string .Secrets.{secret} }}}}");
                secrets.insert(secret, json!({ "Type": "plain", "UserDefined": true }));
                template
            }
            None => setting.value,
        };
        settings.insert(setting.name, value.into());
    }
    let writable: Vec<_> = secrets.keys().cloned().collect();
    Ok(json!({
        "Packages": { "inference": {
            "Platform": stage.tee.platform(),
            "Measurements": [launcher],
            "Workloads": [text(&workload, "digest")?],
            "Roots": [hardware::root(stage)?],
            "Protection": [stage.tee.protection()],
        } },
        "Marbles": { "inference": {
            "Package": "inference",
            "DNSNames": ["localhost"],
            "Models": ["digits"],
            "ProvisionDir": stage.provision_dir(),
            "Parameters": { "Env": settings },
        } },
        "Models": { "digits": {
            "Bundles": [digest],
            "Store": stage.bundle_url(),
            "Key": "digits-key",
            "Clients": "anyone",
        } },
        "Secrets": secrets,
        "Users": { "owner": { "Certificate": certificate, "Roles": ["model-owner"] } },
        "Roles": { "model-owner": {
            "ResourceType": "Secrets", "ResourceNames": writable, "Actions": ["WriteSecret"],
        } },
    }))
}

fn policy(stage: &Stage, manifest: &str) -> anyhow::Result<Value> {
    Ok(json!({
        "format": "strongroom.policy.v1",
        "coordinator": [reference_values(stage)?],
        "manifest_digests": [manifest],
    }))
}

/// What the coordinator has to be: this program, on this hardware.
fn reference_values(stage: &Stage) -> anyhow::Result<Value> {
    Ok(json!({
        "platform": stage.tee.platform(),
        "roots": [hardware::root(stage)?],
        "measurements": [measure(stage, &stage.program("strongroom-coordinator"))?],
        "protection": [stage.tee.protection()],
    }))
}

/// The measurement of a program, as its publisher would state it.
fn measure(stage: &Stage, program: &Path) -> anyhow::Result<String> {
    let measured =
        stage.strongroom_json(Party::Administrator, &["measure", &program.display().to_string()])?;
    Ok(text(&measured, "measurement")?.to_owned())
}

fn write_json(path: &Path, value: &Value) -> anyhow::Result<()> {
    let text = serde_json::to_vec_pretty(value).context("writing JSON")?;
    std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options
        .open(path)
        .with_context(|| format!("writing {}", path.display()))?;
    file.write_all(bytes)
        .with_context(|| format!("writing {}", path.display()))
}

fn text<'a>(value: &'a Value, name: &str) -> anyhow::Result<&'a str> {
    value[name]
        .as_str()
        .with_context(|| format!("`{name}` is missing in {value}"))
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// The first bytes, as a person would look at them.
fn glimpse(bytes: &[u8]) -> String {
    bytes
        .iter()
        .take(48)
        .map(|&byte| {
            if byte.is_ascii_graphic() {
                char::from(byte)
            } else {
                '·'
            }
        })
        .collect()
}
