//! `TLS`: connections that MarbleRun's runtimes wrap for programs that speak none.

use std::collections::BTreeMap;

use crate::fields::Fields;
use crate::names::{SecretName, TlsTag};

/// Connections under one tag.
#[derive(Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct TlsConnections {
    /// Connections that the marble opens.
    pub outgoing: Vec<Outgoing>,
    /// Connections that the marble accepts.
    pub incoming: Vec<Incoming>,
}

/// A connection that the marble opens.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct Outgoing {
    /// Port, as text.
    pub port: String,
    /// Host.
    pub addr: String,
}

/// A connection that the marble accepts.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct Incoming {
    /// Port, as text.
    pub port: String,
    /// A certificate secret to present in place of the marble's own.
    pub cert: Option<SecretName>,
    /// Peers need no certificate; only together with `cert`.
    pub disable_client_auth: bool,
}

pub(crate) fn read(top: &Fields<'_>) -> BTreeMap<TlsTag, TlsConnections> {
    let problems = top.problems();
    let mut tags = BTreeMap::new();
    for item in top.map("TLS") {
        let fields = Fields::open(item.value, item.path.clone(), &["Outgoing", "Incoming"], problems);
        let outgoing = fields.list("Outgoing").into_iter().map(|(path, value)| {
            let entry = Fields::open(value, path, &["Port", "Addr"], problems);
            Outgoing {
                port: required(&entry, "Port"),
                addr: required(&entry, "Addr"),
            }
        });
        let incoming = fields.list("Incoming").into_iter().map(|(path, value)| {
            let entry = Fields::open(value, path, &["Port", "Cert", "DisableClientAuth"], problems);
            let cert = entry.text_if_set("Cert").map(SecretName::from);
            let disable_client_auth = entry.flag("DisableClientAuth").unwrap_or(false);
            match (&cert, disable_client_auth) {
                (Some(_), false) => {
                    problems.check(
                        entry.path(),
                        "defines `Cert` but does not disable client authentication",
                    );
                }
                (None, true) => {
                    problems.check(entry.path(), "disables client authentication without a `Cert`")
                }
                (Some(_), true) | (None, false) => {}
            }
            Incoming {
                port: required(&entry, "Port"),
                cert,
                disable_client_auth,
            }
        });
        let connections = TlsConnections {
            outgoing: outgoing.collect(),
            incoming: incoming.collect(),
        };
        tags.insert(TlsTag::from(item.name), connections);
    }
    tags
}

fn required(entry: &Fields<'_>, name: &str) -> String {
    let before = entry.problems().count();
    let text = entry.text_if_set(name).unwrap_or_default().to_owned();
    if text.is_empty() && entry.problems().count() == before {
        entry.problems().check(&entry.at(name), "missing");
    }
    text
}
