//! Paths of the REST interface, read as TensorFlow Serving's two regular expressions read them: case is ignored, the
//! query is part of the path, names are percent-decoded after matching.

use http::Method;

use crate::error::RequestError;
use crate::model::VersionChoice;

/// What a request under `/v1/` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// `POST …:predict`, `:classify` or `:regress`.
    Infer(Target, Verb),
    /// `GET /v1/models/…`.
    Status(Target),
    /// `GET …/metadata`.
    Metadata(Target),
}

/// What is done with a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Tensors to tensors.
    Predict,
    /// Rows to classes.
    Classify,
    /// Rows to numbers.
    Regress,
}

impl Verb {
    /// The verb as it stands in the path, and in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Predict => "predict",
            Self::Classify => "classify",
            Self::Regress => "regress",
        }
    }
}

/// A model, and which of its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The model's name.
    pub name: String,
    /// Which version.
    pub version: VersionChoice,
}

/// Reads a path (with its query) under `/v1/`.
///
/// # Errors
/// With the text that the client should see.
pub fn route(method: &Method, path: &str) -> Result<Route, RequestError> {
    let malformed = || RequestError::invalid(format!("Malformed request: {method} {path}"));
    if *method == Method::POST {
        let matched = after(path, "/v1/models/")
            .and_then(|rest| matched(rest, false))
            .ok_or_else(malformed)?;
        let verb = match matched.rest {
            ":predict" => Verb::Predict,
            ":classify" => Verb::Classify,
            ":regress" => Verb::Regress,
            _ => return Err(malformed()),
        };
        return Ok(Route::Infer(matched.target()?, verb));
    }
    if *method != Method::GET {
        return Err(malformed());
    }
    let rest = after(path, "/v1/models").ok_or_else(malformed)?;
    let Some(found) = rest.strip_prefix('/').and_then(|rest| matched(rest, true)) else {
        return Err(match is_nameless(rest) {
            true => RequestError::invalid("Missing model name in request."),
            false => malformed(),
        });
    };
    let target = found.target()?;
    Ok(if found.rest.is_empty() {
        Route::Status(target)
    } else {
        Route::Metadata(target)
    })
}

struct Matched<'a> {
    name: &'a str,
    version: Option<&'a str>,
    label: Option<&'a str>,
    rest: &'a str,
}

// NAME [/versions/N | /labels/L] REST, where REST is empty, `/metadata` (with `get`) or starts with a colon.
fn matched(text: &str, get: bool) -> Option<Matched<'_>> {
    let (name, rest) = segment(text)?;
    let ends = |rest: &str| match get {
        true => rest.is_empty() || rest.eq_ignore_ascii_case(METADATA),
        false => rest.starts_with(':'),
    };
    let mut matched = Matched {
        name,
        version: None,
        label: None,
        rest,
    };
    if let Some(after) = after(rest, "/versions/") {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        (matched.version, matched.rest) = (Some(&after[..digits]), &after[digits..]);
        return (digits > 0 && ends(matched.rest)).then_some(matched);
    }
    if let Some(after) = after(rest, "/labels/") {
        let (label, rest) = segment(after)?;
        (matched.label, matched.rest) = (Some(label), rest);
    }
    ends(matched.rest).then_some(matched)
}

// All parts of a GET are optional: a path may name a version, a label, or metadata, of no model.
fn is_nameless(rest: &str) -> bool {
    let rest = match rest
        .len()
        .checked_sub(METADATA.len())
        .map(|at| rest.split_at_checked(at))
    {
        Some(Some((before, metadata))) if metadata.eq_ignore_ascii_case(METADATA) => before,
        _ => rest,
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let label = |text: &str| segment(text).is_some_and(|(_, rest)| rest.is_empty());
    rest.is_empty()
        || after(rest, "/versions/").is_some_and(digits)
        || after(rest, "/labels/").is_some_and(label)
}

impl Matched<'_> {
    fn target(&self) -> Result<Target, RequestError> {
        let name = decode(self.name)
            .ok_or_else(|| RequestError::invalid(format!("Failed to decode model name:{}", self.name)))?;
        let version = match (self.version, self.label) {
            (Some(digits), _) => VersionChoice::Number(digits.parse().map_err(|_| {
                RequestError::invalid(format!("Failed to convert version: {digits} to numeric."))
            })?),
            (None, Some(label)) => VersionChoice::Label(decode(label).ok_or_else(|| {
                RequestError::invalid(format!("Failed to decode model version label:{label}"))
            })?),
            (None, None) => VersionChoice::Latest,
        };
        Ok(Target { name, version })
    }
}

fn after<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

fn segment(text: &str) -> Option<(&str, &str)> {
    let end = text.find(['/', ':']).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn decode(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            let digits = text
                .get(at + 1..at + 3)
                .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
            out.push(u8::from_str_radix(digits, 16).ok()?);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(out).ok()
}

const METADATA: &str = "/metadata";

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str, version: VersionChoice) -> Target {
        Target {
            name: name.to_owned(),
            version,
        }
    }

    fn check(method: &Method, path: &str, expected: Result<Route, &str>) {
        let found = route(method, path);
        let found = found.as_ref().map_err(RequestError::message);
        assert_eq!(found, expected.as_ref().map_err(|text| *text), "{method} {path}");
    }

    #[test]
    fn reads_paths() {
        let latest = || target("m", VersionChoice::Latest);
        let third = || target("m", VersionChoice::Number(3));
        let stable = || target("m", VersionChoice::Label("stable".to_owned()));
        let get = |path: &str, expected| check(&Method::GET, path, Ok(expected));
        let post = |path: &str, expected| check(&Method::POST, path, Ok(expected));
        get("/v1/models/m", Route::Status(latest()));
        get("/V1/Models/m", Route::Status(latest()));
        get("/v1/models/m/versions/3", Route::Status(third()));
        get("/v1/models/m/labels/stable", Route::Status(stable()));
        get("/v1/models/m/metadata", Route::Metadata(latest()));
        get("/v1/models/m/versions/3/metadata", Route::Metadata(third()));
        get(
            "/v1/models/metadata",
            Route::Status(target("metadata", VersionChoice::Latest)),
        );
        get(
            "/v1/models/m?x=1",
            Route::Status(target("m?x=1", VersionChoice::Latest)),
        );
        get(
            "/v1/models/a%2Fb",
            Route::Status(target("a/b", VersionChoice::Latest)),
        );
        post("/v1/models/m:predict", Route::Infer(latest(), Verb::Predict));
        post(
            "/v1/models/m/versions/3:classify",
            Route::Infer(third(), Verb::Classify),
        );
        post(
            "/v1/models/m/labels/stable:regress",
            Route::Infer(stable(), Verb::Regress),
        );
    }

    #[test]
    fn refuses_what_it_should() {
        for (method, path) in [
            (Method::POST, "/v1/models/m"),
            (Method::POST, "/v1/models/m:PREDICT"),
            (Method::POST, "/v1/models/m:predict?x=1"),
            (Method::POST, "/v1/models/:predict"),
            (Method::POST, "/v1/models/m/versions/x:predict"),
            (Method::GET, "/v1/models/m:predict"),
            (Method::GET, "/v1/models/m/versions/"),
            (Method::GET, "/v1/models/versions/x"),
            (Method::GET, "/v1/models/"),
            (Method::GET, "/v1/models/m/other"),
            (Method::GET, "/v1/elsewhere"),
            (Method::PUT, "/v1/models/m"),
            (Method::HEAD, "/v1/models/m"),
        ] {
            check(&method, path, Err(&format!("Malformed request: {method} {path}")));
        }
        for path in [
            "/v1/models",
            "/v1/models/versions/3",
            "/v1/models/versions/3/metadata",
            "/v1/models/labels/stable",
            "/v1/models/labels/stable/metadata",
        ] {
            check(&Method::GET, path, Err("Missing model name in request."));
        }
        let huge = "99999999999999999999";
        let text = format!("Failed to convert version: {huge} to numeric.");
        check(&Method::GET, &format!("/v1/models/m/versions/{huge}"), Err(&text));
        check(
            &Method::GET,
            "/v1/models/%zz",
            Err("Failed to decode model name:%zz"),
        );
    }
}
