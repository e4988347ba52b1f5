//! The wire contracts and nothing else: protobuf messages, REST bodies, problem codes.

pub mod coordinator;
pub mod marble;
pub mod proto;
pub mod serving;
