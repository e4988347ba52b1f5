//! `strongroom demo`: the seven steps with separate processes and separate folders for each party, then the attacks.
//!
//! The demo knows no secret of the product: it writes the files a person would write, runs the programs a person would
//! run, and reads what they print. Its hardware is the software platform or software TPMs, and it says so.

mod attacks;
mod digits;
mod engine;
mod hardware;
mod judge;
mod process;
mod restart;
mod stage;
mod steps;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;

use engine::Engine;
use hardware::Tee;
use stage::Stage;

/// Arguments of `strongroom demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leave everything running at the end, and print how to use and how to stop it.
    #[arg(long)]
    keep: bool,

    /// The platform: the software platform (SIMULATED), or a software TPM for each machine (needs swtpm).
    #[arg(long, value_enum, default_value_t = Tee::Software)]
    tee: Tee,

    /// What runs the model: the engine inside the server, or TensorFlow's library (needs the package `tensorflow-cpu`).
    #[arg(long, value_enum, default_value_t = engine::Kind::Embedded)]
    engine: engine::Kind,

    /// Folder of libtensorflow_cc.so.2. Default: $STRONGROOM_TENSORFLOW_LIBRARY, then the active virtual environment.
    #[arg(long, value_name = "PATH")]
    tensorflow_library: Option<PathBuf>,

    /// Where the cloud keeps the model: a store URL such as s3://bucket/prefix. Default: a folder of the demo.
    #[arg(long, value_name = "URL")]
    store: Option<String>,

    /// Play in this folder, which must not exist yet. Default: a new temporary folder, removed at the end.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,

    /// Stop what an earlier `--keep` left running in this folder, and do nothing else.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["keep", "store", "dir"])]
    stop: Option<PathBuf>,
}

/// Plays the demo. The last line on standard output starts with `demo:` whatever happens.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(folder) = &args.stop {
        let stopped = process::stop_kept(folder)?;
        say(&format!(
            "demo: stopped {stopped} processes of {}",
            folder.display()
        ));
        return Ok(ExitCode::SUCCESS);
    }
    match process::heed_interruptions().and_then(|()| play(args)) {
        Ok(outcome) => {
            say(&outcome.last_line());
            Ok(if outcome.is_good() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        Err(error) => {
            say(&format!("demo: failed: {error:#}"));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// What came of the demo.
struct Outcome {
    steps: usize,
    attacks: Vec<attacks::Attack>,
    accuracy: f64,
}

impl Outcome {
    fn is_good(&self) -> bool {
        self.attacks.iter().all(attacks::Attack::is_refused)
    }

    fn last_line(&self) -> String {
        let refused = self.attacks.iter().filter(|attack| attack.is_refused()).count();
        let mut line = format!(
            "demo: {}/7 steps, {refused}/{} attacks refused, accuracy {:.1} %",
            self.steps,
            self.attacks.len(),
            self.accuracy * 100.0
        );
        for attack in self.attacks.iter().filter(|attack| !attack.is_refused()) {
            line.push_str(&format!(", attack {} {}", attack.number, attack.verdict()));
        }
        line
    }
}

fn play(args: &Args) -> anyhow::Result<Outcome> {
    hardware::check_installed(args.tee)?;
    let engine = Engine::find(args.engine, args.tensorflow_library.as_deref())?;
    let mut stage = Stage::set_up(
        args.tee,
        engine,
        args.dir.as_deref(),
        args.store.as_deref(),
        args.keep,
    )?;
    say(match args.tee {
        Tee::Software => {
            "Strongroom demo: a real model, real processes, SIMULATED hardware (platform `software` protects nothing)."
        }
        Tee::Tpm => {
            "Strongroom demo: a real model, real processes, a TPM for each machine (software TPMs play them).\n\
             INTEGRITY ONLY: a TPM says what runs, and hides no memory from the host. And no firmware measures here: \
             without\nmeasured boot, whoever reaches a TPM before the launcher does can extend what is expected of it."
        }
    });
    say(&stage.engine.in_words());
    say(&format!("Everything happens below {}", stage.root().display()));

    let played = steps::play(&mut stage)?;
    let attacks = attacks::play(&mut stage)?;
    if args.keep {
        restart::workload(&mut stage, restart::Expect::Serving).context("starting once more, to keep")?;
        stage.keep()?;
    }
    Ok(Outcome {
        steps: played.steps,
        attacks,
        accuracy: played.accuracy,
    })
}

#[expect(clippy::print_stdout, reason = "the demo's product is what it prints")]
fn say(line: &str) {
    println!("{line}");
}
