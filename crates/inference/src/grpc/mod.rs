//! TensorFlow Serving's gRPC interface: message to request, request to message.

use std::sync::Arc;
use std::time::Duration;

use strongroom_api::proto::grpc_health::v1::health_server::HealthServer;
use strongroom_api::serving::model_service_server::ModelServiceServer;
use strongroom_api::serving::prediction_service_server::PredictionServiceServer;
use strongroom_api::serving::{Code, DESCRIPTORS};
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic::{Status, metadata::MetadataMap};
use tonic_reflection::server as reflection;

use crate::app::App;
use crate::error::RequestError;

mod health;
mod model_service;
mod prediction;

/// All services as one router.
pub fn router(app: &Arc<App>, health: bool) -> axum::Router {
    let bytes_max = app.limits.body_bytes_max;
    let prediction = PredictionServiceServer::new(prediction::Prediction::new(Arc::clone(app)))
        .max_decoding_message_size(bytes_max)
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
        .accept_compressed(CompressionEncoding::Gzip);
    let models = ModelServiceServer::new(model_service::ModelStatus::new(Arc::clone(app)))
        .max_decoding_message_size(bytes_max);
    let mut routes = Routes::new(prediction).add_service(models);
    // Tools that know nothing of these services ask for their descriptions; the original answers them too.
    let described = || reflection::Builder::configure().register_encoded_file_descriptor_set(DESCRIPTORS);
    if let (Ok(current), Ok(older)) = (described().build_v1(), described().build_v1alpha()) {
        routes = routes.add_service(current).add_service(older);
    }
    if health {
        routes = routes.add_service(HealthServer::new(health::AlwaysServing));
    }
    routes.into_axum_router()
}

/// A refusal as gRPC carries it. Its text is cut, as in TensorFlow Serving.
fn to_status(error: &RequestError) -> Status {
    let mut message = error.message().to_owned();
    if message.len() > TEXT_BYTES_MAX {
        let mut end = TEXT_BYTES_MAX;
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        message.truncate(end);
        message.push_str("...TRUNCATED");
    }
    let code = match error.code() {
        // An error is never told as success.
        Code::Ok => tonic::Code::Internal,
        code => tonic::Code::from_i32(code.into()),
    };
    Status::new(code, message)
}

/// The caller's deadline, from the header `grpc-timeout` (a number of at most eight digits and a unit).
fn deadline(metadata: &MetadataMap) -> Option<Duration> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if number.is_empty() || number.len() > 8 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = number.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

/// Bytes of an error's text.
const TEXT_BYTES_MAX: usize = 1024;
/// Bytes of an answer.
const MESSAGE_BYTES_MAX: usize = i32::MAX as usize;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut() {
        let status = to_status(&RequestError::invalid("é".repeat(1024)));
        assert_eq!(status.message().len(), 1024 + "...TRUNCATED".len());
        assert_eq!(to_status(&RequestError::invalid("short")).message(), "short");
        assert_eq!(
            to_status(&RequestError::new(Code::NotFound, "x")).code(),
            tonic::Code::NotFound
        );
    }

    #[test]
    fn reads_deadlines() {
        let read = |text: &str| {
            let mut metadata = MetadataMap::new();
            metadata.insert("grpc-timeout", text.parse().expect("ASCII"));
            deadline(&metadata)
        };
        assert_eq!(read("250m"), Some(Duration::from_millis(250)));
        assert_eq!(read("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for bad in ["", "m", "123456789S", "1x", "-1S"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
