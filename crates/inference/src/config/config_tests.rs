//! Command lines and what they mean.

use std::fs;

use super::*;
use crate::model::Source;
use crate::tls::{ClientAuth, Versions};

fn config(arguments: &[&str]) -> Result<Config, ConfigError> {
    let flags = Flags::parse(arguments.iter().map(|argument| (*argument).to_owned()))?;
    Config::new(&flags)
}

fn refusal(arguments: &[&str]) -> String {
    config(arguments).expect_err("refused").to_string()
}

#[test]
fn defaults_are_tensorflow_servings() {
    let config = config(&["--model_base_path=/m"]).expect("good");
    assert_eq!(config.models[0].name, "default");
    assert_eq!(config.listen.grpc_port, Some(8500));
    assert_eq!(config.listen.rest_port, None);
    assert_eq!(config.listen.address, "0.0.0.0");
    assert_eq!(config.limits.rest_timeout, Duration::from_secs(30));
    assert_eq!(config.mode, Mode::Plain);
    assert!(config.grpc_tls.is_none() && config.rest_tls.is_none());
}

#[test]
fn flags_without_effect_are_named() {
    let config = config(&[
        "--model_base_path=/m",
        "--enable_batching",
        "--grpc_max_threads=4",
        "--xla_cpu_compilation_enabled=false",
        "--use_alts_credentials=false",
    ])
    .expect("good");
    let names = config.ignored.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    assert_eq!(names, ["enable_batching", "grpc_max_threads"]);
}

#[test]
fn one_port_is_not_shared() {
    let config = config(&["--model_base_path=/m", "--rest_api_port=8500"]).expect("good");
    assert_eq!(
        (config.listen.grpc_port, config.listen.rest_port),
        (Some(8500), None)
    );
}

#[test]
fn the_kernel_chooses_ports_that_are_not_off() {
    let config = config(&["--model_base_path=/m", "--rest_api_port=1", "--ephemeral_ports"]).expect("good");
    assert_eq!(config.listen.grpc_port, Some(0));
    assert_eq!(config.listen.rest_port, Some(0));
    assert_eq!(config.listen.health_port, None);
}

#[test]
fn digests_make_a_model_a_bundle() {
    let digest = format!("--model_bundle_digest=m={}", "ab".repeat(32));
    let plan = config(&[
        "--model_name=m",
        "--model_base_path=s3://b/m",
        &digest,
        "--model_keys_dir=/k",
    ]);
    let plan = plan.expect("good").models.remove(0);
    assert!(matches!(plan.source, Source::Bundles { digests, key_id: None, .. } if digests.len() == 1));
}

#[test]
fn refuses_what_it_should() {
    let base = "--model_base_path=/m";
    assert!(refusal(&[]).contains("are empty!"));
    assert!(refusal(&[base, "--use_alts_credentials"]).contains("not supported"));
    assert!(refusal(&[base, "--platform_config_file=/f"]).contains("not supported"));
    assert!(refusal(&[base, "--batching_parameters_file=/f"]).contains("without setting"));
    assert!(refusal(&[base, "--port=0"]).contains("grpc_socket_path"));
    assert!(config(&[base, "--port=0", "--grpc_socket_path=/s"]).is_ok());
    assert!(refusal(&[base, "--port=70000"]).contains("is no TCP port"));
    assert!(refusal(&[base, "--rest_max_body_bytes=0"]).contains("must be positive"));
    assert!(refusal(&[base, "--model_bundle_digest=x"]).contains("NAME=HEX"));
    assert!(refusal(&[base, "--model_bundle_digest=default=zz"]).contains("is no bundle digest"));
    let other = format!("--model_bundle_digest=other={}", "ab".repeat(32));
    assert!(refusal(&[base, &other]).contains("names model"));
    assert!(refusal(&[base, "--tls_client_ca_file=/c"]).contains("needs --tls_certificate_file"));
    assert!(refusal(&[base, "--tls_key_file=/c"]).contains("need each other"));
    assert!(refusal(&[base, "--log_format=xml"]).contains("log_format"));
}

#[test]
fn the_engine_of_onnx_models_is_chosen_by_flags() {
    use crate::engine::OnnxEngine;
    use crate::engine::ort::Provider;

    let base = "--model_base_path=/m";
    let engines = |flags: &[&str]| config(flags).expect("good").engines;
    assert_eq!(engines(&[base]).onnx_engine, OnnxEngine::Embedded);
    let chosen = engines(&[
        base,
        "--onnx_engine=onnxruntime",
        "--onnxruntime_execution_providers=cuda,cpu",
        "--model_workers=3",
    ]);
    assert_eq!(chosen.onnx_engine, OnnxEngine::OnnxRuntime);
    assert_eq!(chosen.ort.providers, [Provider::Cuda, Provider::Cpu]);
    assert_eq!((chosen.ort.intra_op, chosen.ort.sessions), (1, 3));
    assert!(refusal(&[base, "--onnx_engine=tract"]).contains("neither embedded nor onnxruntime"));
    assert!(
        refusal(&[base, "--onnxruntime_execution_providers=abacus"]).contains("abacus is none of cpu, cuda")
    );
    assert!(refusal(&[base, "--onnxruntime_library_digest=12"]).contains("is no SHA-256 digest"));
    assert!(refusal(&[base, "--onnxruntime_intra_op_parallelism=-1"]).contains("out of range"));
}

fn provision() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("provision.json");
    let text = serde_json::json!({
        "format": "strongroom.provision.v1",
        "marble_type": "inference",
        "models": [{
            "name": "digits", "store": "file:///nowhere", "bundles": ["11".repeat(32)],
            "key_id": "33".repeat(16), "clients": {"mode": "anyone"},
        }],
        "identity": {
            "private_key": "identity/key.pem", "certificate_chain": "identity/chain.pem",
            "marble_root": "identity/marble_root.pem", "coordinator_root": "identity/coordinator_root.pem",
        },
        "keys_dir": "keys",
    });
    fs::write(&path, text.to_string()).expect("write");
    let flag = format!("--provision_file={}", path.display());
    (folder, flag)
}

#[test]
fn confidential_mode_cannot_be_left() {
    let (_folder, provision) = provision();
    let error = config(&[&provision, "--undertow"]).expect_err("refused");
    assert_eq!(error.code(), "provision.flag");
    let good = config(&[&provision, "--rest_api_port=8501"]).expect("good");
    assert_eq!(good.mode, Mode::Confidential);
    for tls in [good.grpc_tls.expect("TLS"), good.rest_tls.expect("TLS")] {
        assert_eq!(tls.versions, Versions::Strict);
        assert!(matches!(tls.clients, ClientAuth::None));
    }
    for flag in FIXED_BY_PROVISION {
        let value = if *flag == "model_bundle_digest" {
            "x=y"
        } else {
            "/x"
        };
        let error = config(&[&provision, &format!("--{flag}={value}")]).expect_err(flag);
        assert_eq!(error.code(), "provision.flag", "{flag}");
    }
}

#[test]
fn metrics_are_off_unless_the_file_switches_them_on() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("monitoring.txt");
    let flag = format!("--monitoring_config_file={}", path.display());
    let metrics = |text: &str| {
        fs::write(&path, text).expect("write");
        config(&["--model_base_path=/m", &flag]).map(|config| config.rest.metrics_path)
    };
    let default = Some(files::METRICS_PATH.to_owned());
    assert_eq!(
        metrics("prometheus_config { enable: true }").expect("good"),
        default
    );
    assert_eq!(
        metrics("prometheus_config { enable: true path: '/p' }")
            .expect("good")
            .as_deref(),
        Some("/p")
    );
    assert_eq!(
        metrics("prometheus_config { enable: false }").expect("good"),
        None
    );
    assert!(metrics("prometheus { }").is_err());
}
