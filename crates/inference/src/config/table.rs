//! Every flag: TensorFlow Serving's, whether they do something yet or not, and ours.

/// A flag.
#[derive(Debug)]
pub struct Flag {
    /// Its name, without dashes.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Whether it does something.
    pub effect: Effect,
    /// Whether it may be given more than once.
    pub repeats: bool,
    /// One line for `--help`.
    pub help: &'static str,
}

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// Any text.
    Text,
}

/// Whether a flag does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It does what it says.
    Full,
    /// It is accepted and named in one warning, because doing without it weakens nothing.
    NotYet,
    /// It is refused: a server that ignored it would not be what its operator asked for.
    Refused,
}

impl Kind {
    /// Whether `value` is of this kind.
    #[must_use]
    pub fn accepts(self, value: &str) -> bool {
        match self {
            Self::Bool => matches!(value, "true" | "false"),
            Self::Int => value.parse::<i64>().is_ok(),
            Self::Float => value.parse::<f64>().is_ok(),
            Self::Text => true,
        }
    }

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int => "a whole number",
            Self::Float => "a number",
            Self::Text => "text",
        }
    }
}

/// The flag of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| flag.name == name)
}

/// The flag whose name is most like `name`, if any is.
#[must_use]
pub fn nearest(name: &str) -> Option<&'static str> {
    let near = FLAGS
        .iter()
        .map(|flag| (strsim::damerau_levenshtein(flag.name, name), flag.name));
    near.min()
        .filter(|(distance, _)| *distance <= DISTANCE_MAX)
        .map(|(_, name)| name)
}

/// What `--help` prints.
#[must_use]
pub fn usage() -> String {
    let line = |flag: &Flag| {
        let not_yet = if flag.effect == Effect::NotYet {
            " (accepted, without effect yet)"
        } else {
            ""
        };
        format!(
            "    --{}={}\t{}{not_yet}\n",
            flag.name,
            flag.kind.name(),
            flag.help
        )
    };
    let shown = FLAGS.iter().filter(|flag| flag.effect != Effect::Refused);
    format!(
        "usage: strongroom-inference [flags]\nFlags:\n{}",
        shown.map(line).collect::<String>()
    )
}

const fn full(name: &'static str, kind: Kind, help: &'static str) -> Flag {
    Flag {
        name,
        kind,
        effect: Effect::Full,
        repeats: false,
        help,
    }
}

const fn not_yet(name: &'static str, kind: Kind) -> Flag {
    Flag {
        name,
        kind,
        effect: Effect::NotYet,
        repeats: false,
        help: "as in TensorFlow Serving",
    }
}

const fn refused(name: &'static str, kind: Kind) -> Flag {
    Flag {
        name,
        kind,
        effect: Effect::Refused,
        repeats: false,
        help: "",
    }
}

/// Typing errors that still get a hint.
const DISTANCE_MAX: usize = 3;

const FLAGS: &[Flag] = &[
    // TensorFlow Serving's.
    full("port", Kind::Int, "TCP port of gRPC; 0 switches it off (8500)"),
    full(
        "grpc_socket_path",
        Kind::Text,
        "Unix socket on which gRPC is served as well",
    ),
    full(
        "rest_api_port",
        Kind::Int,
        "TCP port of REST; 0 switches it off (0)",
    ),
    full(
        "rest_api_timeout_in_ms",
        Kind::Int,
        "time for an answer to a REST request (30000)",
    ),
    full(
        "rest_api_enable_cors_support",
        Kind::Bool,
        "let pages of other origins read REST answers",
    ),
    full("model_name", Kind::Text, "name of the model (default)"),
    full(
        "model_base_path",
        Kind::Text,
        "path or store URL of a model file, a bundle, or a folder of versions",
    ),
    full(
        "monitoring_config_file",
        Kind::Text,
        "text MonitoringConfig: metrics on the REST port",
    ),
    full(
        "ssl_config_file",
        Kind::Text,
        "text SSLConfig: TLS of the gRPC port",
    ),
    full(
        "enable_grpc_healthcheck_service",
        Kind::Bool,
        "serve grpc.health.v1.Health",
    ),
    full(
        "enable_serialization_as_tensor_content",
        Kind::Bool,
        "gRPC answers carry raw bytes",
    ),
    full("version", Kind::Bool, "print the version and end"),
    full("help", Kind::Bool, "print this text and end"),
    refused("model_config_file", Kind::Text),
    refused("use_alts_credentials", Kind::Bool),
    not_yet("rest_api_num_threads", Kind::Int),
    not_yet("enable_batching", Kind::Bool),
    not_yet("allow_version_labels_for_unavailable_models", Kind::Bool),
    not_yet("batching_parameters_file", Kind::Text),
    not_yet("enable_per_model_batching_parameters", Kind::Bool),
    not_yet("model_config_file_poll_wait_seconds", Kind::Int),
    not_yet("num_load_threads", Kind::Int),
    not_yet("num_unload_threads", Kind::Int),
    not_yet("max_num_load_retries", Kind::Int),
    not_yet("load_retry_interval_micros", Kind::Int),
    not_yet("file_system_poll_wait_seconds", Kind::Int),
    not_yet("flush_filesystem_caches", Kind::Bool),
    full(
        "tensorflow_session_parallelism",
        Kind::Int,
        "threads of a TensorFlow session, inside and between operators; 0 leaves it to the next two (0)",
    ),
    full(
        "tensorflow_session_config_file",
        Kind::Text,
        "text ConfigProto: threads of TensorFlow sessions",
    ),
    full(
        "tensorflow_intra_op_parallelism",
        Kind::Int,
        "threads inside one TensorFlow operator; 0 is one per core (0)",
    ),
    full(
        "tensorflow_inter_op_parallelism",
        Kind::Int,
        "threads for independent TensorFlow operators; 0 runs the graph in the calling thread (0)",
    ),
    not_yet("platform_config_file", Kind::Text),
    not_yet("per_process_gpu_memory_fraction", Kind::Float),
    full(
        "saved_model_tags",
        Kind::Text,
        "tags of the graph that is served, separated by commas (serve)",
    ),
    not_yet("grpc_channel_arguments", Kind::Text),
    not_yet("grpc_max_threads", Kind::Int),
    not_yet("enable_model_warmup", Kind::Bool),
    not_yet("num_request_iterations_for_warmup", Kind::Int),
    not_yet("remove_unused_fields_from_bundle_metagraph", Kind::Bool),
    not_yet("prefer_tflite_model", Kind::Bool),
    not_yet("num_tflite_pools", Kind::Int),
    not_yet("num_tflite_interpreters_per_pool", Kind::Int),
    full(
        "enable_signature_method_name_check",
        Kind::Bool,
        "refuse a signature that is not meant for the method that is called",
    ),
    not_yet("xla_cpu_compilation_enabled", Kind::Bool),
    not_yet("xla_gpu_compilation_enabled", Kind::Bool),
    not_yet("enable_profiler", Kind::Bool),
    not_yet("thread_pool_factory_config_file", Kind::Text),
    not_yet("mixed_precision", Kind::Text),
    not_yet("skip_initialize_tpu", Kind::Bool),
    // Ours.
    full(
        "tensorflow_library",
        Kind::Text,
        "folder of libtensorflow_cc.so.2; else STRONGROOM_TENSORFLOW_LIBRARY, else the active virtual environment",
    ),
    Flag {
        name: "tensorflow_library_digest",
        kind: Kind::Text,
        effect: Effect::Full,
        repeats: true,
        help: "SHA-256 of a file of that library, in hexadecimal; given for each file, nothing else is loaded",
    },
    full(
        "model_keys_dir",
        Kind::Text,
        "folder of model keys, each a file of 32 bytes named by its key id, mode 0600",
    ),
    Flag {
        name: "model_bundle_digest",
        kind: Kind::Text,
        effect: Effect::Full,
        repeats: true,
        help: "NAME=HEX: digest of the bundle that the model must be; given several times, version 1, 2, ...",
    },
    full(
        "tls_certificate_file",
        Kind::Text,
        "certificate chain of REST and gRPC, PEM",
    ),
    full("tls_key_file", Kind::Text, "private key of REST and gRPC, PEM"),
    full(
        "tls_client_ca_file",
        Kind::Text,
        "clients of REST and gRPC must have a certificate of these authorities",
    ),
    full(
        "provision_file",
        Kind::Text,
        "confidential mode: models, digests, keys and identity are those of this file",
    ),
    full(
        "ready_file",
        Kind::Text,
        "written once requests are served: addresses, as JSON",
    ),
    full("listen_address", Kind::Text, "address of all TCP ports (0.0.0.0)"),
    full(
        "ephemeral_ports",
        Kind::Bool,
        "the kernel chooses every TCP port that is not 0; the ready file tells them",
    ),
    full(
        "health_port",
        Kind::Int,
        "plaintext TCP port of /healthz, /readyz and, without --provision_file, metrics; 0 switches it off (0)",
    ),
    full(
        "rest_max_body_bytes",
        Kind::Int,
        "largest body of a request, REST and gRPC (67108864)",
    ),
    full(
        "max_tensor_bytes",
        Kind::Int,
        "memory of all tensors of one request; a REST document may take twice that (268435456)",
    ),
    full(
        "model_workers",
        Kind::Int,
        "threads that run models (one per core)",
    ),
    full(
        "model_queue_max",
        Kind::Int,
        "requests that may wait for a worker (1024)",
    ),
    full("log_format", Kind::Text, "text or json"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = FLAGS.iter().map(|flag| flag.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn a_typing_error_gets_a_hint() {
        assert_eq!(nearest("model_bundle_digset"), Some("model_bundle_digest"));
        assert_eq!(nearest("tls_client_ca"), None);
        assert_eq!(nearest("something_else_entirely"), None);
    }
}
