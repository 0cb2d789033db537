//! One HTTP exchange with Graph, and its repetition where that is safe.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::address::Service;
use super::auth::Session;
use super::error::{GraphError, Refusal};
use super::pace::{Interrupt, Pace};
use crate::secret::{Secret, with_capacity};

/// Largest answer that is read; Graph's pages stay far below it.
const BODY_LIMIT: usize = 4 * 1024 * 1024;
/// Most pages of one list that are followed.
const PAGE_LIMIT: usize = 200;

/// Says that the client waits before it repeats a call.
pub(super) type Notice = Arc<dyn Fn(&str) + Send + Sync>;

/// A client of one Graph service, signed in once; one call at a time.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    service: Service,
    session: Arc<Session>,
    interrupt: Interrupt,
    pace: Pace,
    notice: Option<Notice>,
    last: Cell<Option<Instant>>,
}

/// An answer with a status below 300.
pub(super) struct Reply {
    pub(super) status: u16,
    /// Whether the header of a sandbox tenant was there.
    pub(super) marked: bool,
    pub(super) body: Secret<Vec<u8>>,
    call: String,
    client_request_id: String,
}

/// Whether a call may be sent again without reading first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It reads, or doing it twice is the same as once.
    Safe,
    /// It creates something.
    Never,
}

impl Client {
    /// Makes a client with a token that is never renewed; nothing is sent yet.
    #[must_use]
    pub fn new(service: Service, token: Secret<String>, interrupt: Interrupt, pace: Pace) -> Self {
        Self::signed_in(Session::fixed(service, token), interrupt, pace)
    }

    /// Makes a client whose token is renewed when it ends; nothing is sent yet.
    #[must_use]
    pub fn signed_in(session: Session, interrupt: Interrupt, pace: Pace) -> Self {
        let service = session.service().clone();
        Self {
            agent: agent(service.is_loopback()),
            service,
            session: Arc::new(session),
            interrupt,
            pace,
            notice: None,
            last: Cell::new(None),
        }
    }

    /// Tells `notice` before each wait of more than a moment.
    #[must_use]
    pub fn with_notice(mut self, notice: Notice) -> Self {
        self.notice = Some(notice);
        self
    }

    /// The same client for cleaning up: an interruption does not stop it, and it gives up after two minutes.
    #[must_use]
    pub fn for_cleaning(&self) -> Self {
        let mut client = self.clone();
        client.interrupt = Interrupt::never();
        client.pace.patience = client.pace.patience.min(Duration::from_mins(2));
        client
    }

    /// Where it talks to.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// What ends its waits.
    #[must_use]
    pub fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// The object id of the caller, if the token is one that tells it.
    ///
    /// Read without verification, to spare the caller a refusal; Graph decides.
    #[must_use]
    pub fn caller(&self) -> Option<String> {
        use base64::Engine as _;
        let token = self.session.held();
        let payload = token.expose().split('.').nth(1)?;
        let bytes = base64::prelude::BASE64_URL_SAFE_NO_PAD
            .decode(payload.trim_end_matches('='))
            .ok()?;
        let claims: Value = serde_json::from_slice(&bytes).ok()?;
        claims.get("oid")?.as_str().map(str::to_owned)
    }

    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, GraphError> {
        self.send("GET", path, None, Repeat::Safe)?.json()
    }

    /// Reads every page of a list.
    pub(super) fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, GraphError> {
        #[derive(Deserialize)]
        struct Page<T> {
            value: Vec<T>,
            #[serde(default, rename = "@odata.nextLink")]
            next: Option<String>,
        }
        let mut items = Vec::new();
        let mut path = path.to_owned();
        for _ in 0..PAGE_LIMIT {
            let reply = self.send("GET", &path, None, Repeat::Safe)?;
            let page: Page<T> = reply.json()?;
            items.extend(page.value);
            match page.next {
                None => return Ok(items),
                Some(link) if let Some(local) = self.service.local(&link) => path = local,
                Some(_) => return Err(reply.unreadable("the link to the next page leads to another service")),
            }
        }
        Err(GraphError::Unreadable {
            call: format!("GET {path}"),
            reason: format!("the list has more than {PAGE_LIMIT} pages"),
            client_request_id: String::new(),
        })
    }

    /// Sends a call, and again while that is safe and may help.
    pub(super) fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        repeat: Repeat,
    ) -> Result<Reply, GraphError> {
        let bytes = body.map(|b| b.to_string().into_bytes());
        self.send_bytes(method, path, bytes.as_deref(), repeat)
    }

    /// The same with a body that is JSON already: for one that holds a secret and is wiped by its owner.
    pub(super) fn send_bytes(
        &self,
        method: &str,
        path: &str,
        body: Option<&[u8]>,
        repeat: Repeat,
    ) -> Result<Reply, GraphError> {
        let begin = Instant::now();
        let mut attempt = 0;
        let mut renewed = false;
        loop {
            let token = self.session.token(&self.interrupt)?;
            let error = match self.once(method, path, body, &token) {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            // Nothing was done, so even a call that creates may be sent again; a second 401 is final.
            if error.refusal().is_some_and(|r| r.status == 401) && !renewed {
                renewed = true;
                if self.session.renew(&token, &self.interrupt)? {
                    continue;
                }
            }
            let asked = error.refusal().and_then(|r| r.retry_after);
            let pause = self.pace.pause(attempt, asked);
            if repeat == Repeat::Never
                || !error.is_transient()
                || begin.elapsed() + pause > self.pace.patience
            {
                return Err(error);
            }
            if let Some(notice) = &self.notice {
                let why = error
                    .refusal()
                    .map_or_else(|| "no answer".to_owned(), |r| r.status.to_string());
                notice(&format!(
                    "Graph is busy ({why}): the call is repeated in {} s.",
                    pause.as_secs_f64().ceil()
                ));
            }
            self.interrupt.sleep(pause)?;
            attempt += 1;
        }
    }

    fn once(
        &self,
        method: &str,
        path: &str,
        body: Option<&[u8]>,
        token: &Secret<String>,
    ) -> Result<Reply, GraphError> {
        self.interrupt.check()?;
        if let Some(last) = self.last.get() {
            self.interrupt
                .sleep((last + self.pace.gap).saturating_duration_since(Instant::now()))?;
        }
        self.last.set(Some(Instant::now()));
        let client_request_id = guid();
        // The query may hold ids, but no secret ever stands in a URL.
        let call = format!("{method} {}", path.split('?').next().unwrap_or(path));
        let unanswered = |reason: String| GraphError::Unanswered {
            call: call.clone(),
            reason,
            client_request_id: client_request_id.clone(),
        };
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.service.origin()))
            .header("authorization", format!("Bearer {}", token.expose()))
            .header("client-request-id", &client_request_id)
            .header("return-client-request-id", "true")
            .header("accept", "application/json");
        let result = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(body)
                .map_err(|e| unanswered(e.to_string()))
                .and_then(|r| self.agent.run(r).map_err(|e| unanswered(e.to_string()))),
            // Graph wants a length on a POST without a body.
            None if method == "POST" => request
                .header("content-length", "0")
                .body(String::new())
                .map_err(|e| unanswered(e.to_string()))
                .and_then(|r| self.agent.run(r).map_err(|e| unanswered(e.to_string()))),
            None => request
                .body(())
                .map_err(|e| unanswered(e.to_string()))
                .and_then(|r| self.agent.run(r).map_err(|e| unanswered(e.to_string()))),
        };
        let mut response = result?;
        let status = response.status().as_u16();
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let retry_after = header("retry-after")
            .and_then(|v| v.trim().parse().ok())
            .map(Duration::from_secs);
        let marked = header("glasskey-sandbox").is_some();
        let request_id = header("request-id");
        let body = read_bounded(response.body_mut().as_reader()).map_err(unanswered)?;
        if (200..300).contains(&status) {
            return Ok(Reply {
                status,
                marked,
                body,
                call,
                client_request_id,
            });
        }
        let mut refusal = Refusal::read(call, status, body.expose(), client_request_id);
        refusal.retry_after = retry_after;
        refusal.request_id = refusal.request_id.or(request_id);
        Err(GraphError::Refused(Box::new(refusal)))
    }
}

impl Reply {
    /// Reads the body as JSON; the error names a place, never a value.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, GraphError> {
        serde_json::from_slice(self.body.expose())
            .map_err(|e| self.unreadable(&format!("at line {} column {}", e.line(), e.column())))
    }

    pub(super) fn unreadable(&self, reason: &str) -> GraphError {
        GraphError::Unreadable {
            call: self.call.clone(),
            reason: reason.to_owned(),
            client_request_id: self.client_request_id.clone(),
        }
    }
}

/// An agent that keeps tokens where they belong: no redirects, no plain http beyond this machine.
pub(super) fn agent(loopback: bool) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        // A redirect would carry the token elsewhere.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .https_only(!loopback)
        .user_agent(concat!("glasskey/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(Duration::from_secs(15)))
        .timeout_global(Some(Duration::from_mins(1)));
    let config = if loopback { config.proxy(None) } else { config };
    config.build().into()
}

/// Reads at most [`BODY_LIMIT`] bytes into a buffer that grows by copying and wiping.
pub(super) fn read_bounded(mut reader: impl std::io::Read) -> Result<Secret<Vec<u8>>, String> {
    let mut whole = with_capacity(16 * 1024);
    let mut piece = zeroize::Zeroizing::new([0_u8; 8 * 1024]);
    loop {
        let count = reader.read(&mut *piece).map_err(|e| e.to_string())?;
        if count == 0 {
            return Ok(whole);
        }
        let used = whole.expose().len();
        if used + count > BODY_LIMIT {
            return Err(format!("the answer is larger than {BODY_LIMIT} bytes"));
        }
        if used + count > whole.expose().capacity() {
            let mut larger = with_capacity((used + count) * 2);
            larger.expose_mut().extend_from_slice(whole.expose());
            whole = larger;
        }
        whole.expose_mut().extend_from_slice(&piece[..count]);
    }
}

/// A random GUID (version 4).
pub(super) fn guid() -> String {
    use ring::rand::SecureRandom as _;
    let mut bytes = [0_u8; 16];
    // A request id need not be unpredictable: zeros would only make it useless.
    let _ = ring::rand::SystemRandom::new().fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    crate::id::Aaguid(bytes).to_string()
}
