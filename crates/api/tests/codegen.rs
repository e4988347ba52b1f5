//! The generated files are those that the protos give. `STRONGROOM_BLESS=1` writes them anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use prost::Message as _;

/// Every file that defines a service or that no service reaches.
const ROOTS: &[&str] = &[
    "grpc/health/v1/health.proto",
    "rpc/marble.proto",
    "strongroom/v1/enrolment.proto",
    "strongroom/v1/marble.proto",
    "tensorflow/config.proto",
    "tensorflow/saved_model.proto",
    "tensorflow_serving/log.proto",
    "tensorflow_serving/services.proto",
    "tensorflow_serving/settings.proto",
];

/// What a model server tells of itself by reflection.
const SERVED: &[&str] = &["grpc/health/v1/health.proto", "tensorflow_serving/services.proto"];

/// What is read from text files.
const CONFIGURATION: &[&str] = &[
    "tensorflow/config.proto",
    "tensorflow_serving/config.proto",
    "tensorflow_serving/settings.proto",
];

#[test]
fn generated_files_are_what_the_protos_give() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scratch = tempfile::tempdir().expect("a temporary folder");
    generate(&home.join("proto"), scratch.path());
    let checked_in = home.join("src/generated");
    if std::env::var_os("STRONGROOM_BLESS").is_some() {
        fs::create_dir_all(&checked_in).expect("the generated folder");
        for (name, text) in read(scratch.path()) {
            fs::write(checked_in.join(name), text).expect("a generated file");
        }
    }
    let (want, have) = (read(scratch.path()), read(&checked_in));
    assert_eq!(want.keys().collect::<Vec<_>>(), have.keys().collect::<Vec<_>>());
    for (name, text) in want {
        assert!(
            have[&name] == text,
            "{name} is stale: run this test with STRONGROOM_BLESS=1"
        );
    }
}

#[test]
fn descriptors_are_what_the_protos_give() {
    for (roots, name) in [(SERVED, "descriptors.bin"), (CONFIGURATION, "configuration.bin")] {
        check_descriptors(roots, name);
    }
}

fn check_descriptors(roots: &[&str], name: &str) {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut descriptors = protox::compile(roots, [home.join("proto")]).expect("the protos parse");
    // Comments are for readers of the protos.
    for file in &mut descriptors.file {
        file.source_code_info = None;
    }
    let want = descriptors.encode_to_vec();
    let path = home.join("src/serving").join(name);
    if std::env::var_os("STRONGROOM_BLESS").is_some() {
        fs::write(&path, &want).expect("the descriptors");
    }
    assert!(
        fs::read(&path).is_ok_and(|have| have == want),
        "{name} is stale: run this test with STRONGROOM_BLESS=1"
    );
}

fn generate(protos: &Path, out: &Path) {
    let descriptors = protox::compile(ROOTS, [protos]).expect("the protos parse");
    tonic_prost_build::configure()
        .build_transport(false)
        .emit_rerun_if_changed(false)
        // Order matters: equal messages have equal bytes, and answers list names in order.
        .btree_map(".")
        // Tensors stay in the buffer in which they came.
        .bytes(".tensorflow.TensorProto")
        // Secrets: printed by hand, redacted (`src/lib.rs`).
        .skip_debug([
            "rpc.Parameters",
            "tensorflow.serving.SSLConfig",
            "strongroom.v1.FinishEnrolmentRequest",
            "strongroom.v1.CredentialResponse",
        ])
        .out_dir(out)
        .compile_fds(descriptors)
        .expect("code for the protos");
}

fn read(folder: &Path) -> BTreeMap<String, String> {
    let entry = |path: PathBuf| {
        let name = path
            .file_name()
            .expect("a file has a name")
            .to_string_lossy()
            .into_owned();
        (name, fs::read_to_string(path).expect("a text file"))
    };
    let entries = fs::read_dir(folder).expect("a folder");
    entries
        .map(|found| entry(found.expect("an entry").path()))
        .collect()
}
