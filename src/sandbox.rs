//! The sandbox tenant: a local server that imitates the part of Microsoft Graph in use, for rehearsals and tests.
//!
//! It listens on loopback only and is always marked, in `organization` and in a header of every answer, so that
//! a rehearsal can never pass as the real thing. It knows nothing of manifests and of the companion.

mod exchange;
mod fault;
mod graph_api;
mod relying_party;
mod sign_in;
mod tenant;

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use ring::rand::SecureRandom as _;
use serde_json::{Value, json};
use webauthn_rs_core::proto::AttestationCaList;

pub use fault::{Effect, Fault};
pub use tenant::{Settings, User};

use exchange::{Answer, Request};

/// Header on every answer of a sandbox tenant.
pub const MARK_HEADER: &str = "glasskey-sandbox";
/// Member of `organization` that only a sandbox tenant has.
pub const MARK_MEMBER: &str = "glasskeySandbox";
/// Largest request body that is read.
const BODY_LIMIT: usize = 256 * 1024;

/// What a sandbox tenant is started with.
#[derive(Default)]
pub struct Options {
    /// The tenant; ignored when the state file exists.
    pub settings: Settings,
    /// Planned faults.
    pub faults: Vec<Fault>,
    /// Where the tenant is kept over restarts.
    pub state: Option<PathBuf>,
    /// Where each request is noted, without bodies.
    pub log: Option<PathBuf>,
    /// The bearer token that Graph calls must carry; drawn when left out.
    pub token: Option<String>,
    /// PEM text of one attestation root per entry; none means that a verified statement is enough.
    pub trust_roots: Vec<String>,
}

/// A sandbox tenant that runs.
pub struct Sandbox {
    address: SocketAddr,
    world: Arc<World>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Sandbox {
    /// Binds `listen` and serves in a thread until dropped. Port 0 takes any free port.
    pub fn start(listen: SocketAddr, options: Options) -> Result<Self, SandboxError> {
        if !listen.ip().is_loopback() {
            return Err(SandboxError::NotLoopback(listen));
        }
        let world = Arc::new(World::new(options)?);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(SandboxError::Start)?;
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind(listen))
            .map_err(|source| SandboxError::Listen { listen, source })?;
        let address = listener.local_addr().map_err(SandboxError::Start)?;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let router = axum::Router::new().fallback(serve).with_state(world.clone());
        let serving = async move {
            // Aborted rather than ended gracefully: an idle connection must not hold the process.
            let task = tokio::spawn(async move { axum::serve(listener, router).await });
            let _ = stopped.await;
            task.abort();
        };
        let thread = std::thread::Builder::new()
            .name("sandbox".into())
            .spawn(move || runtime.block_on(serving))
            .map_err(SandboxError::Start)?;
        Ok(Self {
            address,
            world,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Scheme, host and port, without a path.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The bearer token that Graph calls must carry.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.world.token
    }

    /// Plans one more fault.
    pub fn add_fault(&self, fault: Fault) {
        self.world.lock().faults.push(fault);
    }

    /// How often a path was asked for with this method; `path` is a part of it.
    #[must_use]
    pub fn calls(&self, method: &str, path: &str) -> usize {
        let inner = self.world.lock();
        let path = path.to_ascii_lowercase();
        inner
            .calls
            .iter()
            .filter(|(m, p)| m == method && p.contains(&path))
            .count()
    }

    /// Waits until the server thread ends, which it does only with the process.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Why a sandbox tenant does not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The address is reachable from elsewhere.
    #[error("a sandbox tenant listens on loopback addresses only, not on {0}")]
    NotLoopback(SocketAddr),
    /// The address cannot be bound.
    #[error("cannot listen on {listen}: {source}")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// The reason.
        source: io::Error,
    },
    /// Runtime or thread.
    #[error("cannot start the sandbox tenant: {0}")]
    Start(io::Error),
    /// The state file.
    #[error("cannot use the state file {}: {reason}", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A trust root.
    #[error("a trust root is not a certificate in PEM: {0}")]
    TrustRoot(String),
}

struct World {
    token: String,
    relying_party: relying_party::RelyingParty,
    state: Option<PathBuf>,
    log: Option<PathBuf>,
    hide_mark: bool,
    inner: Mutex<Inner>,
}

struct Inner {
    tenant: tenant::Tenant,
    sessions: sign_in::Sessions,
    faults: fault::Faults,
    calls: Vec<(String, String)>,
}

impl World {
    fn new(options: Options) -> Result<Self, SandboxError> {
        let mut roots: Option<AttestationCaList> = None;
        for pem in &options.trust_roots {
            let list = AttestationCaList::try_from(pem.as_bytes())
                .map_err(|error| SandboxError::TrustRoot(format!("{error:?}")))?;
            roots.get_or_insert_default().union(&list);
        }
        let hide_mark = options.settings.hide_mark;
        let tenant = match &options.state {
            Some(path) if path.exists() => read_state(path)?,
            _ => tenant::Tenant::new(options.settings),
        };
        Ok(Self {
            token: options.token.unwrap_or_else(draw_token),
            relying_party: relying_party::RelyingParty::new(roots),
            state: options.state,
            log: options.log,
            hide_mark,
            inner: Mutex::new(Inner {
                tenant,
                sessions: sign_in::Sessions::default(),
                faults: fault::Faults::new(options.faults),
                calls: Vec::new(),
            }),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Request) -> Answer {
        let mut guard = self.lock();
        let inner = &mut *guard;
        let answer = match request.path.first().map(String::as_str) {
            Some("v1.0" | "beta") if request.bearer.as_deref() != Some(self.token.as_str()) => Answer::error(
                request,
                401,
                "InvalidAuthenticationToken",
                "Access token is empty or not the rehearsal token of this sandbox tenant.",
            ),
            Some("v1.0" | "beta") => {
                let answer = graph_api::answer(&mut inner.tenant, request);
                let revoked = request
                    .path
                    .get(3)
                    .is_some_and(|s| s.eq_ignore_ascii_case("revokeSignInSessions"));
                if revoked && answer.status < 300 {
                    let user = request.path.get(2).and_then(|name| inner.tenant.user(name));
                    if let Some(user) = user {
                        inner.sessions.revoke(user);
                    }
                }
                answer
            }
            _ => sign_in::answer(
                &mut inner.tenant,
                &mut inner.sessions,
                &self.relying_party,
                request,
            )
            .unwrap_or_else(|| Answer::refusal(404, "notFound", "The sandbox tenant has no such page.")),
        };
        if request.method != "GET"
            && let Some(path) = &self.state
        {
            // A rehearsal goes on without its state file; the next start shows that it is old.
            let _ = write_state(path, &inner.tenant);
        }
        answer
    }

    fn note(&self, method: &str, path: &str, outcome: &str) {
        let Some(log) = &self.log else { return };
        let line = json!({"time": tenant::stamp(time::OffsetDateTime::now_utc()), "method": method, "path": path, "outcome": outcome});
        let file = std::fs::OpenOptions::new().create(true).append(true).open(log);
        if let Ok(mut file) = file {
            let _ = writeln!(file, "{line}");
        }
    }
}

/// Serves one request: fault, answer, mark.
async fn serve(State(world): State<Arc<World>>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let method = parts.method.as_str().to_owned();
    let path = parts.uri.path().to_owned();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return world.respond(Answer::refusal(413, "tooLarge", "The request is too large."));
    };
    let effect = {
        let mut inner = world.lock();
        inner.calls.push((method.clone(), path.to_ascii_lowercase()));
        inner.faults.take(&method, &path)
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
            world.answer(&request);
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
        Some(Effect::Slow { milliseconds }) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
        None => {}
    }
    let answer = world.answer(&request);
    world.note(&method, &path, &answer.status.to_string());
    world.respond(answer)
}

impl World {
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
        if let Some(seconds) = answer.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

fn read_request(method: &str, uri: &axum::http::Uri, headers: &HeaderMap, body: &Bytes) -> Option<Request> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let body = if body.is_empty() {
        Value::Null
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

fn read_state(path: &Path) -> Result<tenant::Tenant, SandboxError> {
    let reason = |reason: String| SandboxError::State {
        path: path.to_owned(),
        reason,
    };
    let text = std::fs::read_to_string(path).map_err(|e| reason(e.to_string()))?;
    serde_json::from_str(&text).map_err(|e| reason(e.to_string()))
}

fn write_state(path: &Path, tenant: &tenant::Tenant) -> io::Result<()> {
    let part = path.with_extension("part");
    std::fs::write(&part, serde_json::to_vec(tenant)?)?;
    std::fs::rename(part, path)
}

fn draw_token() -> String {
    let mut random = [0_u8; 24];
    fill_random(&mut random);
    format!("rehearsal-{}", base64url(&random))
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn fill_random(bytes: &mut [u8]) {
    ring::rand::SystemRandom::new()
        .fill(bytes)
        .expect("the kernel's generator does not fail once it has started");
}

/// A random GUID (version 4).
pub(crate) fn guid() -> String {
    let mut bytes = [0_u8; 16];
    fill_random(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    // The same digits and dashes as an AAGUID.
    crate::id::Aaguid(bytes).to_string()
}
