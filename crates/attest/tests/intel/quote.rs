//! Quotes: headers, bodies, and the block of the quoting enclave.

use strongroom_attest::Platform;
use strongroom_crypto::digest::sha256;

use super::Machine;

pub(crate) const VENDOR: [u8; 16] = [
    0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07,
];

/// Version and body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Version 3.
    Sgx,
    /// TDX 1.0, version 4.
    Td10,
    /// TDX 1.0, version 5.
    Td10V5,
    /// TDX 1.5, version 5.
    Td15,
    /// TDX 1.5 extended, version 5.
    Td15Ex,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [Self::Sgx, Self::Td10, Self::Td10V5, Self::Td15, Self::Td15Ex];

    pub(crate) fn platform(self) -> Platform {
        match self {
            Self::Sgx => Platform::Sgx,
            _ => Platform::Tdx,
        }
    }

    fn version(self) -> u16 {
        match self {
            Self::Sgx => 3,
            Self::Td10 => 4,
            _ => 5,
        }
    }

    pub(crate) fn body_bytes(self) -> usize {
        match self {
            Self::Sgx => 384,
            Self::Td10 | Self::Td10V5 => 584,
            Self::Td15 => 648,
            Self::Td15Ex => 885,
        }
    }

    pub(crate) fn has_td15(self) -> bool {
        matches!(self, Self::Td15 | Self::Td15Ex)
    }
}

pub(crate) fn header(kind: Kind) -> Vec<u8> {
    let tee: u32 = if kind == Kind::Sgx { 0 } else { 0x81 };
    let mut header = [
        &kind.version().to_le_bytes()[..],
        &2_u16.to_le_bytes(),
        &tee.to_le_bytes(),
    ]
    .concat();
    header.extend_from_slice(&[0; 4]);
    header.extend_from_slice(&VENDOR);
    header.extend_from_slice(&[0x5a; 20]);
    let body_type: u16 = match kind {
        Kind::Sgx | Kind::Td10 => return header,
        Kind::Td10V5 => 2,
        Kind::Td15 => 3,
        Kind::Td15Ex => 4,
    };
    header.extend_from_slice(&body_type.to_le_bytes());
    header.extend_from_slice(&u32::try_from(kind.body_bytes()).expect("small").to_le_bytes());
    header
}

pub(crate) const MRENCLAVE: [u8; 32] = [0x11; 32];
pub(crate) const MRSIGNER: [u8; 32] = [0x12; 32];
pub(crate) const MRTD: [u8; 48] = [0x13; 48];

/// TEE_TCB_SVN of a TD: module 1 of security version 5.
pub(crate) const TEE_TCB_SVN: [u8; 16] = [5, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// TDATTRIBUTES: SEPT_VE_DISABLE.
pub(crate) const TD_ATTRIBUTES: u64 = 1 << 28;

pub(crate) fn body(kind: Kind) -> Vec<u8> {
    if kind == Kind::Sgx {
        return enclave(&MRENCLAVE, &MRSIGNER, 7, 3, 0x05);
    }
    let mut body = vec![0; kind.body_bytes()];
    body[..16].copy_from_slice(&TEE_TCB_SVN);
    body[16..64].fill(0x21);
    body[120..128].copy_from_slice(&TD_ATTRIBUTES.to_le_bytes());
    body[128..136].copy_from_slice(&[0xe7, 0x02, 0x06, 0, 0, 0, 0, 0]);
    body[136..184].copy_from_slice(&MRTD);
    for (at, byte) in [
        (184, 0x22),
        (232, 0x23),
        (280, 0x24),
        (328, 0x25),
        (376, 0x26),
        (424, 0x27),
    ] {
        body[at..at + 48].fill(byte);
    }
    body[520..584].fill(0x28);
    if kind.has_td15() {
        body[584..600].copy_from_slice(&TEE_TCB_SVN);
    }
    if kind == Kind::Td15Ex {
        body[649..681].fill(0x29);
        body[681..729].fill(0x2a);
        body[785..801].copy_from_slice(&super::certificates::SVNS);
        body[801..817].copy_from_slice(&TEE_TCB_SVN);
        body[817..823].copy_from_slice(&[0xb0, 0xc0, 0x6f, 0, 0, 0]);
    }
    body
}

pub(crate) fn quoting_enclave(kind: Kind) -> Vec<u8> {
    let product = if kind == Kind::Sgx { 1 } else { 2 };
    let mut qe = enclave(&[0x31; 32], &super::collateral::QE_SIGNER, product, 8, 0x15);
    qe[320..].fill(0);
    qe
}

fn enclave(
    measurement: &[u8; 32],
    signer: &[u8; 32],
    product: u16,
    security_version: u16,
    flags: u64,
) -> Vec<u8> {
    let mut report = vec![0; 384];
    report[..16].copy_from_slice(&super::certificates::SVNS);
    report[48..56].copy_from_slice(&flags.to_le_bytes());
    report[56..64].copy_from_slice(&0xe7_u64.to_le_bytes());
    report[64..96].copy_from_slice(measurement);
    report[128..160].copy_from_slice(signer);
    report[256..258].copy_from_slice(&product.to_le_bytes());
    report[258..260].copy_from_slice(&security_version.to_le_bytes());
    report[320..384].fill(0x28);
    report
}

pub(crate) fn sign(machine: &Machine) -> Vec<u8> {
    let point = |key: super::Key| key.get().verifying_key().point()[1..].to_vec();
    let mut qe = machine.qe.clone();
    let vouched = [
        point(machine.qe_vouches_for),
        machine.qe_authentication_data.clone(),
    ]
    .concat();
    // A test may have put something else there.
    if qe[320..352] == [0; 32] {
        qe[320..352].copy_from_slice(sha256(&vouched).as_bytes());
    }
    let data = match &machine.certification_data {
        Some(data) => data.clone(),
        None => [machine.pki.chain().as_bytes(), &[0]].concat(),
    };
    let authentication = &machine.qe_authentication_data;
    let mut block = [&qe[..], &machine.qe_signed_by.get().sign_raw(&qe)].concat();
    block.extend_from_slice(&u16::try_from(authentication.len()).expect("short").to_le_bytes());
    block.extend_from_slice(authentication);
    block.extend_from_slice(&machine.certification_type.to_le_bytes());
    block.extend_from_slice(&length(&data));
    block.extend_from_slice(&data);
    if machine.kind != Kind::Sgx {
        block = [&6_u16.to_le_bytes()[..], &length(&block), &block].concat();
    }
    let signed = [&machine.header[..], &machine.body].concat();
    let signature = machine.attestation_key.get().sign_raw(&signed);
    let data = [signature, point(machine.attestation_key), block].concat();
    let mut quote = [&signed[..], &length(&data), &data].concat();
    (machine.damage)(&mut quote);
    quote
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).expect("small").to_le_bytes()
}
