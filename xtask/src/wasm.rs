//! Builds the verifier for WebAssembly (`wasm/`) and lets Node verify evidence with it: what the crates of the
//! development dependencies ship as samples.
//!
//! Where the toolchain has the target it is used. Else Debian's `rustc-web`, `cargo-web` and `rust-web-src` build the
//! standard library too (`-Z build-std`, which only a compiler told to be a nightly one allows): from packages alone.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    cargo,
    metadata::{Metadata, Scope},
};

const MANIFEST: &str = "wasm/Cargo.toml";
const TARGET: &str = "wasm32-unknown-unknown";
const MODULE: &str = "strongroom_wasm.wasm";

pub(crate) fn run() -> Result<ExitCode> {
    let metadata = Metadata::read(Scope::Everything)?;
    let target_directory = metadata.target_directory.join("wasm");
    cargo::must(build(&metadata.workspace_root)?.env("CARGO_TARGET_DIR", &target_directory))?;
    let module = target_directory.join(TARGET).join("release").join(MODULE);
    let bytes = fs::metadata(&module)
        .with_context(|| format!("cargo built no {}", module.display()))?
        .len();
    println!("wasm: {MODULE} has {bytes} bytes");

    let status = Command::new("node")
        .arg(metadata.workspace_root.join("wasm/verify.test.mjs"))
        .env("STRONGROOM_WASM", &module)
        .env(
            "STRONGROOM_DCAP_SAMPLES",
            samples(&metadata, "dcap-qvl", "sample")?,
        )
        .env(
            "STRONGROOM_SNP_SAMPLES",
            samples(&metadata, "sev", "tests/certs_data")?,
        )
        .status()
        .context("could not start node (Debian's package is nodejs)")?;
    Ok(cargo::exit_code(status))
}

fn build(root: &Path) -> Result<Command> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let rustlib = Path::new(&sysroot).join("lib/rustlib");
    if rustlib.join(TARGET).is_dir() {
        let mut command = cargo::command(["build"]);
        command.current_dir(root).args(arguments());
        return Ok(command);
    }
    let (rustc, cargo) = (program("rustc"), program("cargo"));
    let source = output(Command::new(&rustc).args(["--print", "sysroot"])).unwrap_or_default();
    if !Path::new(&source).join("lib/rustlib/src/rust/library").is_dir() {
        bail!(
            "no compiler for {TARGET}: `rustup target add {TARGET}`, or Debian's packages rustc-web, cargo-web and \
             rust-web-src"
        );
    }
    let host = output(Command::new("rustc").args(["--print", "host-tuple"]))?;
    let mut command = Command::new(cargo);
    command
        .current_dir(root)
        .arg("build")
        .args(["-Z", "build-std=std,panic_abort"])
        .args(arguments())
        .env("RUSTC", &rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        // Debian's compiler comes without the linker for this target.
        .env(
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER",
            rustlib.join(host).join("bin/rust-lld"),
        )
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    Ok(command)
}

fn arguments() -> [&'static str; 6] {
    [
        "--release",
        "--locked",
        "--target",
        TARGET,
        "--manifest-path",
        MANIFEST,
    ]
}

/// Debian's program, whatever stands before it in the search path.
fn program(name: &str) -> PathBuf {
    let folder = env::var_os("STRONGROOM_WASM_TOOLCHAIN").unwrap_or_else(|| OsString::from("/usr/bin"));
    Path::new(&folder).join(name)
}

/// The folder of samples that a development dependency ships.
fn samples(metadata: &Metadata, package: &str, folder: &str) -> Result<PathBuf> {
    let found = metadata.packages.iter().find(|known| known.name == package);
    let manifest = &found
        .with_context(|| format!("no package {package}"))?
        .manifest_path;
    let folder = manifest.with_file_name(folder);
    if folder.is_dir() {
        Ok(folder)
    } else {
        bail!("{package} ships no {}", folder.display())
    }
}

fn output(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("could not start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
