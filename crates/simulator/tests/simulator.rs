//! The simulator with a real socket and real processes that ask it.

use std::fs;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use strongroom_attest::platform::software::protocol::{FRAME_BYTES_MAX, Hello, Operation, Request, Response};
use strongroom_attest::{Binding, Claims, Endorsements, Evidence, Platform, Protection, Roots, verify};
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;
use strongroom_service::Shutdown;
use strongroom_simulator::{Config, ROOT_FILE, Simulator, probe};
use strongroom_workload::{Description, Draft, DraftCoordinator, Measured};

const NOW: UnixTime = UnixTime(4_000_000_000);
const PROGRAM: &str = env!("CARGO_BIN_EXE_strongroom-simulator");

/// A simulator in a folder of its own, served by a thread of this process.
struct Running {
    folder: tempfile::TempDir,
    shutdown: Shutdown,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn start() -> Self {
        Self::start_in(tempfile::tempdir().expect("a temporary directory"), false)
    }

    fn start_in(folder: tempfile::TempDir, debug: bool) -> Self {
        let shutdown = Shutdown::new();
        let (ready, is_ready) = std::sync::mpsc::sync_channel(1);
        let (config, stop) = (config(folder.path(), debug), shutdown.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(async {
                let simulator = Simulator::open(config).expect("a simulator");
                ready.send(()).expect("the test waits");
                simulator.serve(stop).await;
            });
        });
        is_ready.recv().expect("the simulator opened");
        Self {
            folder,
            shutdown,
            thread: Some(thread),
        }
    }

    fn stop(mut self) -> tempfile::TempDir {
        self.shutdown.trigger();
        self.thread
            .take()
            .expect("it runs")
            .join()
            .expect("it ended well");
        let empty = tempfile::tempdir().expect("a temporary directory");
        std::mem::replace(&mut self.folder, empty)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    fn ask(&self, operation: Operation) -> Response {
        probe::ask(&self.socket(), operation).expect("the simulator answers")
    }

    fn roots(&self) -> Roots {
        let pem = fs::read_to_string(self.folder.path().join("platform").join(ROOT_FILE)).expect("a root");
        Roots::none().with(
            Platform::Software,
            Certificate::parse_pem(&pem).expect("a certificate"),
        )
    }

    fn claims(&self, envelope: &str, binding: &Binding) -> Claims {
        let evidence = Evidence::parse(&BASE64.decode(envelope).expect("base64")).expect("evidence");
        let verified = verify(&evidence, &Endorsements::none(), &self.roots(), binding, NOW);
        verified.expect("it verifies").claims().clone()
    }

    /// What a program gets that asks for evidence of itself.
    fn probe(&self, program: &Path) -> Digest32 {
        let output = Command::new(program)
            .arg("--probe")
            .arg("--socket")
            .arg(self.socket())
            .output();
        let output = output.expect("the program runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let envelope = BASE64.decode(output.stdout.trim_ascii()).expect("base64");
        let evidence = Evidence::parse(&envelope).expect("evidence");
        // The probe asks with report data that no binding makes, so its claims are read from the refusal's report.
        let refused = verify(
            &evidence,
            &Endorsements::none(),
            &self.roots(),
            &Binding::User(Vec::new()),
            NOW,
        );
        assert_eq!(
            refused.expect_err("bound to nothing").code().as_str(),
            "evidence.binding"
        );
        measurement_in(&envelope)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.trigger();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("it ended well");
        }
    }
}

fn config(folder: &Path, debug: bool) -> Config {
    Config {
        dir: folder.join("platform"),
        socket: folder.join("socket"),
        debug,
        clock: || NOW,
        random: Arc::new(SystemRandom),
    }
}

/// The measurement field of an envelope, read by its place: label, version, report data, then 32 bytes.
fn measurement_in(envelope: &[u8]) -> Digest32 {
    let mut rest = &envelope[14 + 4..];
    for _ in 0..3 {
        let length =
            usize::try_from(u32::from_be_bytes(rest[..4].try_into().expect("4 bytes"))).expect("small");
        rest = &rest[4 + length..];
    }
    Digest32(rest[4..36].try_into().expect("32 bytes"))
}

fn evidence_for(binding: &Binding, description: Option<&str>) -> Operation {
    Operation::Evidence {
        report_data: BASE64.encode(binding.report_data()),
        description: description.map(|text| BASE64.encode(text)),
    }
}

fn own_measurement() -> Digest32 {
    sha256(&fs::read("/proc/self/exe").expect("this program"))
}

/// A copy that runs the same, and has other bytes.
fn modified_copy(folder: &Path) -> PathBuf {
    let copy = folder.join("modified");
    let mut bytes = fs::read(PROGRAM).expect("the program");
    bytes.push(0);
    fs::write(&copy, bytes).expect("a copy");
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).expect("a program");
    copy
}

#[test]
fn evidence_names_the_caller_and_its_workload_and_says_that_it_is_simulated() {
    let simulator = Running::start();
    let binding = Binding::User(b"session".to_vec());
    let program = Measured::new("/usr/bin/inference", sha256(b"program"));
    let draft = Draft::new(program, DraftCoordinator::Unverified);
    let digest = Description::parse(draft.to_json().as_bytes())
        .expect("a description")
        .digest();

    let Response::Evidence(envelope) = simulator.ask(evidence_for(&binding, Some(&draft.to_json()))) else {
        panic!("no evidence");
    };
    let claims = simulator.claims(&envelope, &binding);
    assert_eq!(*claims.measurement(), own_measurement().into());
    assert_eq!(claims.workload(), Some(digest));
    assert_eq!(claims.protection(), Protection::Simulated);
    assert!(!claims.debug());
}

#[test]
fn a_workload_description_that_cannot_be_read_gets_no_evidence() {
    let simulator = Running::start();
    let operation = evidence_for(&Binding::User(Vec::new()), Some("{}"));
    let Response::Refused(sentence) = simulator.ask(operation) else {
        panic!("not refused")
    };
    assert!(sentence.contains("workload description"), "{sentence}");
}

#[test]
fn a_modified_program_has_another_measurement() {
    let simulator = Running::start();
    let folder = tempfile::tempdir().expect("a temporary directory");
    let genuine = simulator.probe(Path::new(PROGRAM));
    let modified = simulator.probe(&modified_copy(folder.path()));
    assert_eq!(genuine, sha256(&fs::read(PROGRAM).expect("the program")));
    assert_ne!(genuine, modified);
    assert_ne!(
        modified,
        own_measurement(),
        "and not that of the process that started it"
    );
}

#[test]
fn a_process_that_asks_the_socket_directly_gets_its_own_measurement() {
    // Whatever this test process writes, the simulator says that this test process asks.
    let simulator = Running::start();
    let binding = Binding::User(b"I am the launcher".to_vec());
    let Response::Evidence(envelope) = simulator.ask(evidence_for(&binding, None)) else {
        panic!("no evidence")
    };
    assert_eq!(
        *simulator.claims(&envelope, &binding).measurement(),
        own_measurement().into()
    );
}

#[test]
fn a_question_that_another_process_writes_is_not_answered() {
    let simulator = Running::start();
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut stream = UnixStream::connect(simulator.socket()).expect("the simulator listens");
    let hello: Hello =
        serde_json::from_slice(&probe::read_frame(&mut stream).expect("a hello")).expect("JSON");
    let request = Request {
        challenge: hello.challenge,
        operation: Operation::SealKey,
    };
    let question = folder.path().join("question");
    fs::write(&question, probe::encode(&request).expect("JSON")).expect("a file");

    // `cat` writes what this process connected for: were that answered, any process could borrow a measured one.
    let ours = OwnedFd::from(stream.try_clone().expect("a second descriptor"));
    let status = Command::new("cat")
        .arg(&question)
        .stdout(Stdio::from(ours))
        .status()
        .expect("cat runs");
    assert!(status.success());
    probe::read_frame(&mut stream).expect_err("the simulator hangs up");

    // The same bytes from the process that connected are answered.
    assert!(matches!(simulator.ask(Operation::SealKey), Response::SealKey(_)));
}

#[test]
fn a_question_without_the_challenge_is_not_answered() {
    let simulator = Running::start();
    let mut stream = UnixStream::connect(simulator.socket()).expect("the simulator listens");
    probe::read_frame(&mut stream).expect("a hello");
    let request = Request {
        challenge: Digest32([0; 32]),
        operation: Operation::SealKey,
    };
    probe::write_frame(&mut stream, &request).expect("sent");
    let answer = serde_json::from_slice(&probe::read_frame(&mut stream).expect("an answer")).expect("JSON");
    assert!(matches!(answer, Response::Refused(sentence) if sentence.contains("challenge")));
}

#[test]
fn an_endless_question_is_cut_off() {
    let simulator = Running::start();
    let mut stream = UnixStream::connect(simulator.socket()).expect("the simulator listens");
    probe::read_frame(&mut stream).expect("a hello");
    let length = u32::try_from(FRAME_BYTES_MAX + 1).expect("small");
    stream.write_all(&length.to_be_bytes()).expect("sent");
    probe::read_frame(&mut stream).expect_err("the simulator hangs up");
}

#[test]
fn the_seal_key_hangs_on_program_machine_and_flags_and_survives_a_restart() {
    let key = |simulator: &Running| match simulator.ask(Operation::SealKey) {
        Response::SealKey(key) => key,
        _ => panic!("no key"),
    };
    let simulator = Running::start();
    let before = key(&simulator);
    let roots = simulator.roots();
    let simulator = Running::start_in(simulator.stop(), false);
    assert_eq!(key(&simulator), before, "the same program after a restart");
    let root = |roots: &Roots| {
        roots
            .of(Platform::Software)
            .next()
            .expect("a root")
            .der()
            .to_vec()
    };
    assert_eq!(root(&simulator.roots()), root(&roots), "under the same root");

    let debugged = Running::start_in(simulator.stop(), true);
    assert_ne!(key(&debugged), before, "debug mode");
    assert_ne!(key(&Running::start()), before, "another machine");
}

#[test]
fn counters_survive_a_restart_and_belong_to_their_program() {
    let step = |simulator: &Running| match simulator.ask(Operation::CounterAdvance { name: "epoch".into() }) {
        Response::Counter(value) => value,
        _ => panic!("no value"),
    };
    let simulator = Running::start();
    assert_eq!((step(&simulator), step(&simulator)), (1, 2));
    let simulator = Running::start_in(simulator.stop(), false);
    let Response::Counter(value) = simulator.ask(Operation::CounterRead { name: "epoch".into() }) else {
        panic!("no value");
    };
    assert_eq!(value, 2);
    assert_eq!(step(&simulator), 3);
    for name in ["", "Epoch", "../epoch", &"e".repeat(65)] {
        let refused = simulator.ask(Operation::CounterAdvance {
            name: name.to_owned(),
        });
        assert!(matches!(refused, Response::Refused(_)), "{name:?}");
    }
}

#[test]
fn debug_mode_is_in_the_evidence() {
    let simulator = Running::start_in(tempfile::tempdir().expect("a temporary directory"), true);
    let binding = Binding::User(Vec::new());
    let Response::Evidence(envelope) = simulator.ask(evidence_for(&binding, None)) else {
        panic!("no evidence")
    };
    assert!(simulator.claims(&envelope, &binding).debug());
}
