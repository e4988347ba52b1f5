//! The files that Linux measured (IMA, `Documentation/security/IMA-templates.rst` of the kernel): a list with one entry
//! for each, extended into PCR 10.
//!
//! The list goes on while the machine runs, so the one that comes with a quote may be longer than what the quote
//! covers. [`ImaLog::confirm`] finds the entries that lead to the quoted value; the others are vouched for by nothing
//! and are not given out.
//!
//! The hash that stands in the list is SHA-1 and is not used. Since Linux 5.8 each bank is extended with the hash of
//! the entry's template data in the bank's own algorithm, and that is what is computed here; the SHA-1 hash padded with
//! zeros that older kernels extended is not accepted. An entry whose hash in the list is zero is a violation (a file
//! changed while it was measured): all ones were extended for it.

mod ascii;
mod binary;
mod policy;
mod template;

use std::borrow::Cow;

use super::algorithm::{Algorithm, RegisterValue};
use super::content::Shown;
pub use policy::{FileDigest, ImaFile, ImaPolicy, ImaPolicyFailure, OtherFiles};
use template::Fields;
pub use template::Template;

/// Bytes of a list.
pub const LOG_BYTES_MAX: usize = 16 << 20;
/// Entries of a list.
pub const ENTRIES_MAX: usize = 1 << 17;
/// The PCR that the kernel extends unless it is built to use another.
pub const IMA_PCR: u32 = 10;

const BOOT_AGGREGATE: &[u8] = b"boot_aggregate";

/// A list, parsed and believed in nothing.
#[derive(Debug, Clone)]
pub struct ImaLog<'a>(Vec<Entry<'a>>);

/// What was measured of one file.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    number: usize,
    register: u32,
    template: Template,
    violation: bool,
    data: Cow<'a, [u8]>,
}

/// Bytes are no list of measured files that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImaError {
    /// Longer than any list.
    #[error("the list of measured files has {length} bytes, more than {LOG_BYTES_MAX}")]
    TooLarge {
        /// Bytes found.
        length: usize,
    },
    /// More entries than any list has.
    #[error("the list of measured files has more than {ENTRIES_MAX} entries")]
    TooManyEntries,
    /// An entry of another form than its template has.
    #[error("entry {number} of the list of measured files is malformed")]
    Malformed {
        /// The entry.
        number: usize,
    },
    /// A template whose form is not known here.
    #[error("entry {number} of the list of measured files has the unknown template \"{}\"", Shown(.name))]
    Template {
        /// The entry.
        number: usize,
        /// Its template.
        name: String,
    },
    /// An algorithm that is only read past.
    #[error("registers of {0} are not replayed")]
    Algorithm(Algorithm),
    /// No part of the list leads to the quoted value.
    #[error(
        "the list of measured files has {entries} entries for PCR {register}; after all of them it stands at \
         {replayed}, the quote says {quoted}, and no beginning of the list leads there: something was extended that \
         is not in the list, or the list was changed"
    )]
    Elsewhere {
        /// The register.
        register: u32,
        /// Its entries.
        entries: usize,
        /// Where they lead.
        replayed: RegisterValue,
        /// What is quoted, hexadecimal.
        quoted: String,
    },
}

impl<'a> ImaLog<'a> {
    /// Reads `ascii_runtime_measurements` or `binary_runtime_measurements` of a little-endian machine; the first byte
    /// tells which. Allocates no more than a small record for each entry, and for the text the data it stands for.
    ///
    /// # Errors
    /// [`ImaError`] at the first thing that is not of the form.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ImaError> {
        if bytes.len() > LOG_BYTES_MAX {
            return Err(ImaError::TooLarge { length: bytes.len() });
        }
        // The text begins with the register's number; in the binary form that would be register 0x20 or higher.
        let is_text = bytes
            .first()
            .is_some_and(|byte| matches!(byte, b' ' | b'0'..=b'9'));
        let entries = if is_text {
            ascii::parse(bytes)
        } else {
            binary::parse(bytes)
        };
        entries.map(Self)
    }

    /// The entries in their order.
    #[must_use]
    pub fn entries(&self) -> &[Entry<'a>] {
        &self.0
    }

    /// Finds the entries that lead to the quoted value of a PCR.
    ///
    /// # Errors
    /// [`ImaError::Elsewhere`] when none do, [`ImaError::Algorithm`].
    pub fn confirm(
        &self,
        register: u32,
        algorithm: Algorithm,
        quoted: &[u8],
    ) -> Result<MeasuredFiles<'_>, ImaError> {
        let entries: Vec<_> = self.0.iter().filter(|entry| entry.register == register).collect();
        let mut value = RegisterValue::filled(algorithm, 0);
        let mut vouched = (value.as_bytes() == quoted).then_some(0);
        for (place, entry) in entries.iter().enumerate() {
            value = entry
                .extends(value, algorithm)
                .ok_or(ImaError::Algorithm(algorithm))?;
            if vouched.is_none() && value.as_bytes() == quoted {
                vouched = Some(place + 1);
            }
        }
        let vouched = vouched.ok_or_else(|| ImaError::Elsewhere {
            register,
            entries: entries.len(),
            replayed: value,
            quoted: hex::encode(quoted),
        })?;
        Ok(MeasuredFiles {
            algorithm,
            unvouched: entries.len() - vouched,
            entries: entries.into_iter().take(vouched).collect(),
        })
    }
}

impl<'a> Entry<'a> {
    fn new(
        number: usize,
        register: u32,
        hash: &[u8],
        template: Template,
        data: Cow<'a, [u8]>,
    ) -> Result<Self, ImaError> {
        Fields::parse(template, &data).ok_or(ImaError::Malformed { number })?;
        Ok(Self {
            number,
            register,
            template,
            violation: hash.iter().all(|byte| *byte == 0),
            data,
        })
    }

    /// Its place in the list, counted from 1.
    #[must_use]
    pub const fn number(&self) -> usize {
        self.number
    }

    /// The PCR that it extends.
    #[must_use]
    pub const fn register(&self) -> u32 {
        self.register
    }

    /// Its template.
    #[must_use]
    pub const fn template(&self) -> Template {
        self.template
    }

    /// Whether the file changed while it was measured: then its hash says nothing.
    #[must_use]
    pub const fn is_violation(&self) -> bool {
        self.violation
    }

    /// The file's path, or for measured buffers their name. Spaces are underscores.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        self.fields().path
    }

    /// The file's hash as `algorithm:digits`, with the kind of hash before it where it is not that of the content
    /// (`verity`).
    #[must_use]
    pub fn file_hash(&self) -> String {
        self.fields().file_hash()
    }

    fn fields(&self) -> Fields<'_> {
        Fields::parse(self.template, &self.data).expect("the entry was made of what parses")
    }

    fn extends(&self, value: RegisterValue, algorithm: Algorithm) -> Option<RegisterValue> {
        let digest = if self.violation {
            RegisterValue::filled(algorithm, 0xff)
        } else {
            algorithm.digest(&self.data)?
        };
        value.extended(algorithm, digest.as_bytes())
    }
}

/// The entries that a quote vouches for. [`ImaLog::confirm`] is the only way to get them.
#[derive(Debug, Clone)]
pub struct MeasuredFiles<'l> {
    algorithm: Algorithm,
    entries: Vec<&'l Entry<'l>>,
    unvouched: usize,
}

/// Whether the list's first entry speaks of the boot that was quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BootAggregate {
    /// It is the hash of the quoted PCRs.
    Matches,
    /// It is another.
    Differs,
    /// Not all of PCR 0 to 9 are quoted in the bank that it is of.
    NotQuoted,
    /// The first entry is something else.
    Missing,
}

impl<'l> MeasuredFiles<'l> {
    /// The entries in their order.
    #[must_use]
    pub fn entries(&self) -> &[&'l Entry<'l>] {
        &self.entries
    }

    /// How many further entries the list has, of files measured after the quote, or never.
    #[must_use]
    pub const fn unvouched(&self) -> usize {
        self.unvouched
    }

    /// Holds the first entry, a hash over PCR 0 to 9 when the kernel started, against the quoted values.
    #[must_use]
    pub fn boot_aggregate<'q>(&self, quoted: impl Fn(u32) -> Option<&'q [u8]>) -> BootAggregate {
        let Some(first) = self.entries.first().filter(|entry| entry.is_boot_aggregate()) else {
            return BootAggregate::Missing;
        };
        let values: Option<Vec<_>> = (0..10).map(quoted).collect();
        let computed = values.and_then(|values| self.algorithm.digest(&values.concat()));
        let fields = first.fields();
        match computed {
            Some(computed) if computed.as_bytes() == fields.digest && !first.violation => {
                BootAggregate::Matches
            }
            Some(computed) if computed.as_bytes().len() == fields.digest.len() => BootAggregate::Differs,
            _ => BootAggregate::NotQuoted,
        }
    }
}

impl Entry<'_> {
    fn is_boot_aggregate(&self) -> bool {
        self.number == 1 && self.path() == BOOT_AGGREGATE
    }
}
