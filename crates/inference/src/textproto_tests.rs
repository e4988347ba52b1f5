//! Texts as people write them, and texts that are none.

use strongroom_api::serving::model_server_config::Config;
use strongroom_api::serving::servable_version_policy::PolicyChoice;

use super::*;

fn models(text: &str) -> ModelServerConfig {
    parse(text).expect("a ModelServerConfig")
}

fn refusal<M: TextMessage + std::fmt::Debug>(text: &str) -> String {
    parse::<M>(text).expect_err("refused").to_string()
}

#[test]
fn reads_what_people_write() {
    let text = "# models\nmodel_config_list: {\n  config: { name: 'm' \"n\", base_path: \"/\\x6d\\155\\u00e9\\n\"; \
                model_platform: \"tensorflow\"\n version_labels { key: 'stable' value: 0x2A }\n \
                version_labels < key: 'canary', value: 052 > \n \
                model_version_policy { specific { versions: [1, 2], versions: 3 } } },\n config { name: 'o' }\n}";
    let Some(Config::ModelConfigList(list)) = models(text).config else {
        panic!("a list of models");
    };
    let model = &list.config[0];
    assert_eq!((model.name.as_str(), model.base_path.as_str()), ("mn", "/mmé\n"));
    assert_eq!(
        model
            .version_labels
            .iter()
            .map(|(label, version)| (label.as_str(), *version))
            .collect::<Vec<_>>(),
        [("canary", 42), ("stable", 42)]
    );
    let policy = model
        .model_version_policy
        .clone()
        .and_then(|policy| policy.policy_choice);
    assert!(matches!(policy, Some(PolicyChoice::Specific(specific)) if specific.versions == [1, 2, 3]));
    assert_eq!(list.config.len(), 2);
    assert_eq!(models(" \n# nothing\n"), ModelServerConfig::default());
}

#[test]
fn reads_every_kind_of_value() {
    for (word, enable) in [
        ("true", true),
        ("t", true),
        ("True", true),
        ("1", true),
        ("f", false),
        ("0", false),
    ] {
        let text = format!("prometheus_config {{ enable: {word} }}");
        let config: MonitoringConfig = parse(&text).expect(word);
        assert_eq!(config.prometheus_config.expect("given").enable, enable);
    }
    let text = "device_count { key: 'CPU' value: 2 } gpu_options { per_process_gpu_memory_fraction: -inf } \
                graph_options { optimizer_options { opt_level: L0 global_jit_level: 2 } }";
    let session: ConfigProto = parse(text).expect("a ConfigProto");
    assert_eq!(session.device_count["CPU"], 2);
    let gpu = session.gpu_options.expect("given");
    assert_eq!(gpu.per_process_gpu_memory_fraction, f64::NEG_INFINITY);
    let optimizer = session
        .graph_options
        .and_then(|options| options.optimizer_options);
    assert_eq!(
        optimizer.map(|options| (options.opt_level, options.global_jit_level)),
        Some((-1, 2))
    );
    let batching: BatchingParameters = parse("max_batch_size { value: 128 }").expect("parameters");
    assert_eq!(batching.max_batch_size, Some(128));
}

#[test]
fn any_is_expanded() {
    let text =
        "custom_model_config { [type.googleapis.com/tensorflow.serving.PrometheusConfig] { path: 'p' } }";
    let Some(Config::CustomModelConfig(any)) = models(text).config else {
        panic!("a custom configuration");
    };
    assert_eq!(
        any.type_url,
        "type.googleapis.com/tensorflow.serving.PrometheusConfig"
    );
    assert_eq!(any.value, b"\x12\x01p");
}

#[test]
fn refuses_what_it_should() {
    let prefix = "Error parsing text-format tensorflow.serving.ModelServerConfig: ";
    for (text, what) in [
        (
            "improperly formatted file",
            "1:12: expected ':' or a message value, but found 'formatted'",
        ),
        (
            "model_config_list {\n  config { nam: 'm' } }",
            "2:12: field 'nam' not found",
        ),
        (
            "model_config_list { config { name: 'm' name: 'm' } }",
            "1:46: 'name' is already set",
        ),
        (
            "model_config_list { } custom_model_config { }",
            "1:43: a value is already set for oneof 'config'",
        ),
        (
            "model_config_list { config { name: 1 } }",
            "1:36: expected a string",
        ),
        (
            "model_config_list { config { name: 'm } }",
            "1:42: expected string terminator",
        ),
        (
            "model_config_list { config { name: '\\q' } }",
            "1:37: invalid string escape",
        ),
        (
            "model_config_list { config { name: '\\xff' } }",
            "1:36: string is not valid utf-8",
        ),
        (
            "model_config_list {",
            "1:20: expected '}' or a field name, but reached end of input",
        ),
        ("model_config_list { } }", "1:23: "),
        (
            "model_config_list { [a.b.extension] { } }",
            "1:21: extension 'a.b.extension' not found",
        ),
        (
            "custom_model_config { [x/unknown.Type] { } }",
            "1:23: message type 'unknown.Type' not found",
        ),
        (
            "model_config_list { config { model_version_policy { latest { num_versions: -1 } } } }",
            "1:76: expected value to be an unsigned 32-bit integer",
        ),
    ] {
        let refused = refusal::<ModelServerConfig>(text);
        let rest = refused
            .strip_prefix(prefix)
            .expect("the prefix that operators look for");
        assert!(rest.starts_with(what), "{text}: {rest}");
    }
}

#[test]
fn a_private_key_is_not_quoted() {
    for text in ["client_verify: 'SECRET'", "server_key: SECRET", "SECRET: 1"] {
        let refused = refusal::<SslConfig>(text);
        assert!(refused.contains("SSLConfig: 1:"), "{refused}");
        assert!(!refused.contains("SECRET"), "{refused}");
    }
    let config: SslConfig = parse("server_key: 'SECRET'").expect("an SSLConfig");
    assert!(!format!("{config:?}").contains("SECRET"));
}

#[test]
fn depth_and_length_are_bounded() {
    for open in ["a {", "a: [", "a <"] {
        let refused = refusal::<ModelServerConfig>(&open.repeat(1 << 17));
        assert!(
            refused.ends_with("messages are nested deeper than 64"),
            "{refused}"
        );
    }
    // Brackets in strings and comments open nothing.
    let brackets = "{".repeat(1000);
    let text = format!("# {brackets} ' \"\nmodel_config_list {{ config {{ name: '\\'{brackets}' }} }}");
    assert!(parse::<ModelServerConfig>(&text).is_ok());
    let refused = refusal::<ModelServerConfig>(&" ".repeat(TEXT_BYTES_MAX + 1));
    assert!(refused.contains("the text is longer than"), "{refused}");
}

#[test]
fn many_models_are_read() {
    let one = "config { name: 'a model of many' base_path: '/models/of/many' }\n";
    let text = format!("model_config_list {{\n{}}}", one.repeat(20_000));
    let Some(Config::ModelConfigList(list)) = models(&text).config else {
        panic!("a list of models");
    };
    assert_eq!(list.config.len(), 20_000);
}
