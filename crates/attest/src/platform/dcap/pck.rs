//! What Intel's extension of a PCK certificate says of the platform (Intel, "SGX PCK certificate and certificate
//! revocation list profile", §1.3.5; object identifier 1.2.840.113741.1.13.1).

use serde::Serialize;

use super::der::{BOOLEAN, ENUMERATED, Element, OBJECT_IDENTIFIER, OCTET_STRING};
use crate::hex_bytes::HexBytes;

/// The extension's object identifier.
pub(crate) const EXTENSION: &str = "1.2.840.113741.1.13.1";
/// The same in DER, without tag and length: what those inside begin with.
const PREFIX: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01];

/// A platform as its PCK certificate names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PckIdentity {
    /// Identity of the processor package.
    pub ppid: HexBytes<16>,
    /// Security versions of the sixteen SGX TCB components.
    pub sgx_tcb_svns: HexBytes<16>,
    /// Security version of the provisioning certification enclave.
    pub pce_svn: u16,
    /// CPUSVN, as the processor has it.
    pub cpu_svn: HexBytes<16>,
    /// Identity of the provisioning certification enclave.
    pub pce_id: HexBytes<2>,
    /// Family, model, stepping, platform type and custom SKU.
    pub fmspc: HexBytes<6>,
    /// Kind of memory protection.
    pub sgx_type: SgxType,
    /// Identity of the platform, where it has several packages or may get them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform_instance_id: Option<HexBytes<16>>,
    /// Packages may be added to the platform. Said by certificates of the Platform CA only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dynamic_platform: Option<bool>,
    /// Intel's registration service keeps the platform's root keys. Said by certificates of the Platform CA only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_keys: Option<bool>,
    /// Two threads run on a core. Said by certificates of the Platform CA only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smt: Option<bool>,
}

/// Kind of memory protection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SgxType {
    /// Encrypted, with integrity and freshness, up to 512 MiB.
    Standard,
    /// Encrypted.
    Scalable,
    /// Encrypted, with integrity.
    ScalableWithIntegrity,
}

impl PckIdentity {
    /// Reads the extension's value.
    ///
    /// # Errors
    /// A half sentence about what is wrong.
    pub(crate) fn parse(value: &[u8]) -> Result<Self, &'static str> {
        let members = Members::read(Element::only(value)).ok_or("Intel's extension cannot be read")?;
        let tcb = Members::read(members.get(&[2])).ok_or("Intel's extension has no readable TCB")?;
        let mut sgx_tcb_svns = [0; 16];
        for (number, svn) in (1..).zip(&mut sgx_tcb_svns) {
            let found = tcb.get(&[2, number]).and_then(Element::u16);
            *svn = found
                .and_then(|found| u8::try_from(found).ok())
                .ok_or("Intel's extension lacks a component's security version")?;
        }
        let configuration = members.get(&[7]);
        let configuration = match configuration {
            None => Members(Vec::new()),
            found => Members::read(found).ok_or("Intel's extension has an unreadable configuration")?,
        };
        Ok(Self {
            ppid: members.octets(&[1]).ok_or("Intel's extension has no PPID")?,
            sgx_tcb_svns: HexBytes(sgx_tcb_svns),
            pce_svn: tcb
                .get(&[2, 17])
                .and_then(Element::u16)
                .ok_or("Intel's extension has no PCESVN")?,
            cpu_svn: tcb.octets(&[2, 18]).ok_or("Intel's extension has no CPUSVN")?,
            pce_id: members.octets(&[3]).ok_or("Intel's extension has no PCEID")?,
            fmspc: members.octets(&[4]).ok_or("Intel's extension has no FMSPC")?,
            sgx_type: members
                .get(&[5])
                .and_then(sgx_type)
                .ok_or("Intel's extension has no known SGX type")?,
            platform_instance_id: members.optional(&[6], octets)?,
            dynamic_platform: configuration.optional(&[7, 1], boolean)?,
            cached_keys: configuration.optional(&[7, 2], boolean)?,
            smt: configuration.optional(&[7, 3], boolean)?,
        })
    }
}

/// The members of one sequence of pairs, each an object identifier below Intel's and a value.
struct Members<'a>(Vec<(&'a [u8], Element<'a>)>);

impl<'a> Members<'a> {
    fn read(sequence: Option<Element<'a>>) -> Option<Self> {
        let mut members: Vec<(&[u8], Element<'_>)> = Vec::new();
        for pair in sequence?.sequence()? {
            let pair = pair.sequence()?;
            let [name, value] = pair.as_slice() else {
                return None;
            };
            let name = name.content_of(OBJECT_IDENTIFIER)?.strip_prefix(PREFIX)?;
            // Which of two would be believed is nobody's guess to make.
            if members.iter().any(|(known, _)| *known == name) {
                return None;
            }
            members.push((name, *value));
        }
        Some(Self(members))
    }

    fn get(&self, name: &[u8]) -> Option<Element<'a>> {
        let member = self.0.iter().find(|(known, _)| *known == name);
        member.map(|(_, value)| *value)
    }

    fn octets<const N: usize>(&self, name: &[u8]) -> Option<HexBytes<N>> {
        octets(self.get(name)?)
    }

    fn optional<T>(
        &self,
        name: &[u8],
        read: impl FnOnce(Element<'a>) -> Option<T>,
    ) -> Result<Option<T>, &'static str> {
        let found = self.get(name).map(read);
        found
            .map(|value| value.ok_or("Intel's extension has an unreadable member"))
            .transpose()
    }
}

fn octets<const N: usize>(element: Element<'_>) -> Option<HexBytes<N>> {
    let content = element.content_of(OCTET_STRING)?;
    content.try_into().ok().map(HexBytes)
}

fn boolean(element: Element<'_>) -> Option<bool> {
    match element.content_of(BOOLEAN)? {
        [0] => Some(false),
        [0xff] => Some(true),
        _ => None,
    }
}

fn sgx_type(element: Element<'_>) -> Option<SgxType> {
    match element.content_of(ENUMERATED)? {
        [0] => Some(SgxType::Standard),
        [1] => Some(SgxType::Scalable),
        [2] => Some(SgxType::ScalableWithIntegrity),
        _ => None,
    }
}
