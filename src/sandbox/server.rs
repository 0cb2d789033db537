//! HTTP around the tenant: reads a request, applies faults, sends the marked answer.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::Value;

use super::exchange::{Answer, Request};
use super::fault::Effect;
use super::{Exchange, MARK_HEADER, World};

/// Largest request body that is read.
const BODY_LIMIT: usize = 256 * 1024;

/// Serves one request: fault, answer, mark.
pub(super) async fn serve(State(world): State<Arc<World>>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let method = parts.method.as_str().to_owned();
    let path = parts.uri.path().to_owned();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return world.respond(Answer::refusal(413, "tooLarge", "The request is too large."));
    };
    let effect = {
        let mut inner = world.lock();
        inner.calls.push((method.clone(), path.to_ascii_lowercase()));
        inner
            .faults
            .take(&method, &path)
            .or_else(|| inner.chance.take(&path))
    };
    if let Some(effect) = &effect {
        world.note(&method, &path, &format!("fault {effect:?}"));
    }
    let Some(request) = read_request(&method, &parts.uri, &parts.headers, &body) else {
        return world.respond(Answer::refusal(400, "badRequest", "The request is not JSON."));
    };
    match effect {
        Some(Effect::CutBefore) => return cut(),
        Some(Effect::CutAfter) => {
            let answer = world.answer(&request);
            world.record(&request, &path, &answer);
            return cut();
        }
        Some(Effect::Html) => {
            let mut answer = Answer::empty(502);
            answer.html = true;
            return world.respond(answer);
        }
        Some(Effect::Status {
            status,
            retry_after,
            code,
            message,
        }) => {
            let code = code.unwrap_or_else(|| {
                if status == 429 {
                    "TooManyRequests"
                } else {
                    "ServiceUnavailable"
                }
                .into()
            });
            let message = message.unwrap_or_else(|| "A fault that was asked for.".into());
            let mut answer = Answer::error(&request, status, &code, &message);
            answer.retry_after = retry_after;
            return world.respond(answer);
        }
        Some(Effect::ExpiredToken) => {
            let message = "Lifetime validation failed, the token is expired.";
            return world.respond(Answer::error(
                &request,
                401,
                "InvalidAuthenticationToken",
                message,
            ));
        }
        Some(Effect::Slow { milliseconds }) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
        None => {}
    }
    let answer = world.answer(&request);
    world.record(&request, &path, &answer);
    world.note(&method, &path, &answer.status.to_string());
    world.respond(answer)
}

impl World {
    fn record(&self, request: &Request, path: &str, answer: &Answer) {
        let mut inner = self.lock();
        if let Some(exchanges) = &mut inner.exchanges {
            exchanges.push(Exchange {
                method: request.method.clone(),
                path: path.to_owned(),
                request: request.body.clone(),
                status: answer.status,
                answer: answer.body.clone(),
            });
        }
    }

    fn respond(&self, answer: Answer) -> Response {
        let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (kind, body) = match answer.body {
            _ if answer.html => (
                "text/html",
                "<html><body><h1>Bad gateway</h1></body></html>".to_owned(),
            ),
            Some(body) => ("application/json", body.to_string()),
            None => ("application/json", String::new()),
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if !self.hide_mark {
            headers.insert(MARK_HEADER, HeaderValue::from_static("1"));
        }
        if let Some(location) = answer.location.and_then(|l| HeaderValue::from_str(&l).ok()) {
            headers.insert(header::LOCATION, location);
        }
        if let Some(seconds) = answer.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

fn read_request(method: &str, uri: &axum::http::Uri, headers: &HeaderMap, body: &Bytes) -> Option<Request> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let form = text("content-type").is_some_and(|t| t.starts_with("application/x-www-form-urlencoded"));
    let body = if body.is_empty() {
        Value::Null
    } else if form {
        let fields = url::form_urlencoded::parse(body).into_owned();
        Value::Object(fields.map(|(name, value)| (name, value.into())).collect())
    } else {
        serde_json::from_slice(body).ok()?
    };
    let query: BTreeMap<String, String> =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let host = text("host").unwrap_or("127.0.0.1");
    Some(Request {
        method: method.to_owned(),
        path: uri
            .path()
            .split('/')
            .filter(|s| !s.is_empty())
            .map(percent_decoded)
            .collect(),
        query,
        bearer: text("authorization")
            .and_then(|v| v.strip_prefix("Bearer "))
            .map(str::to_owned),
        client_request_id: text("client-request-id").map(str::to_owned),
        body,
        origin: format!("http://{host}"),
    })
}

fn percent_decoded(segment: &str) -> String {
    let bytes = segment.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = bytes
            .get(at + 1..at + 3)
            .and_then(|p| std::str::from_utf8(p).ok());
        match pair.and_then(|p| u8::from_str_radix(p, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                decoded.push(byte);
                at += 3;
            }
            _ => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// An answer that never comes: a body that fails makes the server drop the connection before the first byte.
fn cut() -> Response {
    struct Cut;
    impl http_body::Body for Cut {
        type Data = Bytes;
        type Error = io::Error;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<Bytes>, io::Error>>> {
            Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())))
        }
    }
    Response::new(Body::new(Cut))
}
