//! The whole launch, step by step, as `docs/flows/activation.md` numbers it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use strongroom_attest::CoordinatorExpectation;
use strongroom_attester::{Attester, TeeChoice};
use strongroom_crypto::time::UnixTime;
use strongroom_service::process::{forbid_core_dumps, forbid_inspection};
use strongroom_service::ready::write_ready_file;
use tokio::time::Instant;

use crate::activate::{Activated, activate};
use crate::caller::{Caller, target};
use crate::child::{Arrived, Child, Signals};
use crate::config::Config;
use crate::error::LaunchError;
use crate::hide::hide;
use crate::identity::uuid;
use crate::measure::{Workload, measure};
use crate::namespace::{self, Namespace};
use crate::parameters::plan;
use crate::provision::Provisioner;
use crate::renew::{First, renew_while_allowed};

/// How the process ends: with the program's exit code, or with 128 and the number of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit(pub u8);

/// What the ready file says.
#[derive(Debug, serde::Serialize)]
struct Ready<'a> {
    process: i32,
    uuid: &'a str,
}

/// A launch of which everything that needs a single thread is done.
#[derive(Debug)]
pub struct Prepared {
    config: Config,
    namespace: Namespace,
    workload: Workload,
}

/// A1, A2: hardens the process, enters its namespace, measures. To be called before any thread is started.
///
/// # Errors
/// [`LaunchError`].
pub fn prepare(config: Config) -> Result<Prepared, LaunchError> {
    let setup = |what| move |source| LaunchError::Setup { what, source };
    forbid_core_dumps().map_err(setup("core dumps"))?;
    // The orphans of the program become our children, to be reaped here also when this is not the first process.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(|error| setup("reaping")(error.into()))?;
    let namespace = namespace::enter()?;
    rustix::thread::set_no_new_privs(true).map_err(|error| setup("no new privileges")(error.into()))?;
    // The simulator measures by `/proc/PID/exe`, which it could not read otherwise.
    if !matches!(config.tee, TeeChoice::Software { .. }) {
        forbid_inspection().map_err(setup("inspection"))?;
    }
    let workload = measure(&config.workload, &namespace)?;
    tracing::info!(
        program = workload.description.program().path(),
        measurement = %workload.description.digest(),
        "measured"
    );
    Ok(Prepared {
        config,
        namespace,
        workload,
    })
}

/// A3–A15: verifies, activates, provides, starts, stays.
///
/// To be awaited on the main thread: the program ends with the thread that started it.
///
/// # Errors
/// [`LaunchError`] when the program never ran, or had to end because its certificate was not renewed.
pub async fn run(
    prepared: Prepared,
    attester: Arc<dyn Attester>,
    now: fn() -> UnixTime,
) -> Result<Exit, LaunchError> {
    let Prepared {
        config,
        namespace,
        workload,
    } = prepared;
    let mut signals = Signals::install().map_err(|source| LaunchError::Setup {
        what: "signals",
        source,
    })?;
    let caller = caller(&config, &workload, attester, now)?;
    // Before anything secret arrives: a program that could not be kept from the platform gets none of it.
    hide(&namespace, &caller.attester.devices())?;

    let activated = tokio::select! {
        activated = activate(&caller, &workload.description) => activated?,
        signal = signals.asked_to_end() => {
            tracing::info!(?signal, "ended before activation");
            return Ok(Exit(128 + u8::try_from(signal.as_raw()).unwrap_or_default()));
        }
    };
    tracing::info!(uuid = caller.uuid, not_after = %activated.credentials.leaf().not_after(), "activated");
    let first = First {
        leaf: activated.credentials.leaf().clone(),
        coordinator_root: activated.credentials.coordinator_root().clone(),
    };
    let (child, provisioner) = start(&workload, activated, namespace)?;
    let provisioner = Mutex::new(provisioner);
    if let Some(path) = &config.ready_file {
        let ready = Ready {
            process: child.process().as_raw_nonzero().get(),
            uuid: &caller.uuid,
        };
        if let Err(error) = write_ready_file(path, &ready) {
            tracing::warn!(path = %path.display(), %error, "the ready file cannot be written");
        }
    }

    let renewal = async {
        // A coordinator that is not verified is MarbleRun's: its certificates are not renewed.
        match caller.expectation {
            Some(_) => renew_while_allowed(&caller, &provisioner, &first).await,
            None => std::future::pending().await,
        }
    };
    let outcome = supervise(&child, &mut signals, renewal, &provisioner).await;
    child.end_group();
    provisioner.lock().unwrap_or_else(PoisonError::into_inner).wipe();
    outcome
}

fn caller(
    config: &Config,
    workload: &Workload,
    attester: Arc<dyn Attester>,
    now: fn() -> UnixTime,
) -> Result<Caller, LaunchError> {
    let expectation = match workload.description.coordinator().expectation() {
        Some(json) => Some(CoordinatorExpectation::parse(json.as_bytes()).map_err(LaunchError::Expectation)?),
        None => {
            tracing::warn!(
                "the description does not verify the coordinator: whoever answers provides this workload"
            );
            None
        }
    };
    Ok(Caller {
        target: target(&config.coordinator_addr)?,
        expectation,
        endorsements: config.endorsements.clone(),
        attester,
        description: workload.description_bytes.clone(),
        workload: workload.description.digest(),
        marble_type: config.marble_type.clone(),
        uuid: uuid(&config.uuid_file)?.to_string(),
        names: config.names.clone(),
        now,
    })
}

/// A14: provides and starts.
fn start(
    workload: &Workload,
    activated: Activated,
    namespace: Namespace,
) -> Result<(Child, Provisioner), LaunchError> {
    let Activated {
        credentials,
        parameters,
    } = activated;
    let plan = plan(
        &workload.description,
        parameters,
        &credentials,
        std::env::vars_os(),
    )?;
    if !plan.dropped.is_empty() {
        tracing::warn!(
            names = plan.dropped.join(" "),
            "variables are left out that the description does not allow"
        );
    }
    let mut provisioner = Provisioner::prepare(workload.description.provision_dir(), namespace)?;
    for (path, content) in &plan.files {
        provisioner.provide(path, content)?;
    }
    provisioner.provide_identity(&credentials)?;
    let launcher = PathBuf::from(OWN_EXECUTABLE);
    let child = Child::start(&launcher, &workload.program, &plan.argv, &plan.environment)
        .map_err(LaunchError::Start)?;
    tracing::info!(
        process = child.process().as_raw_nonzero(),
        files = plan.files.len(),
        "started"
    );
    Ok((child, provisioner))
}

/// A15: forwards and reaps until the program ends. When renewal ends first, takes the keys away and lets it drain.
async fn supervise(
    child: &Child,
    signals: &mut Signals,
    renewal: impl Future<Output = LaunchError>,
    provisioner: &Mutex<Provisioner>,
) -> Result<Exit, LaunchError> {
    let mut renewal = std::pin::pin!(renewal);
    let mut ended: Option<LaunchError> = None;
    let mut deadline = Instant::now();
    loop {
        tokio::select! {
            arrived = signals.next() => match arrived {
                Arrived::Forward(signal) => child.signal(signal),
                Arrived::Child => if let Some(code) = child.reap() {
                    tracing::info!(code, "the program ended");
                    return ended.map_or(Ok(Exit(code)), Err);
                },
            },
            error = &mut renewal, if ended.is_none() => {
                tracing::error!(code = error.code(), error = error.to_string(), "no new certificate: the program drains");
                child.signal(Signal::TERM);
                provisioner.lock().unwrap_or_else(PoisonError::into_inner).wipe();
                deadline = Instant::now() + DRAIN_TIMEOUT;
                ended = Some(error);
            }
            () = tokio::time::sleep_until(deadline), if ended.is_some() => {
                child.signal(Signal::KILL);
                deadline = Instant::now() + DRAIN_TIMEOUT;
            }
        }
    }
}

/// The file that this process runs, whatever lies at its path meanwhile.
const OWN_EXECUTABLE: &str = "/proc/self/exe";
/// How long a program may drain after its certificate was not renewed.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
