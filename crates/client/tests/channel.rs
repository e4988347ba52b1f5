//! The channel to a workload over a real connection: a marble made by hand, and who is refused in its place.
#![expect(clippy::unwrap_used, reason = "a fixture that breaks fails its test")]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use serde_json::{Value, json};
use strongroom_client::predict::{Input, Prediction, Protocol, Server, VerifiedChannel};
use strongroom_client::{Error, Kind, SystemRandom, Trust, sha256};
use strongroom_crypto::issue::{self, Authority, Template, Usage};
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::{Certificate, Names};
use strongroom_ratls::{Alpn, ClientCertificates, Identity, ServerSettings, Versions, server_config};
use tokio::net::TcpListener;

struct World {
    root: Certificate,
    root_key: SigningKey,
}

/// What a marble's certificate says.
#[derive(Clone)]
struct Leaf {
    marble_type: Option<&'static str>,
    name: &'static str,
}

const GENUINE: Leaf = Leaf {
    marble_type: Some("inference"),
    name: "digits.example",
};

fn template(name: &str, usage: Usage) -> Template {
    Template {
        common_name: name.to_owned(),
        names: Names::default(),
        not_before: UnixTime(1_000_000_000),
        not_after: UnixTime(9_000_000_000),
        usage,
        extensions: Vec::new(),
    }
}

impl World {
    fn new() -> Self {
        let root_key = SigningKey::generate_p384();
        let root =
            issue::self_signed(&template("marbles", Usage::Authority), &root_key, &SystemRandom).unwrap();
        Self { root, root_key }
    }

    fn trust(&self) -> Trust {
        let json = json!({
            "format": "strongroom.trust.v1", "coordinator": "localhost:4433", "root": self.root.to_pem(),
            "manifest_digest": sha256(b"manifest"), "log_head": { "epoch": 0, "size": 0, "hash": sha256(b"") },
            "marble_root": self.root.to_pem(), "policy_digest": sha256(b"policy"), "simulated": true,
            "verified_at": 1_800_000_000,
            "models": { "digits": [{ "marble": "inference", "dns_names": ["digits.example"] }] },
        });
        Trust::parse(json.to_string().as_bytes()).unwrap()
    }

    /// A marble with this certificate, its address, and what it was sent.
    async fn marble(&self, leaf: &Leaf) -> (String, Arc<Mutex<Vec<Value>>>) {
        let key = SigningKey::generate_p384();
        let mut certificate = template("marble", Usage::Leaf);
        certificate.names.dns = vec![leaf.name.to_owned()];
        let oid = vec![1, 3, 9903, 2, 1];
        certificate.extensions = leaf
            .marble_type
            .map(|name| (oid, name.as_bytes().to_vec()))
            .into_iter()
            .collect();
        let issuer = Authority::new("marbles", &self.root_key);
        let certificate = issuer.issue(&certificate, key.spki_der(), &SystemRandom).unwrap();
        let identity = Identity::new(&[certificate], &key).unwrap();
        let settings = ServerSettings {
            versions: Versions::Tls13,
            clients: ClientCertificates::None,
            alpn: Alpn::Http1,
        };
        let config = server_config(Arc::new(Presents(identity.certified_key())), settings).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        tokio::spawn(async move {
            let acceptor = tokio_rustls::TlsAcceptor::from(config);
            while let Ok((tcp, _)) = listener.accept().await {
                let Ok(tls) = acceptor.accept(tcp).await else {
                    continue;
                };
                let kept = Arc::clone(&kept);
                let answer = service_fn(move |request| {
                    let kept = Arc::clone(&kept);
                    async move { Ok::<_, Infallible>(answer(request, &kept).await) }
                });
                // The client hangs up when it has seen enough.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(tls), answer)
                    .await;
            }
        });
        (address, received)
    }
}

async fn answer(request: Request<Incoming>, kept: &Mutex<Vec<Value>>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let dims = |sizes: &[&str]| {
        sizes
            .iter()
            .map(|size| json!({ "size": size, "name": "" }))
            .collect::<Vec<_>>()
    };
    let tensor = |dtype: &str, sizes: &[&str]| json!({ "dtype": dtype, "tensor_shape": { "dim": dims(sizes), "unknown_rank": false }, "name": "" });
    let (status, answer) = match (parts.method, parts.uri.path()) {
        (Method::GET, "/v1/models/digits/metadata") => (
            StatusCode::OK,
            json!({ "metadata": { "signature_def": { "signature_def": { "serving_default": {
                "inputs": { "image": tensor("DT_FLOAT", &["-1", "8", "8", "1"]) },
                "outputs": { "digit": tensor("DT_INT64", &["-1"]) },
            } } } } }),
        ),
        (Method::POST, "/v1/models/digits:predict") => {
            kept.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
            (StatusCode::OK, json!({ "predictions": [3] }))
        }
        _ => (StatusCode::NOT_FOUND, json!({ "error": "Servable not found" })),
    };
    Response::builder()
        .status(status)
        .body(Full::new(answer.to_string().into()))
        .unwrap()
}

#[derive(Debug)]
struct Presents(Arc<CertifiedKey>);

impl ResolvesServerCert for Presents {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

async fn predict(trust: &Trust, address: &str) -> Result<Prediction, Error> {
    let server = Server {
        address,
        model: "digits",
        marble: None,
        name: None,
    };
    let channel = VerifiedChannel::connect(trust, &server, Protocol::Rest, None).await?;
    channel.predict(&Input::Json(json!([[1.0]]))).await
}

#[tokio::test]
async fn a_marble_of_the_verified_deployment_is_asked() {
    let world = World::new();
    let (address, received) = world.marble(&GENUINE).await;
    let prediction = predict(&world.trust(), &address).await.unwrap();
    assert_eq!(prediction.outputs["digit"], json!([3]));
    assert_eq!(*received.lock().unwrap(), [json!({ "instances": [[1.0]] })]);
}

#[tokio::test]
async fn everybody_else_is_sent_nothing() {
    let world = World::new();
    for (leaf, code) in [
        (
            Leaf {
                marble_type: Some("trainer"),
                ..GENUINE
            },
            "channel.marble_type",
        ),
        (
            Leaf {
                marble_type: None,
                ..GENUINE
            },
            "channel.marble_type",
        ),
        (
            Leaf {
                name: "other.example",
                ..GENUINE
            },
            "channel.certificate",
        ),
    ] {
        let (address, received) = world.marble(&leaf).await;
        let error = predict(&world.trust(), &address).await.unwrap_err();
        assert_eq!((error.code(), error.kind()), (code, Kind::Unverified));
        assert!(error.hint().is_some());
        assert!(received.lock().unwrap().is_empty());
    }
    // A genuine marble of another deployment, or of this one before its marble root changed.
    let (address, received) = World::new().marble(&GENUINE).await;
    let error = predict(&world.trust(), &address).await.unwrap_err();
    assert_eq!(
        (error.code(), error.kind()),
        ("channel.certificate", Kind::Unverified)
    );
    assert!(received.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_server_that_does_not_predict_is_quoted() {
    let world = World::new();
    let (address, _) = world.marble(&GENUINE).await;
    let trust = Trust::parse(
        world
            .trust()
            .to_json()
            .replace("\"digits\"", "\"faces\"")
            .as_bytes(),
    )
    .unwrap();
    let server = Server {
        address: &address,
        model: "faces",
        marble: None,
        name: None,
    };
    let channel = VerifiedChannel::connect(&trust, &server, Protocol::Rest, None)
        .await
        .unwrap();
    let error = channel.predict(&Input::Json(json!([1]))).await.unwrap_err();
    assert_eq!(error.code(), "predict.refused");
    assert!(
        error
            .to_string()
            .ends_with("does not predict: Servable not found"),
        "{error}"
    );
}
