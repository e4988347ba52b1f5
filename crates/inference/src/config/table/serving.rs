//! TensorFlow Serving's flags.

use super::{Flag, Kind, full};

pub(super) const FLAGS: &[Flag] = &[
    full("port", Kind::Int, "8500", "TCP port of gRPC; 0 switches it off, then grpc_socket_path is needed"),
    full("grpc_socket_path", Kind::Text, "", "Unix socket on which gRPC is served as well"),
    full("rest_api_port", Kind::Int, "0", "TCP port of REST; 0 switches it off; must differ from port"),
    full("rest_api_num_threads", Kind::Int, "0", "threads of REST").ignored(WITHOUT_THREADS),
    full("rest_api_timeout_in_ms", Kind::Int, "30000", "time for an answer to a REST request"),
    full("rest_api_enable_cors_support", Kind::Bool, "false", "let pages of other origins read REST answers"),
    full("enable_batching", Kind::Bool, "false", "put requests together").ignored(NO_BATCHING),
    full(
        "allow_version_labels_for_unavailable_models",
        Kind::Bool,
        "false",
        "let labels name versions that are not available yet",
    ),
    full("batching_parameters_file", Kind::Text, "", "text BatchingParameters; needs enable_batching")
        .ignored("the file is checked; each request runs by itself, its answers are the same"),
    full(
        "enable_per_model_batching_parameters",
        Kind::Bool,
        "false",
        "take batching parameters from each version's folder",
    )
    .ignored(NO_BATCHING),
    full("model_config_file", Kind::Text, "", "text ModelServerConfig: the models, instead of model_name and model_base_path"),
    full(
        "model_config_file_poll_wait_seconds",
        Kind::Int,
        "0",
        "seconds between readings of model_config_file; 0 reads it once",
    )
    .ignored(NOT_YET),
    full("model_name", Kind::Text, "default", "name of the model"),
    full(
        "model_base_path",
        Kind::Text,
        "",
        "path or store URL of a model file, a bundle, or a folder of versions",
    ),
    full("num_load_threads", Kind::Int, "0", "threads that load versions").ignored(NOT_YET),
    full("num_unload_threads", Kind::Int, "0", "threads that unload versions").ignored(NOT_YET),
    full("max_num_load_retries", Kind::Int, "5", "how often a version that failed to load is tried again").ignored(NOT_YET),
    full("load_retry_interval_micros", Kind::Int, "60000000", "time between these tries, in microseconds").ignored(NOT_YET),
    full(
        "file_system_poll_wait_seconds",
        Kind::Int,
        "1",
        "seconds between looks for new versions; 0 looks once, less never",
    )
    .ignored(NOT_YET),
    full("flush_filesystem_caches", Kind::Bool, "true", "drop a model's files from the cache of the system once it is loaded")
        .ignored("the cache is left to the system, which gives it up where memory is short"),
    full(
        "tensorflow_session_parallelism",
        Kind::Int,
        "0",
        "threads of a TensorFlow session, inside and between operators; 0 leaves it to the next flags",
    ),
    full("tensorflow_session_config_file", Kind::Text, "", "text ConfigProto: settings of TensorFlow sessions"),
    full(
        "tensorflow_intra_op_parallelism",
        Kind::Int,
        "0",
        "threads inside one TensorFlow operator; 0 is one per core",
    ),
    full(
        "tensorflow_inter_op_parallelism",
        Kind::Int,
        "0",
        "threads for independent TensorFlow operators; 0 runs the graph in the calling thread",
    ),
    full("use_alts_credentials", Kind::Bool, "false", "protect gRPC by Google's ALTS").refused(
        "it exists on Google's machines only, and without it the port would be open; use --ssl_config_file or --tls_certificate_file",
    ),
    full("ssl_config_file", Kind::Text, "", "text SSLConfig: TLS of the gRPC port"),
    full("platform_config_file", Kind::Text, "", "text PlatformConfigMap: what runs the models of each platform")
        .refused("a model's files say what runs it; sessions are set by --tensorflow_session_config_file and --saved_model_tags"),
    full("per_process_gpu_memory_fraction", Kind::Float, "0", "share of a GPU's memory for TensorFlow")
        .ignored("TensorFlow models run on the CPU"),
    full("saved_model_tags", Kind::Text, "serve", "tags of the graph that is served, separated by commas"),
    full("grpc_channel_arguments", Kind::Text, "", "settings of gRPC's C++ library")
        .ignored("gRPC is served by another library; sizes are limited by --rest_max_body_bytes"),
    full("grpc_max_threads", Kind::Int, "0", "threads of gRPC").ignored(WITHOUT_THREADS),
    full("enable_model_warmup", Kind::Bool, "true", "replay a version's recorded requests before it serves").ignored(NOT_YET),
    full("num_request_iterations_for_warmup", Kind::Int, "0", "how often each recorded request is replayed; 0 is once")
        .ignored(NOT_YET),
    full("version", Kind::Bool, "false", "print the version and end"),
    full("monitoring_config_file", Kind::Text, "", "text MonitoringConfig: metrics on the REST port"),
    full(
        "remove_unused_fields_from_bundle_metagraph",
        Kind::Bool,
        "true",
        "keep only the signatures of a graph's description",
    )
    .ignored("only what is served of it is kept, always"),
    full("prefer_tflite_model", Kind::Bool, "false", "serve model.tflite where a version has one")
        .ignored("the SavedModel is served"),
    full("num_tflite_pools", Kind::Int, "1", "pools of TensorFlow Lite interpreters").ignored(NO_TFLITE),
    full("num_tflite_interpreters_per_pool", Kind::Int, "1", "TensorFlow Lite interpreters in each").ignored(NO_TFLITE),
    full(
        "enable_signature_method_name_check",
        Kind::Bool,
        "false",
        "refuse a signature that is not meant for the method that is called",
    ),
    full("xla_cpu_compilation_enabled", Kind::Bool, "false", "compile graphs for the CPU").ignored(NO_XLA),
    full("xla_gpu_compilation_enabled", Kind::Bool, "false", "compile graphs for the GPU").ignored(NO_XLA),
    full("enable_profiler", Kind::Bool, "true", "serve tensorflow.ProfilerService")
        .ignored("there is no profiler service"),
    full("thread_pool_factory_config_file", Kind::Text, "", "text ThreadPoolFactoryConfig: threads lent to TensorFlow")
        .ignored("threads are set by the --tensorflow_ flags and --model_workers"),
    full("mixed_precision", Kind::Text, "", "bfloat16: compute in lower precision")
        .ignored("models compute in the precision that they declare"),
    full("skip_initialize_tpu", Kind::Bool, "false", "leave a TPU as it is").ignored("there is no TPU"),
    full("enable_grpc_healthcheck_service", Kind::Bool, "false", "serve grpc.health.v1.Health"),
    full(
        "enable_serialization_as_tensor_content",
        Kind::Bool,
        "false",
        "gRPC answers carry raw bytes",
    ),
];

const WITHOUT_THREADS: &str = "waiting takes no thread, and models run on --model_workers";
const NO_BATCHING: &str = "each request runs by itself, its answers are the same";
const NO_TFLITE: &str = "TensorFlow Lite is not served";
const NO_XLA: &str = "graphs are not compiled, their answers are the same";
const NOT_YET: &str = "without effect yet";
