//! Rows of features as the one tensor that signatures for them take: serialized `tensorflow.Example`s.

use bytes::Bytes;
use prost::Message as _;
use strongroom_api::serving::{Input, input::Kind};

use crate::error::RequestError;
use crate::tensor::{Data, Tensor};

/// Rows, as signatures take them.
pub(super) struct Rows {
    /// [count] strings, each a serialized `Example`.
    pub(super) tensor: Tensor,
    /// Number of rows, at least one.
    pub(super) count: usize,
}

/// Serializes the rows. A context goes before each of them: what both say, the row says last and wins, as protobuf
/// merges messages.
pub(super) fn read(input: Option<&Input>) -> Result<Rows, RequestError> {
    let empty = || RequestError::invalid("Input is empty.");
    let (examples, context) = match input.and_then(|input| input.kind.as_ref()) {
        Some(Kind::ExampleList(list)) => (&list.examples, Vec::new()),
        Some(Kind::ExampleListWithContext(list)) => {
            let context = list.context.as_ref().map(prost::Message::encode_to_vec);
            (&list.examples, context.unwrap_or_default())
        }
        None => return Err(empty()),
    };
    if examples.is_empty() {
        return Err(empty());
    }
    let row = |example: &strongroom_api::serving::example::Example| {
        let mut bytes = Vec::with_capacity(context.len() + example.encoded_len());
        bytes.extend_from_slice(&context);
        bytes.extend(example.encode_to_vec());
        Bytes::from(bytes)
    };
    let rows: Vec<Bytes> = examples.iter().map(row).collect();
    let count = rows.len();
    let tensor = Tensor::new(vec![count], Data::String(rows)).expect("one string for each row");
    Ok(Rows { tensor, count })
}

/// Alias of the input that takes rows.
pub(super) const INPUT: &str = "inputs";
