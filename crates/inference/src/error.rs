//! Why a request is refused: a canonical code and a sentence, the same for REST and gRPC.

use std::fmt;

use strongroom_api::serving::Code;

/// What went wrong with one request. The texts are TensorFlow Serving's where it has one: clients match on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestError {
    code: Code,
    message: String,
}

impl RequestError {
    /// A refusal with any code.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// The request itself is wrong.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    /// The canonical code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// The sentence, safe to send.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The same refusal with more said before its sentence.
    #[must_use]
    pub fn within(self, context: &str) -> Self {
        Self {
            message: format!("{context}{}: {}", self.code.as_str_name(), self.message),
            ..self
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str_name(), self.message)
    }
}

impl std::error::Error for RequestError {}
