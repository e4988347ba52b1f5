use super::*;

fn file(text: &str) -> Result<Template, TemplateError> {
    Template::parse(text.as_bytes(), Place::File)
}

fn shown(text: &str) -> Vec<Node> {
    file(text).unwrap_or_else(|error| panic!("{text}: {error}")).nodes
}

fn secret(name: &str, part: Part, previous: bool) -> Source {
    Source::Secret {
        name: SecretName::from(name),
        part,
        previous,
    }
}

fn text(text: &str) -> Node {
    Node::Text(text.as_bytes().to_vec())
}

#[test]
fn actions_take_a_value_through_a_function() {
    let shared = secret("shared", Part::Whole, false);
    for same in [
        "{{hex .Secrets.shared}}",
        "{{ hex .Secrets.shared }}",
        "{{ .Secrets.shared | hex }}",
        "{{ hex (.Secrets.shared) }}",
        "{{ (hex .Secrets.shared) }}",
        "{{ hex $.Secrets.shared }}",
        "{{ hex (index .Secrets \"shared\") }}",
        "{{ index .Secrets `shared` | hex }}",
        "{{\n hex\n .Secrets.shared\n}}",
    ] {
        assert_eq!(
            shown(same),
            [Node::Value(Function::Hex, shared.clone())],
            "{same}"
        );
    }
    assert_eq!(
        shown("{{ pem .Previous.Secrets.a.Private }}"),
        [Node::Value(Function::Pem, secret("a", Part::Private, true))]
    );
    assert_eq!(
        shown("{{ (index .Previous.Secrets \"a-b\").Cert | pem }}"),
        [Node::Value(Function::Pem, secret("a-b", Part::Certificate, true))]
    );
    assert_eq!(
        shown("{{ pem .MarbleRun.RootCA.Cert }}"),
        [Node::Value(Function::Pem, Source::RootCa)]
    );
}

#[test]
fn text_trim_markers_comments_and_literals() {
    assert_eq!(shown("no braces"), [text("no braces")]);
    assert_eq!(
        shown("a {{ \"{{\" }} b"),
        [text("a "), Node::Literal("{{".to_owned()), text(" b")]
    );
    assert_eq!(
        shown("a \n{{- \"x\" -}}\t b"),
        [text("a"), Node::Literal("x".to_owned()), text("b")]
    );
    assert_eq!(shown("a {{/* hex */}} b"), [text("a "), text(" b")]);
    assert_eq!(shown("a {{- /* hex */ -}} b"), [text("a"), text("b")]);
    assert_eq!(
        shown("{{ -3 }}{{ 12 }}"),
        [Node::Literal("-3".to_owned()), Node::Literal("12".to_owned())]
    );
    assert_eq!(shown("{ } }}"), [text("{ } }}")]);
    let bytes = Template::parse(b"\xff{{ 1 }}", Place::File).expect("text need not be UTF-8");
    assert_eq!(bytes.nodes[0], Node::Text(vec![0xff]));
}

#[test]
fn conditions() {
    let nodes =
        shown("{{ if and .Secrets.a.Cert (not false) }}1{{ else if or 0 \"\" }}2{{ else }}3{{ end }}4");
    let both = Condition::All(vec![
        Condition::Present(secret("a", Part::Certificate, false)),
        Condition::Not(Box::new(Condition::Constant(false))),
    ]);
    let either = Condition::Any(vec![Condition::Constant(false), Condition::Constant(false)]);
    let branches = vec![(both, vec![text("1")]), (either, vec![text("2")])];
    assert_eq!(
        nodes,
        [
            Node::If {
                branches,
                otherwise: vec![text("3")]
            },
            text("4")
        ]
    );
}

#[test]
fn uses_are_those_of_all_branches() {
    let template =
        file("{{ if false }}{{ hex .Secrets.a }}{{ else }}{{ raw .Secrets.b }}{{ end }}").expect("it parses");
    let names: Vec<&str> = template.secrets().map(SecretName::as_str).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(
        file("{{ if .MarbleRun.MarbleCert.Private }}{{ end }}")
            .expect("it parses")
            .renders_marble_key()
    );
}

#[test]
fn what_is_not_understood_is_named() {
    for (text, words) in [
        ("{{ range .Secrets }}{{ end }}", "`range` is not supported"),
        ("{{ with .Secrets.a }}{{ end }}", "`with` is not supported"),
        ("{{ define \"x\" }}{{ end }}", "`define` is not supported"),
        ("{{ template \"x\" }}", "`template` is not supported"),
        ("{{ $x := .Secrets.a }}", "variables are not supported"),
        (
            "{{ printf \"%s\" .Secrets.a }}",
            "function `printf` of Go is not supported",
        ),
        ("{{ hx .Secrets.a }}", "function `hx` is not defined"),
        ("{{ string .Secrets.a }}", "not defined for files"),
        ("{{ .Secrets.a }}", "printed through a function"),
        ("{{ pem .Secrets.a }}", "invalid secret type for pem encoding"),
        ("{{ hex .Secrets.a.Size }}", "there is no `.Size` here"),
        ("{{ hex .Secrets }}", "takes one secret"),
        ("{{ hex .Secret.a }}", "there is no `.Secret.a`"),
        ("{{ hex .Secrets.a-b }}", "index .Secrets"),
        ("{{ hex .Secrets.a .Secrets.b }}", "takes one secret"),
        ("{{ hex \"text\" }}", "takes one secret"),
        ("{{ hex hex .Secrets.a }}", "put a call in parentheses"),
        ("{{ true }}", "conditions only"),
        ("{{ }}", "missing value"),
        ("{{ hex .Secrets.a", "unclosed action"),
        ("{{ hex (.Secrets.a }}", "unclosed `(`"),
        ("{{ hex .Secrets.a) }}", "unexpected `)`"),
        ("{{ .Secrets.a | }}", "only a function can follow `|`"),
        ("{{ .Secrets.a | \"x\" }}", "only a function can follow `|`"),
        ("{{/* open }}", "unclosed comment"),
        ("{{ \"open }}", "unclosed string"),
        ("{{ if true }}", "`if` without `end`"),
        ("{{ end }}", "`end` without `if`"),
        ("{{ else }}", "`else` without `if`"),
        (
            "{{ if true }}{{ else }}{{ else }}{{ end }}",
            "`else` after `else`",
        ),
        ("{{ if }}{{ end }}", "missing value"),
        ("{{ 'c' }}", "character constants"),
        ("{{ 0x10 }}", "no whole number"),
        ("{{ ; }}", "unexpected ';'"),
    ] {
        let error = file(text).expect_err(text).to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
    let nested = format!("{}{}", "{{ if 1 }}".repeat(40), "{{ end }}".repeat(40));
    assert!(file(&nested).expect_err("deep").message.contains("nested deeper"));
    let nested = format!("{{{{ hex {}.Secrets.a{} }}}}", "(".repeat(40), ")".repeat(40));
    assert!(file(&nested).expect_err("deep").message.contains("nested deeper"));
}

#[test]
fn errors_say_the_line() {
    let error = file("one\ntwo {{ hex\n.Secrets.a }}\n{{ nope }}").expect_err("no such function");
    assert_eq!(error.line, 4);
}

#[test]
fn variables_have_their_own_functions() {
    let env = |text: &str| Template::parse(text.as_bytes(), Place::Env);
    assert!(env("{{ string .Secrets.a }}").is_ok());
    assert!(env("{{ raw .Secrets.a }}").is_err());
    assert!(env("{{ string .Secrets.a.Private }}").is_err());
}
