//! The envelope of MarbleRun's answers (JSend): `status`, `data` (always there), `message` (left out when empty).

use serde::{Deserialize, Serialize};

/// One answer of `/api/v2` or of the v1 paths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// Which of the three kinds of answer this is.
    pub status: Status,
    /// The payload; `null` where there is none.
    pub data: Option<T>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// JSend's three outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It was done.
    Success,
    /// The request was wrong.
    Fail,
    /// The server could not or would not.
    Error,
}

impl<T> Envelope<T> {
    /// A success with its payload.
    pub const fn success(data: Option<T>) -> Self {
        Self {
            status: Status::Success,
            data,
            message: String::new(),
        }
    }

    /// A request that was wrong in itself (v2 only).
    pub const fn fail(message: String) -> Self {
        Self {
            status: Status::Fail,
            data: None,
            message,
        }
    }

    /// Everything else that was not done.
    pub const fn error(message: String) -> Self {
        Self {
            status: Status::Error,
            data: None,
            message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_is_left_out_when_empty_and_data_never() {
        let json = |e: &Envelope<u8>| serde_json::to_string(e).expect("serialises");
        assert_eq!(
            json(&Envelope::success(None)),
            r#"{"status":"success","data":null}"#
        );
        assert_eq!(
            json(&Envelope::success(Some(3))),
            r#"{"status":"success","data":3}"#
        );
        assert_eq!(
            json(&Envelope::fail("x".into())),
            r#"{"status":"fail","data":null,"message":"x"}"#
        );
        assert_eq!(
            json(&Envelope::error(String::new())),
            r#"{"status":"error","data":null}"#
        );
    }
}
