//! Packed requests and answers.

use std::io::Write as _;

use axum::body::Body;
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt as _;

/// Whether a request says that its body is packed; as in TensorFlow Serving, naming the coding anywhere is enough.
pub(super) fn is_packed(headers: &HeaderMap) -> bool {
    let value = headers
        .get(header::CONTENT_ENCODING)
        .and_then(|value| value.to_str().ok());
    value.is_some_and(|value| value.contains("gzip"))
}

/// Packs the body of an answer, for a client that asks for it and where it is worth it.
pub(super) async fn pack(response: Response, asked: &HeaderMap) -> Response {
    if !accepts(asked) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    // It is in memory: the answer was made before.
    let Ok(text) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
        return Response::from_parts(head, Body::empty());
    };
    head.headers
        .insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if text.len() < BYTES_MIN {
        return Response::from_parts(head, Body::from(text));
    }
    let packed = tokio::task::spawn_blocking({
        let text = text.clone();
        move || {
            let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::fast());
            encoder.write_all(&text).and_then(|()| encoder.finish())
        }
    });
    match packed.await {
        Ok(Ok(packed)) => {
            head.headers
                .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            Response::from_parts(head, Body::from(packed))
        }
        _ => Response::from_parts(head, Body::from(text)),
    }
}

// RFC 9110 §12.5.3: named or meant by the asterisk, and not with weight zero. What is named counts before the asterisk.
fn accepts(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    let mut any = false;
    for coding in values.flat_map(|value| value.split(',')) {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = parameters.trim().strip_prefix("q=").map(str::parse::<f32>);
        let wanted = !matches!(weight, Some(Ok(0.0) | Err(_)));
        let name = name.trim();
        if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
            return wanted;
        }
        any |= name == "*" && wanted;
    }
    any
}

/// Shorter answers fit one packet anyway.
const BYTES_MIN: usize = 1024;

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    fn asked(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_client_decides() {
        for (value, expected) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("*", true),
            ("gzip;q=0", false),
            ("*, gzip;q=0.0", false),
            ("gzip;q=x", false),
            ("identity", false),
            ("*;q=0", false),
            ("", false),
        ] {
            assert_eq!(accepts(&asked(value)), expected, "{value}");
        }
        assert!(!accepts(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn long_answers_are_packed_and_short_ones_are_not() {
        let long = vec![b'1'; 4096];
        let packed = pack(Response::new(Body::from(long.clone())), &asked("gzip")).await;
        assert_eq!(packed.headers()[header::CONTENT_ENCODING], "gzip");
        assert_eq!(packed.headers()[header::VARY], "Accept-Encoding");
        let bytes = packed.into_body().collect().await.expect("a body").to_bytes();
        let mut unpacked = Vec::new();
        GzDecoder::new(&*bytes).read_to_end(&mut unpacked).expect("gzip");
        assert_eq!(unpacked, long);
        for (text, asked) in [(vec![b'1'; 100], asked("gzip")), (long, HeaderMap::new())] {
            let plain = pack(Response::new(Body::from(text.clone())), &asked).await;
            assert!(!plain.headers().contains_key(header::CONTENT_ENCODING));
            let bytes = plain.into_body().collect().await.expect("a body").to_bytes();
            assert_eq!(bytes, text);
        }
    }
}
