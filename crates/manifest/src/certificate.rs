//! `Secrets.*.Cert`: what a generated certificate says, in the field names of Go's `x509.Certificate`.
//!
//! Go tools send all of that struct's fields. Those that a certificate of ours can carry are read; the others may only
//! stand there unset, so that nobody believes in a restriction that is not enforced.

use std::net::IpAddr;

use strongroom_crypto::time::UnixTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::dns::Name;
use crate::fields::Fields;

/// What a certificate secret's certificate says; MarbleRun's defaults where the manifest says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateTemplate {
    /// Subject; the common name is always set.
    pub subject: Subject,
    /// DNS names.
    pub dns_names: Vec<String>,
    /// IP addresses.
    pub ip_addresses: Vec<IpAddr>,
    /// Mail addresses.
    pub email_addresses: Vec<String>,
    /// Go's bit mask: digitalSignature = 1 … keyCertSign = 32 … decipherOnly = 256.
    pub key_usage: u16,
    /// Go's numbers: 0 any, 1 server authentication, 2 client authentication, 3 code signing …
    pub ext_key_usage: Vec<u8>,
    /// May sign other certificates.
    pub is_ca: bool,
    /// Longest path below, for a CA; `None`: no limit.
    pub max_path_len: Option<u8>,
    /// When it ends.
    pub validity: Validity,
}

/// When a generated certificate ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Validity {
    /// So many days after it was made.
    Days(u32),
    /// At a fixed time.
    Until(UnixTime),
}

/// Subject of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subject {
    /// CN.
    pub common_name: String,
    /// SERIALNUMBER.
    pub serial_number: String,
    /// C.
    pub country: Vec<String>,
    /// O.
    pub organization: Vec<String>,
    /// OU.
    pub organizational_unit: Vec<String>,
    /// L.
    pub locality: Vec<String>,
    /// ST.
    pub province: Vec<String>,
    /// STREET.
    pub street_address: Vec<String>,
    /// Postal code.
    pub postal_code: Vec<String>,
}

pub(crate) fn read_certificate(secret: &Fields<'_>) -> CertificateTemplate {
    let problems = secret.problems();
    let known: Vec<&str> = READ
        .iter()
        .chain(UNSET_ONLY)
        .chain(OVERWRITTEN)
        .copied()
        .collect();
    let days = secret.unsigned("ValidFor", VALID_DAYS_MAX).unwrap_or(0);
    let validity = match u32::try_from(days) {
        Ok(days) if days > 0 => Validity::Days(days),
        _ => Validity::Days(VALID_DAYS_DEFAULT),
    };
    let mut template = defaults(validity);
    // MarbleRun's own type writes a missing certificate as an empty string.
    if matches!(secret.value("Cert"), Some(crate::json::Value::Text(text)) if text.is_empty()) {
        return template;
    }
    let Some(fields) = secret.object("Cert", &known) else {
        return template;
    };
    for name in UNSET_ONLY {
        if fields.value(name).is_some_and(|value| !value.is_zero()) {
            problems.check(&fields.at(name), "not supported in certificates made here");
        }
    }
    if let Some(until) = read_not_after(&fields) {
        if days > 0 {
            let message = "ambiguous certificate validity duration: both NotAfter and ValidFor are specified";
            problems.check(&fields.at("NotAfter"), message);
        }
        template.validity = Validity::Until(until);
    }
    read_names(&fields, &mut template);
    read_usage(&fields, &mut template);
    template.subject = read_subject(&fields);
    if template.subject.common_name.is_empty() {
        template.subject.common_name = match template.dns_names.as_slice() {
            [only] => only.clone(),
            _ => COMMON_NAME_DEFAULT.to_owned(),
        };
    }
    template
}

fn defaults(validity: Validity) -> CertificateTemplate {
    CertificateTemplate {
        subject: Subject {
            // The only DNS name, as where a template names nobody.
            common_name: "localhost".to_owned(),
            ..Subject::default()
        },
        dns_names: vec!["localhost".to_owned()],
        ip_addresses: vec![
            IpAddr::from([127, 0, 0, 1]),
            IpAddr::from(std::net::Ipv6Addr::LOCALHOST),
        ],
        email_addresses: Vec::new(),
        key_usage: DIGITAL_SIGNATURE | CERT_SIGN,
        ext_key_usage: vec![1, 2],
        is_ca: false,
        max_path_len: None,
        validity,
    }
}

fn read_not_after(fields: &Fields<'_>) -> Option<UnixTime> {
    let text = fields
        .text("NotAfter")
        .filter(|text| !text.is_empty() && *text != GO_ZERO_TIME)?;
    let parsed = OffsetDateTime::parse(text, &Rfc3339).ok();
    let seconds = parsed.and_then(|time| u64::try_from(time.unix_timestamp()).ok());
    if seconds.is_none() {
        fields.problems().decode(
            &fields.at("NotAfter"),
            "expected a time such as 2030-01-31T12:00:00Z",
            None,
        );
    }
    seconds.map(UnixTime)
}

fn read_names(fields: &Fields<'_>, template: &mut CertificateTemplate) {
    let problems = fields.problems();
    let dns = fields.texts("DNSNames");
    if !dns.is_empty() {
        template.dns_names.clear();
    }
    for (path, text) in dns {
        match Name::parse(text, true) {
            Ok(Name::Dns(_)) => template.dns_names.push(text.to_owned()),
            _ => problems.check(&path, format!("`{text}` is no DNS name")),
        }
    }
    let ips = fields.texts("IPAddresses");
    if !ips.is_empty() {
        template.ip_addresses.clear();
    }
    for (path, text) in ips {
        match text.parse() {
            Ok(address) => template.ip_addresses.push(address),
            Err(_) => problems.decode(&path, format!("`{text}` is no IP address"), None),
        }
    }
    template.email_addresses = fields
        .texts("EmailAddresses")
        .into_iter()
        .map(|(_, text)| text.to_owned())
        .collect();
}

fn read_usage(fields: &Fields<'_>, template: &mut CertificateTemplate) {
    if let Some(usage) = fields
        .unsigned("KeyUsage", KEY_USAGE_MAX)
        .filter(|usage| *usage != 0)
    {
        template.key_usage = u16::try_from(usage).unwrap_or_default();
    }
    let usages: Vec<u8> = fields
        .list("ExtKeyUsage")
        .into_iter()
        .filter_map(|(path, value)| match value {
            crate::json::Value::Integer(number @ 0..=13) => u8::try_from(*number).ok(),
            _ => {
                fields
                    .problems()
                    .decode(&path, "expected one of Go's numbers, 0 to 13", None);
                None
            }
        })
        .collect();
    if !usages.is_empty() {
        template.ext_key_usage = usages;
    }
    template.is_ca = fields.flag("IsCA").unwrap_or(false);
    let zero = fields.flag("MaxPathLenZero").unwrap_or(false);
    let length = match fields.value("MaxPathLen") {
        Some(crate::json::Value::Integer(-1)) => None,
        _ => fields
            .unsigned("MaxPathLen", u64::from(u8::MAX))
            .filter(|length| *length > 0 || zero),
    };
    template.max_path_len = length
        .and_then(|length| u8::try_from(length).ok())
        .filter(|_| template.is_ca);
}

fn read_subject(fields: &Fields<'_>) -> Subject {
    let Some(subject) = fields.object("Subject", SUBJECT) else {
        return Subject::default();
    };
    for name in ["Names", "ExtraNames"] {
        if subject.value(name).is_some_and(|value| !value.is_zero()) {
            subject
                .problems()
                .check(&subject.at(name), "not supported in certificates made here");
        }
    }
    let texts = |name| {
        subject
            .texts(name)
            .into_iter()
            .map(|(_, text)| text.to_owned())
            .collect()
    };
    Subject {
        common_name: subject.text("CommonName").unwrap_or_default().to_owned(),
        serial_number: subject.text("SerialNumber").unwrap_or_default().to_owned(),
        country: texts("Country"),
        organization: texts("Organization"),
        organizational_unit: texts("OrganizationalUnit"),
        locality: texts("Locality"),
        province: texts("Province"),
        street_address: texts("StreetAddress"),
        postal_code: texts("PostalCode"),
    }
}

const READ: &[&str] = &[
    "Subject",
    "DNSNames",
    "IPAddresses",
    "EmailAddresses",
    "KeyUsage",
    "ExtKeyUsage",
    "NotAfter",
    "IsCA",
    "MaxPathLen",
    "MaxPathLenZero",
];
/// MarbleRun overwrites these, whatever stands there.
const OVERWRITTEN: &[&str] = &["SerialNumber", "NotBefore", "BasicConstraintsValid"];
const UNSET_ONLY: &[&str] = &[
    "AuthorityKeyId",
    "CRLDistributionPoints",
    "ExcludedDNSDomains",
    "ExcludedEmailAddresses",
    "ExcludedIPRanges",
    "ExcludedURIDomains",
    "Extensions",
    "ExtraExtensions",
    "InhibitAnyPolicy",
    "InhibitAnyPolicyZero",
    "InhibitPolicyMapping",
    "InhibitPolicyMappingZero",
    "Issuer",
    "IssuingCertificateURL",
    "OCSPServer",
    "PermittedDNSDomains",
    "PermittedDNSDomainsCritical",
    "PermittedEmailAddresses",
    "PermittedIPRanges",
    "PermittedURIDomains",
    "Policies",
    "PolicyIdentifiers",
    "PolicyMappings",
    "PublicKey",
    "PublicKeyAlgorithm",
    "Raw",
    "RawIssuer",
    "RawSubject",
    "RawSubjectPublicKeyInfo",
    "RawTBSCertificate",
    "RequireExplicitPolicy",
    "RequireExplicitPolicyZero",
    "Signature",
    "SignatureAlgorithm",
    "SubjectKeyId",
    "UnhandledCriticalExtensions",
    "UnknownExtKeyUsage",
    "URIs",
    "Version",
];
const SUBJECT: &[&str] = &[
    "CommonName",
    "SerialNumber",
    "Country",
    "Organization",
    "OrganizationalUnit",
    "Locality",
    "Province",
    "StreetAddress",
    "PostalCode",
    "Names",
    "ExtraNames",
];
const COMMON_NAME_DEFAULT: &str = "MarbleRun Generated Certificate";
const GO_ZERO_TIME: &str = "0001-01-01T00:00:00Z";
const DIGITAL_SIGNATURE: u16 = 1;
const CERT_SIGN: u16 = 32;
const KEY_USAGE_MAX: u64 = 0x1ff;
const VALID_DAYS_DEFAULT: u32 = 365;
const VALID_DAYS_MAX: u64 = 36_500;
