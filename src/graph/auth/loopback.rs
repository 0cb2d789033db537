//! The listener that takes the browser's answer, and nothing else.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use ring::digest::{SHA256, digest};
use zeroize::Zeroizing;

use super::super::pace::Interrupt;
use super::error::{OAuthRefusal, SignInError};
use crate::secret::Secret;

/// Longest request line and headers that are read.
const HEAD_LIMIT: usize = 32 * 1024;
/// How long one visitor may take.
const VISIT: Duration = Duration::from_secs(3);

/// A port on loopback that waits for one answer.
pub(super) struct Listener {
    socket: TcpListener,
    port: u16,
}

/// What a visitor brought.
enum Visit {
    /// The answer to our question.
    Code(Secret<String>),
    /// The sign-in page's refusal of our question.
    Refused(OAuthRefusal),
    /// Somebody else, or something else that the browser asks for.
    Other(&'static str),
}

impl Listener {
    /// Takes a free port.
    pub(super) fn bind() -> io::Result<Self> {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let port = socket.local_addr()?.port();
        Ok(Self { socket, port })
    }

    /// Where the browser is to bring the answer. Entra takes any port of `localhost` where `http://localhost` is registered.
    pub(super) fn redirect_uri(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// Waits for the answer that carries `state`; every other visitor is refused, and the wait goes on.
    pub(super) fn wait(
        &self,
        state: &str,
        interrupt: &Interrupt,
        patience: Duration,
    ) -> Result<Secret<String>, SignInError> {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            interrupt.sleep(Duration::from_millis(50))?;
            match self.socket.accept() {
                Ok((stream, _)) => {
                    // A visitor that breaks off is no answer.
                    match self.receive(stream, state).unwrap_or(Visit::Other("")) {
                        Visit::Code(code) => return Ok(code),
                        Visit::Refused(refusal) if refusal.error == "access_denied" => {
                            return Err(SignInError::Declined);
                        }
                        Visit::Refused(refusal) => return Err(SignInError::Refused(refusal)),
                        Visit::Other(_) => {}
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(SignInError::Loopback(error)),
            }
        }
        Err(SignInError::TimedOut)
    }

    fn receive(&self, mut stream: TcpStream, state: &str) -> io::Result<Visit> {
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(VISIT))?;
        let head = read_head(&mut stream)?;
        let visit = visit(&head, self.port, state);
        let (status, text) = match &visit {
            Visit::Code(_) => (
                "200 OK",
                "You are signed in. Close this window and go back to the terminal.",
            ),
            Visit::Refused(_) => ("200 OK", "The sign-in was refused. The terminal says why."),
            Visit::Other(reason) => ("400 Bad Request", *reason),
        };
        let page = format!("<!doctype html><meta charset=utf-8><title>Glasskey</title><p>{text}</p>\n");
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\
             Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nContent-Security-Policy: default-src 'none'\r\n\r\n{page}",
            page.len()
        )?;
        Ok(visit)
    }
}

/// Reads up to the empty line, within the visitor's time.
fn read_head(stream: &mut TcpStream) -> io::Result<Zeroizing<Vec<u8>>> {
    let end = Instant::now() + VISIT;
    let mut head = Zeroizing::new(Vec::with_capacity(HEAD_LIMIT));
    let mut piece = Zeroizing::new([0_u8; 1024]);
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || head.len() + piece.len() > HEAD_LIMIT {
            return Err(io::ErrorKind::InvalidData.into());
        }
        stream.set_read_timeout(Some(left))?;
        let count = stream.read(&mut *piece)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        head.extend_from_slice(&piece[..count]);
    }
    Ok(head)
}

/// Judges a request: only a GET of `/` at our own name, with our state, is an answer.
fn visit(head: &[u8], port: u16, state: &str) -> Visit {
    let Ok(text) = std::str::from_utf8(head) else {
        return Visit::Other("This is no sign-in.");
    };
    let mut lines = text.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some("GET"), Some(target)) = (words.next(), words.next()) else {
        return Visit::Other("This is no sign-in.");
    };
    let hosts = [format!("localhost:{port}"), format!("127.0.0.1:{port}")];
    let host = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("host").then(|| value.trim())
    });
    if !host.is_some_and(|host| hosts.iter().any(|own| own == host)) {
        return Visit::Other("This is another machine's name.");
    }
    let Some(query) = target.strip_prefix("/?") else {
        return Visit::Other("There is no such page.");
    };
    let mut found: [Option<Zeroizing<String>>; 4] = [None, None, None, None];
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let names = ["state", "code", "error", "error_description"];
        if let Some(at) = names.iter().position(|n| *n == name) {
            if found[at].is_some() {
                return Visit::Other("A value is there twice.");
            }
            found[at] = Some(Zeroizing::new(value.into_owned()));
        }
    }
    let [theirs, code, error, description] = found;
    // Digests are compared, so that the time tells nothing of the state.
    let hash = |text: &str| digest(&SHA256, text.as_bytes());
    let ours = theirs.is_some_and(|s| hash(&s).as_ref() == hash(state).as_ref());
    if !ours {
        return Visit::Other("This answer belongs to another sign-in.");
    }
    match (code, error) {
        (Some(mut code), None) if !code.is_empty() => Visit::Code(Secret::new(std::mem::take(&mut *code))),
        (None, Some(error)) => {
            let description = description.as_deref().map_or("", String::as_str);
            Visit::Refused(OAuthRefusal::new(&error, description))
        }
        _ => Visit::Other("There is neither a code nor an error."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn judge(first: &str, host: &str) -> Visit {
        visit(
            format!("{first} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes(),
            81,
            "s3",
        )
    }

    #[test]
    fn only_a_get_with_our_state_at_our_name_is_an_answer() {
        let good = judge("GET /?code=abc&state=s3&session_state=x", "localhost:81");
        assert!(matches!(good, Visit::Code(code) if code.expose() == "abc"));
        let refused = judge(
            "GET /?error=access_denied&error_description=no&state=s3",
            "127.0.0.1:81",
        );
        assert!(matches!(refused, Visit::Refused(r) if r.error == "access_denied"));
        for (line, host) in [
            ("GET /?code=abc&state=s4", "localhost:81"),
            ("GET /?code=abc", "localhost:81"),
            ("GET /?error=access_denied", "localhost:81"),
            ("GET /?code=&state=s3", "localhost:81"),
            ("GET /?code=a&code=b&state=s3", "localhost:81"),
            ("GET /?code=a&error=b&state=s3", "localhost:81"),
            ("GET /?code=abc&state=s3", "evil.example:81"),
            ("GET /?code=abc&state=s3", "localhost:82"),
            ("POST /?code=abc&state=s3", "localhost:81"),
            ("GET /x?code=abc&state=s3", "localhost:81"),
            ("GET /favicon.ico", "localhost:81"),
        ] {
            assert!(matches!(judge(line, host), Visit::Other(_)), "{line} {host}");
        }
    }

    proptest! {
        #[test]
        fn nothing_without_the_state_is_an_answer(head in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(matches!(visit(&head, 81, "a state that nobody guesses"), Visit::Other(_)));
        }
    }
}
