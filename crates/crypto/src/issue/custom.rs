//! Certificates with a content that somebody else chose: a manifest's certificate secrets, in Go's numbers.

use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose, SanType, SerialNumber,
};

use super::{Authority, IssueError, SubjectKey, issuer_params};
use crate::random::{self, Random};
use crate::time::UnixTime;
use crate::x509::Certificate;

/// A part of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectPart {
    /// CN.
    CommonName,
    /// SERIALNUMBER.
    SerialNumber,
    /// C.
    Country,
    /// O.
    Organization,
    /// OU.
    OrganizationalUnit,
    /// L.
    Locality,
    /// ST.
    Province,
    /// STREET.
    StreetAddress,
    /// Postal code.
    PostalCode,
}

/// What stands in such a certificate.
#[derive(Debug, Clone)]
pub struct CustomTemplate {
    /// The subject; each part at most once.
    pub subject: Vec<(SubjectPart, String)>,
    /// DNS names.
    pub dns: Vec<String>,
    /// IP addresses.
    pub ip: Vec<IpAddr>,
    /// Mail addresses.
    pub email: Vec<String>,
    /// First second of validity.
    pub not_before: UnixTime,
    /// Last second of validity.
    pub not_after: UnixTime,
    /// Go's bit mask: digitalSignature = 1 … decipherOnly = 256.
    pub key_usage: u16,
    /// Go's numbers, 0 (any) to 13.
    pub ext_key_usage: Vec<u8>,
    /// May sign other certificates, with at most so many authorities below.
    pub authority: Option<Option<u8>>,
}

impl Authority<'_> {
    /// Certifies `subject_spki` with a chosen content.
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn issue_custom(
        &self,
        template: &CustomTemplate,
        subject_spki: &[u8],
        random: &dyn Random,
    ) -> Result<Certificate, IssueError> {
        let mut params = params(template, random)?;
        params.use_authority_key_identifier_extension = true;
        let subject = SubjectKey::parse(subject_spki)?;
        let issuer = Issuer::new(issuer_params(&self.common_name), self.key);
        let made = params
            .signed_by(&subject, &issuer)
            .map_err(|_| IssueError::Encoding)?;
        Certificate::parse(made.der()).map_err(|_| IssueError::Encoding)
    }
}

fn params(template: &CustomTemplate, random: &dyn Random) -> Result<CertificateParams, IssueError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = name(&template.subject)?;
    let ia5 = |name: &String| {
        name.as_str()
            .try_into()
            .map_err(|_| IssueError::Name(name.clone()))
    };
    for name in &template.dns {
        params.subject_alt_names.push(SanType::DnsName(ia5(name)?));
    }
    params
        .subject_alt_names
        .extend(template.ip.iter().copied().map(SanType::IpAddress));
    for name in &template.email {
        params.subject_alt_names.push(SanType::Rfc822Name(ia5(name)?));
    }
    params.not_before = template.not_before.to_offset_date_time();
    params.not_after = template.not_after.to_offset_date_time();
    let mut serial = random::array::<16>(random);
    serial[0] &= 0x7f;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.is_ca = match template.authority {
        Some(Some(below)) => IsCa::Ca(BasicConstraints::Constrained(below)),
        Some(None) => IsCa::Ca(BasicConstraints::Unconstrained),
        None => IsCa::ExplicitNoCa,
    };
    params.key_usages = key_usages(template.key_usage);
    params.extended_key_usages = template
        .ext_key_usage
        .iter()
        .filter_map(|number| extended(*number))
        .collect();
    Ok(params)
}

pub(super) fn name(parts: &[(SubjectPart, String)]) -> Result<DistinguishedName, IssueError> {
    let mut name = DistinguishedName::new();
    for (index, (part, value)) in parts.iter().enumerate() {
        // The library keeps one value for each part: a second one would silently replace the first.
        if parts[..index].iter().any(|(other, _)| other == part) {
            return Err(IssueError::Repeated(*part));
        }
        name.push(name_type(*part), value.as_str());
    }
    Ok(name)
}

pub(super) fn key_usages(bits: u16) -> Vec<KeyUsagePurpose> {
    let usages = KEY_USAGES.iter().enumerate();
    usages
        .filter(|(bit, _)| bits & (1 << bit) != 0)
        .map(|(_, usage)| *usage)
        .collect()
}

/// In the order of Go's bits.
const KEY_USAGES: [KeyUsagePurpose; 9] = [
    KeyUsagePurpose::DigitalSignature,
    KeyUsagePurpose::ContentCommitment,
    KeyUsagePurpose::KeyEncipherment,
    KeyUsagePurpose::DataEncipherment,
    KeyUsagePurpose::KeyAgreement,
    KeyUsagePurpose::KeyCertSign,
    KeyUsagePurpose::CrlSign,
    KeyUsagePurpose::EncipherOnly,
    KeyUsagePurpose::DecipherOnly,
];

fn extended(number: u8) -> Option<ExtendedKeyUsagePurpose> {
    let other = |arcs: &[u64]| Some(ExtendedKeyUsagePurpose::Other(arcs.to_vec()));
    match number {
        0 => Some(ExtendedKeyUsagePurpose::Any),
        1 => Some(ExtendedKeyUsagePurpose::ServerAuth),
        2 => Some(ExtendedKeyUsagePurpose::ClientAuth),
        3 => Some(ExtendedKeyUsagePurpose::CodeSigning),
        4 => Some(ExtendedKeyUsagePurpose::EmailProtection),
        5..=7 => other(&[1, 3, 6, 1, 5, 5, 7, 3, u64::from(number)]),
        8 => Some(ExtendedKeyUsagePurpose::TimeStamping),
        9 => Some(ExtendedKeyUsagePurpose::OcspSigning),
        10 => other(&[1, 3, 6, 1, 4, 1, 311, 10, 3, 3]),
        11 => other(&[2, 16, 840, 1, 113_730, 4, 1]),
        12 => other(&[1, 3, 6, 1, 4, 1, 311, 2, 1, 22]),
        13 => other(&[1, 3, 6, 1, 4, 1, 311, 61, 1, 1]),
        _ => None,
    }
}

fn name_type(part: SubjectPart) -> DnType {
    match part {
        SubjectPart::CommonName => DnType::CommonName,
        SubjectPart::SerialNumber => DnType::CustomDnType(vec![2, 5, 4, 5]),
        SubjectPart::Country => DnType::CountryName,
        SubjectPart::Organization => DnType::OrganizationName,
        SubjectPart::OrganizationalUnit => DnType::OrganizationalUnitName,
        SubjectPart::Locality => DnType::LocalityName,
        SubjectPart::Province => DnType::StateOrProvinceName,
        SubjectPart::StreetAddress => DnType::CustomDnType(vec![2, 5, 4, 9]),
        SubjectPart::PostalCode => DnType::CustomDnType(vec![2, 5, 4, 17]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;
    use crate::sign::SigningKey;

    fn template() -> CustomTemplate {
        CustomTemplate {
            subject: vec![
                (SubjectPart::CommonName, "db".into()),
                (SubjectPart::Organization, "Example".into()),
            ],
            dns: vec!["db.example".into()],
            ip: vec![IpAddr::from([10, 0, 0, 1])],
            email: Vec::new(),
            not_before: UnixTime(1_790_000_000),
            not_after: UnixTime(1_790_086_400),
            key_usage: 1 | 32,
            ext_key_usage: vec![1, 2, 13],
            authority: Some(Some(0)),
        }
    }

    #[test]
    fn says_what_was_chosen() {
        let root = SigningKey::generate_p384();
        let key = SigningKey::generate_p256();
        let made = Authority::new("Root", &root)
            .issue_custom(&template(), key.spki_der(), &SystemRandom)
            .unwrap();
        assert_eq!(made.verify_signature_by(root.verifying_key()), Ok(()));
        assert_eq!((made.subject_cn(), made.is_ca()), (Some("db"), true));
        assert_eq!(
            (&made.names().dns, &made.names().ip),
            (&template().dns, &template().ip)
        );
        assert_eq!(made.not_after(), UnixTime(1_790_086_400));
        // digitalSignature and keyCertSign are bits 0 and 5, counted from the left (RFC 5280 §4.2.1.3).
        assert_eq!(made.extension("2.5.29.15"), Some(&[3, 2, 2, 0x84][..]));
    }

    #[test]
    fn a_part_twice_is_refused_rather_than_lost() {
        let root = SigningKey::generate_p384();
        let mut twice = template();
        twice.subject.push((SubjectPart::Organization, "Other".into()));
        let refused = Authority::new("Root", &root).issue_custom(&twice, root.spki_der(), &SystemRandom);
        assert_eq!(refused, Err(IssueError::Repeated(SubjectPart::Organization)));
    }
}
