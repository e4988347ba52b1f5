//! TensorFlow Serving's REST interface: path to request, request to bytes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body as HttpBody;
use axum::extract::{Request, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use strongroom_api::serving::{ClassificationRequest, Code, ModelSpec, RegressionRequest};
use strongroom_service::ConnectionInfo;

use crate::app::{App, signature};
use crate::describe;
use crate::engine::Call;
use crate::error::RequestError;
use crate::infer::{self, Context};
use crate::metrics::Entrypoint;

pub mod allowance;
pub mod body;
pub mod column;
pub mod decode;
pub mod encode;
pub mod examples;
mod gzip;
pub mod json;
pub mod protojson;
pub mod route;
pub mod stream;

use body::{Bodies, BodyError, Held};
use route::{Route, Target, Verb};

/// Settings of the REST interface.
#[derive(Debug, Clone, Default)]
pub struct RestOptions {
    /// Answers carry the headers that let pages of other origins read them.
    pub cors: bool,
    /// Path of the metrics, where they are switched on.
    pub metrics_path: Option<String>,
}

struct Rest {
    app: Arc<App>,
    bodies: Bodies,
    options: RestOptions,
}

/// The whole interface as one router.
pub fn router(app: Arc<App>, options: RestOptions) -> Router {
    let limits = &app.limits;
    let bodies = Bodies::new(
        limits.body_bytes_max,
        limits.bodies_bytes_max,
        limits.rest_timeout,
    );
    let rest = Rest { app, bodies, options };
    Router::new().fallback(handle).with_state(Arc::new(rest))
}

/// Text of the metrics, as an answer.
pub fn metrics(app: &App) -> Response {
    respond(StatusCode::OK, "text/plain", app.metrics.render().into_bytes())
}

/// What stands in an answer that is not simply a refusal.
struct Failure {
    error: RequestError,
    /// Where the code's usual HTTP status is not meant.
    status: Option<StatusCode>,
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        Self { error, status: None }
    }
}

impl From<BodyError> for Failure {
    fn from(error: BodyError) -> Self {
        let (code, status) = match error {
            BodyError::TooLarge(_) => (Code::ResourceExhausted, StatusCode::PAYLOAD_TOO_LARGE),
            BodyError::Busy(_) => (Code::ResourceExhausted, StatusCode::SERVICE_UNAVAILABLE),
            BodyError::Slow => (Code::DeadlineExceeded, StatusCode::REQUEST_TIMEOUT),
            BodyError::Broken => (Code::InvalidArgument, StatusCode::BAD_REQUEST),
        };
        Self {
            error: RequestError::new(code, error.to_string()),
            status: Some(status),
        }
    }
}

async fn handle(State(rest): State<Arc<Rest>>, request: Request) -> Response {
    let (head, mut body) = request.into_parts();
    let response = respond_to(&rest, &head, &mut body).await;
    let response = gzip::pack(response, &head.headers).await;
    // A client of HTTP/1.1 that waits for leave to send need not send at all.
    let waits = head.version < Version::HTTP_2 && head.headers.contains_key(header::EXPECT);
    if !response.status().is_success() && !waits {
        body::drain(&mut body, rest.app.limits.body_bytes_max, DRAIN_TIME_MAX).await;
    }
    response
}

async fn respond_to(rest: &Rest, head: &Parts, body: &mut HttpBody) -> Response {
    let path = head
        .uri
        .path_and_query()
        .map_or_else(String::new, ToString::to_string);
    if rest.options.metrics_path.as_deref() == Some(path.as_str()) {
        return metrics(&rest.app);
    }
    if !path
        .get(..4)
        .is_some_and(|head| head.eq_ignore_ascii_case("/v1/"))
    {
        return respond(StatusCode::NOT_FOUND, "text/html", NOT_FOUND_PAGE.into());
    }
    if head.method == Method::OPTIONS {
        let response = preflight(&rest.options, &head.headers);
        let code = match response.status() {
            StatusCode::OK => Code::Ok,
            _ => Code::FailedPrecondition,
        };
        rest.app.metrics.request(None, code);
        return response;
    }
    let (model, answer) = match route::route(&head.method, &path) {
        Ok(route) => {
            let model = target(&route).name.clone();
            (model, rest.answer(route, head, body).await)
        }
        Err(error) => (String::new(), Err(error.into())),
    };
    let (status, code, body) = match answer {
        Ok(body) => (StatusCode::OK, Code::Ok, body),
        Err(Failure { error, status }) => {
            let status = status.unwrap_or_else(|| http_status(error.code()));
            (status, error.code(), encode::error(error.message()))
        }
    };
    rest.app.metrics.request(rest.app.counted(&model), code);
    let mut response = respond(status, "application/json", body);
    if rest.options.cors {
        add_cors(response.headers_mut());
    }
    response
}

impl Rest {
    async fn answer(&self, route: Route, head: &Parts, body: &mut HttpBody) -> Result<Vec<u8>, Failure> {
        let begin = Instant::now();
        let name = target(&route).name.clone();
        let (api, body) = match route {
            Route::Infer(target, Verb::Predict) => ("predict", self.predict(target, head, body).await?),
            Route::Infer(target, verb) => (verb.name(), self.examples(target, verb, head, body).await?),
            Route::Status(target) => {
                let response = describe::status(&self.app, &target.name, &target.version)?;
                ("", protojson::status(&response).into_bytes())
            }
            Route::Metadata(target) => {
                let servable = self.app.describe(&target.name, &target.version)?;
                let signatures = describe::signatures(&servable);
                (
                    "",
                    protojson::metadata(&target.name, servable.version(), &signatures).into_bytes(),
                )
            }
        };
        if let Some(model) = self.app.counted(&name) {
            self.app
                .metrics
                .latency(model, api, Entrypoint::Rest, begin.elapsed());
        }
        Ok(body)
    }

    async fn predict(&self, target: Target, head: &Parts, body: &mut HttpBody) -> Result<Vec<u8>, Failure> {
        let permit = self
            .app
            .admit(&target.name, head.extensions.get::<Arc<ConnectionInfo>>())?;
        let gzip = gzip::is_packed(&head.headers);
        let text = self.bodies.read(body, gzip).await?;
        let app = Arc::clone(&self.app);
        let limit = self.app.limits.rest_timeout;
        let deadline = Instant::now().checked_add(limit);
        let work = move || {
            let context = Context {
                app: &app,
                permit: &permit,
                deadline,
            };
            predict(context, &target, text)
        };
        Ok(self.app.work(Some(limit), work).await?)
    }

    async fn examples(
        &self,
        target: Target,
        verb: Verb,
        head: &Parts,
        body: &mut HttpBody,
    ) -> Result<Vec<u8>, Failure> {
        let permit = self
            .app
            .admit(&target.name, head.extensions.get::<Arc<ConnectionInfo>>())?;
        let gzip = gzip::is_packed(&head.headers);
        let text = self.bodies.read(body, gzip).await?;
        let app = Arc::clone(&self.app);
        let limit = self.app.limits.rest_timeout;
        let deadline = Instant::now().checked_add(limit);
        let work = move || {
            let context = Context {
                app: &app,
                permit: &permit,
                deadline,
            };
            classes_or_numbers(context, &target, verb, text)
        };
        Ok(self.app.work(Some(limit), work).await?)
    }
}

fn classes_or_numbers(
    context: Context<'_>,
    target: &Target,
    verb: Verb,
    text: Held,
) -> Result<Vec<u8>, RequestError> {
    let body = decode::Body::parse(text.as_slice(), context.app.limits.tensor_bytes_max)?;
    drop(text);
    let input = Some(examples::read(body.document(), verb)?);
    let model_spec = Some(ModelSpec {
        name: target.name.clone(),
        version_choice: target.version.to_proto(),
        signature_name: body.signature().to_owned(),
    });
    drop(body);
    match verb {
        Verb::Regress => {
            let answer = infer::regress(context, &RegressionRequest { model_spec, input })?;
            encode::numbers(&answer.result.unwrap_or_default())
        }
        Verb::Classify | Verb::Predict => {
            let answer = infer::classify(context, &ClassificationRequest { model_spec, input })?;
            Ok(encode::classes(&answer.result.unwrap_or_default()))
        }
    }
}

fn predict(context: Context<'_>, target: &Target, text: Held) -> Result<Vec<u8>, RequestError> {
    let Context {
        app,
        permit,
        deadline,
    } = context;
    let bytes_max = app.limits.tensor_bytes_max;
    let found = App::find(permit, &target.name, &target.version);
    let request = found
        .as_ref()
        .ok()
        .and_then(|(_, servable)| stream::read(text.as_slice(), bytes_max, |name| signature(servable, name)));
    let (request, (permit, servable)) = match request {
        Some(request) => (request, found?),
        // What is wrong with the body is said before what is wrong with its destination.
        None => {
            let body = decode::Body::parse(text.as_slice(), bytes_max)?;
            let (permit, servable) = found?;
            (
                body.request(|name| signature(&servable, name))?,
                (permit, servable),
            )
        }
    };
    drop(text);
    let form = request.form;
    let signature =
        signature(&servable, &request.signature).ok_or_else(|| decode::no_signature(&request.signature))?;
    let call = Call::new(&request.signature, signature, request.inputs, &[])?;
    let outputs = app.infer(permit, &servable, call.until(deadline), "Predict")?;
    encode::predict(&outputs, form)
}

fn target(route: &Route) -> &Target {
    match route {
        Route::Infer(target, _) | Route::Status(target) | Route::Metadata(target) => target,
    }
}

fn preflight(options: &RestOptions, headers: &HeaderMap) -> Response {
    let from_page = headers
        .get(header::ORIGIN)
        .and_then(|origin| origin.to_str().ok());
    let from_page = from_page.is_some_and(|origin| origin.contains("http://") || origin.contains("https://"));
    let mut response = Response::new(HttpBody::empty());
    if !from_page {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    if options.cors {
        add_cors(response.headers_mut());
    }
    response
}

fn add_cors(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("POST, GET"),
    );
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("Content-Type"),
    );
}

fn respond(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(HttpBody::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn http_status(code: Code) -> StatusCode {
    let number = match code {
        Code::Ok => 200,
        Code::Cancelled => 499,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => 400,
        Code::DeadlineExceeded => 504,
        Code::NotFound => 404,
        Code::AlreadyExists | Code::Aborted => 409,
        Code::PermissionDenied => 403,
        Code::ResourceExhausted => 429,
        Code::Unimplemented => 501,
        Code::Unavailable => 503,
        Code::Unauthenticated => 401,
        Code::Unknown | Code::Internal | Code::DataLoss => 500,
    };
    StatusCode::from_u16(number).expect("every number above is a status")
}

/// How long a client that is refused may take to send the rest of its body.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(2);
const NOT_FOUND_PAGE: &str =
    "<HTML><HEAD>\n<TITLE>404 Not Found</TITLE>\n</HEAD><BODY>\n<H1>Not Found</H1>\n</BODY></HTML>\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quirk_04_every_code_has_its_status() {
        for (code, status) in [
            (Code::Ok, 200),
            (Code::Cancelled, 499),
            (Code::Unknown, 500),
            (Code::InvalidArgument, 400),
            (Code::DeadlineExceeded, 504),
            (Code::NotFound, 404),
            (Code::AlreadyExists, 409),
            (Code::PermissionDenied, 403),
            (Code::ResourceExhausted, 429),
            (Code::FailedPrecondition, 400),
            (Code::Aborted, 409),
            (Code::OutOfRange, 400),
            (Code::Unimplemented, 501),
            (Code::Internal, 500),
            (Code::Unavailable, 503),
            (Code::DataLoss, 500),
            (Code::Unauthenticated, 401),
        ] {
            assert_eq!(http_status(code).as_u16(), status, "{code:?}");
        }
    }
}
