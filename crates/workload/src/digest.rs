//! The canonical digest. Specified in `docs/workload.md`; the known answers below pin it.

use strongroom_crypto::digest::Digest32;
use strongroom_crypto::encode::Encoder;
use strongroom_crypto::label;

use crate::description::{Argv, CoordinatorRule, Description, Measured, ReportData};

/// `SHA-256(enc(label, program, files, argv, environment, may-set environment, may-set files, coordinator,
/// provision directory, report data))`; lists are a field of their own with their count first.
pub(crate) fn digest(description: &Description) -> Digest32 {
    Encoder::new(label::WORKLOAD)
        .bytes(&measured(&description.program))
        .bytes(&list(&description.files, measured))
        .bytes(&argv(&description.argv))
        .bytes(&texts(&description.environment))
        .bytes(&texts(&description.coordinator_may_set.environment))
        .bytes(&texts(&description.coordinator_may_set.files))
        .bytes(&coordinator(&description.coordinator))
        .bytes(description.provision_dir.as_bytes())
        .bytes(match description.report_data {
            ReportData::Bound => b"bound",
            ReportData::Raw => b"raw",
        })
        .sha256()
}

fn measured(file: &Measured) -> Vec<u8> {
    Encoder::unlabelled()
        .bytes(file.path().as_bytes())
        .bytes(file.digest().as_bytes())
        .finish()
}

fn argv(argv: &Argv) -> Vec<u8> {
    match argv {
        Argv::Fixed(arguments) => Encoder::unlabelled()
            .bytes(b"fixed")
            .bytes(&texts(arguments))
            .finish(),
        Argv::Coordinator => Encoder::unlabelled().bytes(b"coordinator").finish(),
    }
}

fn coordinator(rule: &CoordinatorRule) -> Vec<u8> {
    match rule {
        CoordinatorRule::Expect(values) => Encoder::unlabelled()
            .bytes(b"expect")
            .bytes(&values.canonical())
            .finish(),
        CoordinatorRule::Unverified => Encoder::unlabelled().bytes(b"unverified").finish(),
    }
}

fn texts(items: &[String]) -> Vec<u8> {
    list(items, |item| item.as_bytes().to_vec())
}

fn list<T>(items: &[T], encode: impl Fn(&T) -> Vec<u8>) -> Vec<u8> {
    let start = Encoder::unlabelled().u64(items.len() as u64);
    items
        .iter()
        .fold(start, |encoder, item| encoder.bytes(&encode(item)))
        .finish()
}
