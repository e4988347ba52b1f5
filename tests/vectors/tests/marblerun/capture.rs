//! One captured request with its answer: the line that curl was called with, then what curl printed.

use serde_json::Value;

/// Who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// Somebody without a certificate.
    Nobody,
    /// The user with all roles.
    Admin,
    /// The user with one role.
    Other,
}

/// What was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// These bytes.
    Bytes(String),
    /// The manifest as it is.
    Manifest,
    /// The manifest in v2's wrapper.
    WrappedManifest,
}

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) caller: Caller,
    pub(super) sent: Sent,
}

/// An answer, as far as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) sniffing: Option<String>,
    pub(super) body: String,
}

impl Answer {
    /// The body as JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Reads a capture. `None` for the answer where curl got none.
pub(super) fn parse(text: &str) -> (Request, Option<Answer>) {
    let (command, printed) = text.split_once('\n').expect("a capture starts with a command");
    (request(command), answer(printed))
}

fn request(command: &str) -> Request {
    let mut words = command
        .strip_prefix("# curl ")
        .expect("a capture starts with a call of curl")
        .split(' ');
    let mut request = Request {
        method: "GET".to_owned(),
        path: String::new(),
        caller: Caller::Nobody,
        sent: Sent::Bytes(String::new()),
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().expect("an option has a value");
        match word {
            "-X" => request.method = value().to_owned(),
            "-d" => request.sent = Sent::Bytes(value().to_owned()),
            "--data-binary" => {
                request.sent = match value() {
                    "@W/m.json" => Sent::Manifest,
                    "@W/m2.json" => Sent::WrappedManifest,
                    other => panic!("{other} is no known file"),
                };
            }
            "--cert" => {
                request.caller = match value() {
                    "W/u.crt" => Caller::Admin,
                    "W/v.crt" => Caller::Other,
                    other => panic!("{other} is no known user"),
                };
            }
            "--key" => {
                value();
            }
            url => {
                let (_, path) = url
                    .strip_prefix("https://")
                    .and_then(|rest| rest.split_once('/'))
                    .unwrap_or_else(|| panic!("{url} is no URL"));
                request.path = format!("/{path}");
            }
        }
    }
    request
}

fn answer(printed: &str) -> Option<Answer> {
    let (head, body) = printed.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
    let header = |name: &str| {
        let found = headers.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).trim().to_owned())
    };
    // The capture put a newline behind each answer.
    let body = body.strip_suffix('\n').expect("a capture ends with a newline");
    if let Some(length) = header("content-length") {
        assert_eq!(length, body.len().to_string(), "the capture holds the whole body");
    }
    Some(Answer {
        status,
        content_type: header("content-type").unwrap_or_default(),
        sniffing: header("x-content-type-options"),
        body: body.to_owned(),
    })
}
