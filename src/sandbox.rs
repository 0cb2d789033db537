//! The sandbox tenant: a local server that imitates the part of Microsoft Graph in use, for rehearsals and tests.
//!
//! It listens on loopback only and is always marked, in `organization` and in a header of every answer, so that
//! a rehearsal can never pass as the real thing. It knows nothing of manifests and of the companion.

mod exchange;
mod fault;
mod graph_api;
mod login;
mod logs;
mod methods;
mod relying_party;
mod scope;
mod server;
mod settings;
mod sign_in;
mod tenant;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ring::rand::SecureRandom as _;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use webauthn_rs_core::proto::AttestationCaList;

pub use fault::{Effect, Fault, RandomFaults};
pub use login::{Application, Login};
pub use settings::{Group, Licence, Settings, User};

use exchange::{Answer, Request};

/// Header on every answer of a sandbox tenant.
pub const MARK_HEADER: &str = "glasskey-sandbox";
/// Member of `organization` that only a sandbox tenant has.
pub const MARK_MEMBER: &str = "glasskeySandbox";

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
    /// Keeps every request with its answer, for tests that look at them.
    pub record: bool,
}

/// One request and its answer, as they were.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// HTTP method.
    pub method: String,
    /// Path as it was sent, without the query.
    pub path: String,
    /// Body of the request; null without one.
    pub request: Value,
    /// HTTP status of the answer.
    pub status: u16,
    /// Body of the answer.
    pub answer: Option<Value>,
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
        let router = axum::Router::new()
            .fallback(server::serve)
            .with_state(world.clone());
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

    /// Every exchange so far, if they are kept; faults that change nothing are left out.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.world.lock().exchanges.clone().unwrap_or_default()
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
    logins: login::Logins,
    faults: fault::Faults,
    chance: fault::Chance,
    throttle: fault::Throttle,
    calls: Vec<(String, String)>,
    exchanges: Option<Vec<Exchange>>,
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
        let (random, limit) = (
            tenant.settings.random_faults.clone(),
            tenant.settings.requests_per_second,
        );
        Ok(Self {
            token: options.token.unwrap_or_else(draw_token),
            relying_party: relying_party::RelyingParty::new(roots),
            state: options.state,
            log: options.log,
            hide_mark,
            inner: Mutex::new(Inner {
                tenant,
                sessions: sign_in::Sessions::default(),
                logins: login::Logins::default(),
                faults: fault::Faults::new(options.faults),
                chance: fault::Chance::new(random),
                throttle: fault::Throttle::new(limit),
                calls: Vec::new(),
                exchanges: options.record.then(Vec::new),
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
            Some("v1.0" | "beta") if let Some(reason) = self.bearer_refused(inner, request) => {
                Answer::error(request, 401, "InvalidAuthenticationToken", reason)
            }
            Some("v1.0" | "beta") => {
                if let Some(seconds) = inner.throttle.wait(std::time::Instant::now()) {
                    let mut answer =
                        Answer::error(request, 429, "TooManyRequests", "Too many requests. Retry later.");
                    answer.retry_after = Some(seconds);
                    return answer;
                }
                let caller = graph_api::Caller::of(request.bearer.as_deref().unwrap_or_default());
                let answer = graph_api::answer(&mut inner.tenant, &self.relying_party, &caller, request);
                Self::end_sessions(inner, request, &answer);
                answer
            }
            _ if login::is_one(request) => login::answer(&inner.tenant, &mut inner.logins, request),
            _ => sign_in::answer(
                &mut inner.tenant,
                &mut inner.sessions,
                &self.relying_party,
                request,
            )
            .unwrap_or_else(|| Answer::refusal(404, "notFound", "The sandbox tenant has no such page.")),
        };
        let options = request
            .path
            .last()
            .is_some_and(|s| s.starts_with("creationOptions"));
        if (request.method != "GET" || options)
            && let Some(path) = &self.state
        {
            // A rehearsal goes on without its state file; the next start shows that it is old.
            let _ = write_state(path, &inner.tenant);
        }
        answer
    }

    /// Why the bearer token is not accepted: good are the tenant's own, and those that its sign-in issued.
    fn bearer_refused(&self, inner: &Inner, request: &Request) -> Option<&'static str> {
        let bearer = request.bearer.as_deref().unwrap_or_default();
        if bearer == self.token {
            return None;
        }
        match inner.logins.lives(bearer) {
            Some(true) => None,
            Some(false) => Some("Lifetime validation failed, the token is expired."),
            None => Some("Access token is empty or not the rehearsal token of this sandbox tenant."),
        }
    }

    /// Sessions that Graph revoked end on the sign-in stand-in.
    fn end_sessions(inner: &mut Inner, request: &Request, answer: &Answer) {
        let mut segments = request.path.iter().rev();
        let revoked = segments
            .next()
            .is_some_and(|s| s.eq_ignore_ascii_case("revokeSignInSessions"));
        let user = segments.next().and_then(|name| inner.tenant.user(name));
        if let Some(user) = user.filter(|_| revoked && answer.status < 300) {
            inner.sessions.revoke(user);
        }
    }

    fn note(&self, method: &str, path: &str, outcome: &str) {
        let Some(log) = &self.log else { return };
        let line = json!({"time": stamp(OffsetDateTime::now_utc()), "method": method, "path": path, "outcome": outcome});
        let file = std::fs::OpenOptions::new().create(true).append(true).open(log);
        if let Ok(mut file) = file {
            let _ = writeln!(file, "{line}");
        }
    }
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

/// A time as Graph writes it.
pub(crate) fn stamp(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
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
