//! Protobuf text files: TensorFlow Serving's configuration, read strictly. A field that is unknown, given twice or of
//! another type is an error that names its place, as the protobuf library's are.

use std::sync::LazyLock;

use miette::Diagnostic as _;
use prost_reflect::{DescriptorPool, DynamicMessage};
use strongroom_api::serving::saved_model::ConfigProto;
use strongroom_api::serving::{
    BatchingParameters, CONFIGURATION_DESCRIPTORS, ModelServerConfig, MonitoringConfig, SslConfig,
};

/// A message that is read from text files.
pub trait TextMessage: prost::Message + Default {
    /// Its full name.
    const NAME: &'static str;
    /// Whether errors must not quote it.
    const SECRET: bool = false;
}

impl TextMessage for ModelServerConfig {
    const NAME: &'static str = "tensorflow.serving.ModelServerConfig";
}

impl TextMessage for MonitoringConfig {
    const NAME: &'static str = "tensorflow.serving.MonitoringConfig";
}

impl TextMessage for SslConfig {
    const NAME: &'static str = "tensorflow.serving.SSLConfig";
    const SECRET: bool = true;
}

impl TextMessage for BatchingParameters {
    const NAME: &'static str = "tensorflow.serving.BatchingParameters";
}

impl TextMessage for ConfigProto {
    const NAME: &'static str = "tensorflow.ConfigProto";
}

/// The text is not of the message. Prints as TensorFlow Serving logs it: message, line and column (from 1), reason.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("Error parsing text-format {message}: {line}:{column}: {what}")]
pub struct TextError {
    message: &'static str,
    line: usize,
    column: usize,
    what: String,
}

/// Reads a text of at most [`TEXT_BYTES_MAX`] bytes, whose messages and lists are nested at most 64 deep.
///
/// # Errors
/// With the place at which it stops making sense.
pub fn parse<M: TextMessage>(text: &str) -> Result<M, TextError> {
    let fail = |at: usize, what: String| {
        let (line, column) = place(text, at);
        TextError {
            message: M::NAME,
            line,
            column,
            what,
        }
    };
    if text.len() > TEXT_BYTES_MAX {
        let what = format!("the text is longer than {TEXT_BYTES_MAX} bytes");
        return Err(fail(TEXT_BYTES_MAX, what));
    }
    // The parser below descends on the stack.
    if let Some(at) = too_deep(text.as_bytes()) {
        return Err(fail(at, format!("messages are nested deeper than {DEPTH_MAX}")));
    }
    let descriptor = DESCRIPTORS
        .get_message_by_name(M::NAME)
        .expect("every TextMessage has a descriptor");
    let message = DynamicMessage::parse_text_format(descriptor, text).map_err(|error| {
        let mut labels = error.labels().into_iter().flatten();
        let at = labels.next().map_or(text.len(), |label| label.offset());
        let what = if M::SECRET {
            "this is not understood".to_owned()
        } else {
            error.to_string()
        };
        fail(at, what)
    })?;
    message.transcode_to().map_err(|error| fail(0, error.to_string()))
}

/// Where brackets stand deeper than allowed; strings and comments do not count.
fn too_deep(text: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut inside = Inside::Fields;
    let mut escaped = false;
    for (at, &byte) in text.iter().enumerate() {
        match (inside, byte) {
            // A line ends a comment, and no string goes on after it.
            (_, b'\n') => inside = Inside::Fields,
            (Inside::String(_), _) if escaped => escaped = false,
            (Inside::String(_), b'\\') => escaped = true,
            (Inside::String(quote), _) if byte == quote => inside = Inside::Fields,
            (Inside::Fields, b'"' | b'\'') => inside = Inside::String(byte),
            (Inside::Fields, b'#') => inside = Inside::Comment,
            (Inside::Fields, b'{' | b'<' | b'[') if depth == DEPTH_MAX => return Some(at),
            (Inside::Fields, b'{' | b'<' | b'[') => depth += 1,
            (Inside::Fields, b'}' | b'>' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        escaped &= byte != b'\n';
    }
    None
}

#[derive(Clone, Copy)]
enum Inside {
    Fields,
    Comment,
    String(u8),
}

fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line_start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |newline| newline + 1);
    let lines = before.iter().filter(|byte| **byte == b'\n').count();
    (lines + 1, before.len() - line_start + 1)
}

static DESCRIPTORS: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(CONFIGURATION_DESCRIPTORS).expect("the descriptors are those of our protos")
});

/// Longest text that is read: tens of thousands of models.
pub const TEXT_BYTES_MAX: usize = 4 << 20;
const DEPTH_MAX: usize = 64;

#[cfg(test)]
#[path = "textproto_tests.rs"]
mod tests;
