//! Flags that TensorFlow Serving has not.

use super::{Flag, Kind, full};

pub(super) const FLAGS: &[Flag] = &[
    full("help", Kind::Bool, "false", "print this text and end"),
    full(
        "tensorflow_library",
        Kind::Text,
        "",
        "folder of libtensorflow_cc.so.2; else STRONGROOM_TENSORFLOW_LIBRARY, else the active virtual environment",
    ),
    full(
        "tensorflow_library_digest",
        Kind::Text,
        "",
        "SHA-256 of a file of that library, in hexadecimal; given for each file, nothing else is loaded",
    )
    .repeated(),
    full(
        "onnx_engine",
        Kind::Text,
        "embedded",
        "what runs ONNX models: embedded, or onnxruntime, which is loaded at run time",
    ),
    full(
        "onnxruntime_library",
        Kind::Text,
        "",
        "path of libonnxruntime.so; else STRONGROOM_ONNXRUNTIME_LIBRARY, else the active virtual environment",
    ),
    full(
        "onnxruntime_library_digest",
        Kind::Text,
        "",
        "SHA-256 of that library, in hexadecimal; given, nothing else is loaded",
    )
    .repeated(),
    full(
        "onnxruntime_execution_providers",
        Kind::Text,
        "cpu",
        "what ONNX Runtime computes on, best first, by comma: cpu, cuda, tensorrt, openvino, onednn, xnnpack",
    ),
    full(
        "onnxruntime_intra_op_parallelism",
        Kind::Int,
        "1",
        "threads that one call of ONNX Runtime may use, its worker's included; 0 means one per core",
    ),
    full(
        "model_keys_dir",
        Kind::Text,
        "",
        "folder of model keys, each a file of 32 bytes named by its key id, mode 0600",
    ),
    full(
        "model_bundle_digest",
        Kind::Text,
        "",
        "NAME=HEX: digest of the bundle that the model must be; given several times, version 1, 2, ...",
    )
    .repeated(),
    full(
        "tls_certificate_file",
        Kind::Text,
        "",
        "certificate chain of REST and gRPC, PEM",
    ),
    full(
        "tls_key_file",
        Kind::Text,
        "",
        "private key of REST and gRPC, PEM",
    ),
    full(
        "tls_client_ca_file",
        Kind::Text,
        "",
        "clients of REST and gRPC must have a certificate of these authorities",
    ),
    full(
        "provision_file",
        Kind::Text,
        "",
        "confidential mode: models, digests, keys and identity are those of this file",
    ),
    full(
        "ready_file",
        Kind::Text,
        "",
        "written once requests are served: addresses, as JSON",
    ),
    full(
        "listen_address",
        Kind::Text,
        "0.0.0.0",
        "address of all TCP ports",
    ),
    full(
        "ephemeral_ports",
        Kind::Bool,
        "false",
        "the kernel chooses every TCP port that is not 0; the ready file tells them",
    ),
    full(
        "health_port",
        Kind::Int,
        "0",
        "plaintext TCP port of /healthz, /readyz and, without provision_file, metrics; 0 switches it off",
    ),
    full(
        "rest_max_body_bytes",
        Kind::Int,
        "67108864",
        "largest body of a request, REST and gRPC",
    ),
    full(
        "max_tensor_bytes",
        Kind::Int,
        "268435456",
        "memory of all tensors of one request; a REST document may take twice that",
    ),
    full(
        "model_workers",
        Kind::Int,
        "0",
        "threads that run models; one per core unless given",
    ),
    full(
        "model_queue_max",
        Kind::Int,
        "1024",
        "requests that may wait for a worker",
    ),
    full("log_format", Kind::Text, "text", "text or json"),
];
