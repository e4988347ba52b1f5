//! How many workloads a coordinator activates in a second, over real connections to real processes, and beside it what
//! the bare cryptography of one activation costs in the same run.
//!
//!     cargo xtask bench activations [--programs FOLDER] [--seconds S] [--count N] [--rounds N]
//!
//! Client, coordinator and simulated hardware share this machine's cores, so the ratio to the bare cryptography, which
//! has one core for itself and is told for both ends and the hardware together, holds everything that each of them does.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConnection, ConnectionCommon, DigitallySignedStruct, ServerConnection, SideData, SignatureScheme,
};
use serde_json::json;
use strongroom_attest::CoordinatorExpectation;
use strongroom_attester::{Attester, TeeChoice, detect};
use strongroom_benches::Failure;
use strongroom_benches::arguments::Arguments;
use strongroom_benches::load::{self, Figures, ms};
use strongroom_benches::programs::{Programs, Running};
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::issue::{self, Authority, Template, Usage};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::{Certificate, Csr, Names};
use strongroom_launcher::activate::activate;
use strongroom_launcher::caller::{self, Caller};
use strongroom_launcher::identity::ClientIdentity;
use strongroom_ratls::{
    Alpn, ClientCertificates, Identity, ServerSettings, Target, Versions, danger, server_config,
};
use strongroom_workload::{Description, Draft, DraftCoordinator, Measured};
use uuid::Uuid;

const MARBLE: &str = "bench";

fn main() -> Result<(), Failure> {
    let arguments = Arguments::read(&["programs", "seconds", "count", "rounds"])?;
    let bounds = arguments.bounds(3.0, 300)?;
    let programs = Programs::find(
        arguments.path("programs"),
        &["strongroom-simulator", "strongroom-coordinator"],
    )?;
    let folder = tempfile::tempdir()?;
    let deployment = Deployment::start(&programs, folder.path())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;

    println!(
        "activations: SIMULATED hardware, {} cores for client, coordinator and simulator together; middle of {} rounds \
         of at most {} s or {} repetitions",
        std::thread::available_parallelism()?,
        bounds.rounds,
        bounds.time.as_secs_f64(),
        bounds.count
    );
    // The first measures programs and fills what is kept; it also waits until the manifest is in force.
    runtime.block_on(deployment.activate())?;

    let bare = Bare::new()?;
    let deployment = Arc::new(deployment);
    let mut rows: [Vec<Figures>; 6] = Default::default();
    for _ in 0..bounds.rounds {
        rows[0].push(load::alone(bounds, || bare.activation())?);
        rows[1].push(load::alone(bounds, || synced(folder.path()))?);
        let clients = |count| vec![Arc::clone(&deployment); count];
        rows[2].push(runtime.block_on(load::together(clients(1), bounds, evidence))?);
        rows[3].push(runtime.block_on(load::together(clients(1), bounds, connection))?);
        rows[4].push(runtime.block_on(load::together(clients(1), bounds, activation))?);
        rows[5].push(runtime.block_on(load::together(clients(8), bounds, activation))?);
    }
    report(rows)
}

fn report(rows: [Vec<Figures>; 6]) -> Result<(), Failure> {
    let names = [
        "bare cryptography, both ends, 1 thread",
        "append of 1 KiB, synced to disk",
        "evidence from the simulator",
        "identity made, connection opened",
        "activation, 1 client",
        "activation, 8 clients",
    ];
    let mut bare = None;
    println!(
        "\n{:<40} {:>9} {:>10} {:>10}  of bare cryptography",
        "", "each s", "p50 ms", "p99 ms"
    );
    for (name, rounds) in names.into_iter().zip(rows) {
        let middle = Figures::middle(rounds)?;
        let bare = *bare.get_or_insert(middle.per_second);
        let ratio = if name.starts_with("activation") {
            format!("{:>6.1} %", 100.0 * middle.per_second / bare)
        } else {
            String::new()
        };
        println!(
            "{name:<40} {:>9.0} {:>10} {:>10}  {ratio}",
            middle.per_second,
            ms(middle.p50),
            ms(middle.p99)
        );
    }
    println!(
        "\nAn activation asks the simulator twice (coordinator and workload) and is synced before it is answered."
    );
    Ok(())
}

// The real thing.

/// A coordinator with a manifest that names this very program, on simulated hardware.
struct Deployment {
    _hardware: Running,
    _coordinator: Running,
    attester: Arc<dyn Attester>,
    target: Target,
    expectation: CoordinatorExpectation,
    description: Description,
    description_bytes: Vec<u8>,
}

impl Deployment {
    fn start(programs: &Programs, folder: &Path) -> Result<Self, Failure> {
        let socket = folder.join("hardware.sock");
        let hardware = start_hardware(programs, folder, &socket)?;
        let root = fs::read_to_string(folder.join("hardware/root.pem"))?;

        let expectation = json!([{
            "platform": "software",
            "roots": [root],
            "measurements": [measurement(&programs.path("strongroom-coordinator"))?],
            "protection": ["simulated"],
        }]);
        let own = measurement(Path::new("/proc/self/exe"))?;
        let program = std::env::current_exe()?.display().to_string();
        let draft = Draft::new(
            Measured::new(program, own),
            DraftCoordinator::Expect(expectation.clone()),
        );
        let description = draft.check()?;
        let manifest = folder.join("manifest.json");
        fs::write(&manifest, manifest_text(&own, &description, &root))?;
        let (coordinator, mesh) = start_coordinator(programs, folder, &socket, &manifest)?;
        Ok(Self {
            _hardware: hardware,
            _coordinator: coordinator,
            attester: detect(&TeeChoice::Software { socket })?,
            target: caller::target(&mesh)?,
            expectation: CoordinatorExpectation::parse(expectation.to_string().as_bytes())?,
            description,
            description_bytes: draft.to_json().into_bytes(),
        })
    }

    /// One workload, from its key to its checked certificate.
    async fn activate(&self) -> Result<(), Failure> {
        let caller = Caller {
            target: self.target.clone(),
            expectation: Some(self.expectation.clone()),
            attester: Arc::clone(&self.attester),
            description: self.description_bytes.clone(),
            marble_type: MARBLE.to_owned(),
            uuid: Uuid::new_v4().to_string(),
            names: names(),
            now,
        };
        let activated = activate(&caller, &self.description).await.map_err(whole)?;
        let secret = activated.parameters.files.get(SECRET_FILE);
        if secret.is_none_or(|secret| secret.len() != 32) {
            return Err("the activation came without its secret".into());
        }
        Ok(())
    }
}

async fn activation(deployment: Arc<Deployment>) -> Result<Arc<Deployment>, Failure> {
    deployment.activate().await?;
    Ok(deployment)
}

/// What the platform costs each time it is asked: here a process that signs, elsewhere a device.
async fn evidence(deployment: Arc<Deployment>) -> Result<Arc<Deployment>, Failure> {
    let description = Some(&deployment.description_bytes[..]);
    deployment.attester.evidence(&[7; 64], description).await?;
    Ok(deployment)
}

/// A new key, its certificate and request, and the mutual TLS 1.3 handshake.
async fn connection(deployment: Arc<Deployment>) -> Result<Arc<Deployment>, Failure> {
    let identity = ClientIdentity::create(&names(), now(), &SystemRandom)?;
    danger::connect_unverified(&deployment.target.clone().presenting(identity.tls)).await?;
    Ok(deployment)
}

fn start_hardware(programs: &Programs, folder: &Path, socket: &Path) -> Result<Running, Failure> {
    let ready = folder.join("hardware.ready");
    let mut command = programs.command("strongroom-simulator");
    command.arg("--dir").arg(folder.join("hardware"));
    command
        .arg("--socket")
        .arg(socket)
        .arg("--ready-file")
        .arg(&ready);
    let mut hardware = Running::start("strongroom-simulator", command, &folder.join("hardware.log"))?;
    hardware.wait_for(|| ready.exists().then_some(()))?;
    Ok(hardware)
}

/// The coordinator, and where workloads call it.
fn start_coordinator(
    programs: &Programs,
    folder: &Path,
    socket: &Path,
    manifest: &Path,
) -> Result<(Running, String), Failure> {
    let ready = folder.join("coordinator.ready");
    let mut command = programs.command("strongroom-coordinator");
    command.args([
        "--tee",
        "software",
        "--mesh-addr",
        "127.0.0.1:0",
        "--client-addr",
        "127.0.0.1:0",
    ]);
    command
        .arg("--simulator-socket")
        .arg(socket)
        .arg("--ready-file")
        .arg(&ready);
    command
        .arg("--seal-dir")
        .arg(folder.join("state"))
        .arg("--startup-manifest")
        .arg(manifest);
    let mut coordinator = Running::start("strongroom-coordinator", command, &folder.join("coordinator.log"))?;
    let mesh = coordinator.wait_for(|| {
        let ready: serde_json::Value = serde_json::from_slice(&fs::read(&ready).ok()?).ok()?;
        Some(ready.get("mesh_addr")?.as_str()?.to_owned())
    })?;
    Ok((coordinator, mesh))
}

fn manifest_text(own: &Digest32, description: &Description, root: &str) -> String {
    json!({
        "Packages": { MARBLE: {
            "Platform": "software",
            "Measurements": [own],
            "Workloads": [description.digest()],
            "Roots": [root],
            "Protection": ["simulated"],
        } },
        "Marbles": { MARBLE: {
            "Package": MARBLE,
            "Parameters": { "Files": { SECRET_FILE: "{{ raw .Secrets.shared }}" } },
        } },
        "Secrets": { "shared": { "Type": "symmetric-key", "Size": 256, "Shared": true } },
    })
    .to_string()
}

fn measurement(program: &Path) -> Result<Digest32, Failure> {
    Ok(sha256(&fs::read(program)?))
}

/// An error with its causes.
fn whole(error: impl std::error::Error) -> Failure {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text.into()
}

const SECRET_FILE: &str = "/run/strongroom/shared";

// The parts.

/// What a commit costs at least on this disk.
fn synced(folder: &Path) -> Result<(), Failure> {
    let path = folder.join("appended");
    let mut file = File::options().create(true).append(true).open(path)?;
    file.write_all(&[7; 1024])?;
    Ok(file.sync_data()?)
}

/// Every signature, verification, key generation and key agreement of one activation, and nothing else but the encoding
/// around them: no socket, no process, no disk.
struct Bare {
    server: Arc<rustls::ServerConfig>,
    hardware_root: Certificate,
    attestation_key: SigningKey,
    attestation: Certificate,
    coordinator_root: Certificate,
    intermediate_key: SigningKey,
    intermediate: Certificate,
}

impl Bare {
    fn new() -> Result<Self, Failure> {
        let (hardware_key, attestation_key) = (SigningKey::generate_p384(), SigningKey::generate_p384());
        let (root_key, intermediate_key) = (SigningKey::generate_p384(), SigningKey::generate_p384());
        let authority = template(Usage::Authority);
        let coordinator_root = issue::self_signed(&authority, &root_key, &SystemRandom)?;
        let marble_root = issue::self_signed(&authority, &intermediate_key, &SystemRandom)?;
        let by = |key, subject: &SigningKey, usage| {
            Authority::new(MARBLE, key).issue(&template(usage), subject.spki_der(), &SystemRandom)
        };
        let mesh = Identity::new(&[marble_root], &intermediate_key)?.certified_key();
        let settings = ServerSettings {
            versions: Versions::Tls13,
            clients: ClientCertificates::Required,
            alpn: Alpn::Http2,
        };
        let resolver = rustls::sign::SingleCertAndKey::from((*mesh).clone());
        Ok(Self {
            server: server_config(Arc::new(resolver), settings)?,
            hardware_root: issue::self_signed(&authority, &hardware_key, &SystemRandom)?,
            attestation: by(&hardware_key, &attestation_key, Usage::Leaf)?,
            attestation_key,
            intermediate: by(&root_key, &intermediate_key, Usage::Authority)?,
            coordinator_root,
            intermediate_key,
        })
    }

    fn activation(&self) -> Result<(), Failure> {
        // A3: key, certificate of the connection, request.
        let identity = ClientIdentity::create(&names(), now(), &SystemRandom)?;
        self.handshake(&identity.tls)?; // A4
        self.evidence(b"coordinator")?; // A5, A6
        self.evidence(b"workload")?; // A7, A9
        let request = Csr::parse_and_verify(&identity.request)?; // A10
        let leaf = Authority::new(MARBLE, &self.intermediate_key).issue(
            &template(Usage::Leaf),
            request.spki_der(),
            &SystemRandom,
        )?;
        // A13: what the launcher checks of what it was given.
        self.intermediate
            .verify_signature_by(&self.coordinator_root.verifying_key()?)?;
        leaf.verify_signature_by(&self.intermediate.verifying_key()?)?;
        Ok(())
    }

    /// Signed by the platform; certificate and statement verified.
    fn evidence(&self, statement: &[u8]) -> Result<(), Failure> {
        let signature = self.attestation_key.sign(statement);
        self.attestation
            .verify_signature_by(&self.hardware_root.verifying_key()?)?;
        self.attestation.verifying_key()?.verify(statement, &signature)?;
        Ok(())
    }

    /// Both ends of a mutual TLS 1.3 handshake, in memory.
    fn handshake(&self, identity: &Identity) -> Result<(), Failure> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let presented = rustls::sign::SingleCertAndKey::from((*identity.certified_key()).clone());
        let mut config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyServer(provider)))
            .with_client_cert_resolver(Arc::new(presented));
        config.alpn_protocols = vec![b"h2".to_vec()];
        let mut client = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost")?)?;
        let mut server = ServerConnection::new(Arc::clone(&self.server))?;
        while client.is_handshaking() || server.is_handshaking() {
            hand_over(&mut client, &mut server)?;
            hand_over(&mut server, &mut client)?;
        }
        if server.peer_certificates().is_none() {
            return Err("the handshake was not mutual".into());
        }
        Ok(())
    }
}

fn hand_over<A: SideData, B: SideData>(
    from: &mut ConnectionCommon<A>,
    to: &mut ConnectionCommon<B>,
) -> Result<(), Failure> {
    let mut wire = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut wire)?;
    }
    let mut wire = &wire[..];
    while !wire.is_empty() {
        to.read_tls(&mut wire)?;
        to.process_new_packets()?;
    }
    Ok(())
}

/// As the launcher's: whoever holds the key of the certificate it shows.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: rustls::pki_types::UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn template(usage: Usage) -> Template {
    Template {
        common_name: MARBLE.to_owned(),
        names: names(),
        not_before: now().minus(60),
        not_after: now().plus(3600),
        usage,
        extensions: Vec::new(),
    }
}

fn names() -> Names {
    Names {
        dns: vec!["localhost".to_owned()],
        ip: vec![[127, 0, 0, 1].into()],
    }
}

fn now() -> UnixTime {
    SystemTime::now().into()
}
