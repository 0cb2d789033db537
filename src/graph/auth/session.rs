//! A sign-in that lasts: the token of now, and how the next one is had.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::super::address::Service;
use super::super::pace::Interrupt;
use super::endpoint::{Application, Attempts, TokenAnswer, Tokens};
use super::error::SignInError;
use super::{Certificate, Guide, browser, device_code, keyring};
use crate::secret::Secret;

/// A token is renewed this long before its end, or a quarter of its life before.
const AHEAD: Duration = Duration::from_mins(2);
/// When an early renewal that failed is tried again.
const AGAIN: Duration = Duration::from_secs(20);

/// A sign-in; it gives tokens of one cloud, and renews them without a person.
pub struct Session {
    state: Mutex<State>,
    source: Source,
}

struct State {
    token: Arc<Secret<String>>,
    /// When it should be renewed; never, if it cannot be.
    due: Option<Instant>,
    refresh: Option<Secret<String>>,
}

enum Source {
    /// A token that somebody else fetched.
    Given(Service),
    /// Signed anew each time.
    Certificate(Application, Box<Certificate>),
    /// A person's, renewed with a refresh token.
    Person(Application, String, Keep),
}

/// Where a person's sign-in is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Memory,
    Keyring,
}

impl Session {
    /// A token that is used as it is and never renewed.
    #[must_use]
    pub fn fixed(service: Service, token: Secret<String>) -> Self {
        Self {
            state: Mutex::new(State {
                token: Arc::new(token),
                due: None,
                refresh: None,
            }),
            source: Source::Given(service),
        }
    }

    /// Signs an application in with its certificate.
    pub fn certificate(
        application: Application,
        certificate: Certificate,
        interrupt: &Interrupt,
    ) -> Result<Self, SignInError> {
        let tokens = with_certificate(&application, &certificate, interrupt, Attempts::Some)?;
        let source = Source::Certificate(application, Box::new(certificate));
        Ok(Self::begin(source, tokens))
    }

    /// Signs a person in in the system's browser, for these permissions; without any, for all that are consented to.
    pub fn browser(
        application: Application,
        permissions: &[&str],
        guide: &dyn Guide,
        interrupt: &Interrupt,
    ) -> Result<Self, SignInError> {
        let scope = application.scope(permissions);
        let tokens = browser::sign_in(&application, &scope, guide, interrupt)?;
        Ok(Self::begin(
            Source::Person(application, scope, Keep::Memory),
            tokens,
        ))
    }

    /// Signs a person in with a device code, for these permissions; without any, for all that are consented to.
    pub fn device_code(
        application: Application,
        permissions: &[&str],
        guide: &dyn Guide,
        interrupt: &Interrupt,
    ) -> Result<Self, SignInError> {
        let scope = application.scope(permissions);
        let tokens = device_code::sign_in(&application, &scope, guide, interrupt)?;
        Ok(Self::begin(
            Source::Person(application, scope, Keep::Memory),
            tokens,
        ))
    }

    /// Takes up the sign-in that the kernel's keyring keeps; nothing if there is none, or if it is no longer good.
    pub fn kept(
        application: &Application,
        permissions: &[&str],
        interrupt: &Interrupt,
    ) -> Result<Option<Self>, SignInError> {
        let Some(refresh) = keyring::kept(application) else {
            return Ok(None);
        };
        let scope = application.scope(permissions);
        let mut tokens = match with_refresh(application, &scope, &refresh, interrupt, Attempts::Some) {
            Ok(tokens) => tokens,
            Err(SignInError::Refused(_)) => return Ok(None),
            Err(other) => return Err(other),
        };
        tokens.refresh = tokens.refresh.or(Some(refresh));
        let session = Self::begin(Source::Person(application.clone(), scope, Keep::Memory), tokens);
        Ok(Some(session))
    }

    /// Keeps a person's sign-in in the kernel's keyring from now on; the text says why that cannot be done.
    pub fn keep(&mut self) -> Result<(), String> {
        if let Source::Person(application, _, keep) = &mut self.source {
            let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
            let refresh = state.refresh.as_ref().ok_or("it cannot be renewed")?;
            keyring::keep(application, refresh)?;
            *keep = Keep::Keyring;
        }
        Ok(())
    }

    fn begin(source: Source, tokens: Tokens) -> Self {
        let mut state = State {
            token: Arc::new(Secret::new(String::new())),
            due: None,
            refresh: None,
        };
        state.take(tokens);
        Self {
            state: Mutex::new(state),
            source,
        }
    }

    /// The only service that its tokens go to.
    #[must_use]
    pub fn service(&self) -> &Service {
        match &self.source {
            Source::Given(service) => service,
            Source::Certificate(application, _) | Source::Person(application, ..) => &application.service,
        }
    }

    /// The token as it is, without a look at its end.
    pub(in crate::graph) fn held(&self) -> Arc<Secret<String>> {
        self.lock().token.clone()
    }

    /// The token of now, renewed if it ends soon; if that fails, the old one may still do, and a 401 tells.
    pub(in crate::graph) fn token(&self, interrupt: &Interrupt) -> Result<Arc<Secret<String>>, SignInError> {
        let mut state = self.lock();
        if state.due.is_some_and(|due| Instant::now() >= due) {
            match self.fetch(&mut state, interrupt, Attempts::One) {
                Ok(_) => {}
                Err(error @ SignInError::Interrupted(_)) => return Err(error),
                Err(_) => state.due = Instant::now().checked_add(AGAIN),
            }
        }
        Ok(state.token.clone())
    }

    /// Fetches a new token in place of one that was refused; false where there is no way to.
    pub(in crate::graph) fn renew(
        &self,
        refused: &Arc<Secret<String>>,
        interrupt: &Interrupt,
    ) -> Result<bool, SignInError> {
        let mut state = self.lock();
        if !Arc::ptr_eq(&state.token, refused) {
            return Ok(true);
        }
        self.fetch(&mut state, interrupt, Attempts::Some)
    }

    fn fetch(
        &self,
        state: &mut State,
        interrupt: &Interrupt,
        attempts: Attempts,
    ) -> Result<bool, SignInError> {
        let tokens = match (&self.source, &state.refresh) {
            (Source::Given(_), _) | (Source::Person(..), None) => {
                state.due = None;
                return Ok(false);
            }
            (Source::Certificate(application, certificate), _) => {
                with_certificate(application, certificate, interrupt, attempts)?
            }
            (Source::Person(application, scope, keep), Some(refresh)) => {
                let tokens = with_refresh(application, scope, refresh, interrupt, attempts)?;
                if let (Keep::Keyring, Some(refresh)) = (keep, &tokens.refresh) {
                    // The command goes on with what it holds; the next one may have to sign in.
                    let _ = keyring::keep(application, refresh);
                }
                tokens
            }
        };
        state.take(tokens);
        Ok(true)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, tokens: Tokens) {
        let ahead = AHEAD.min(tokens.lifetime / 4);
        // A lifetime beyond what the clock can count means never.
        self.due = Instant::now().checked_add(tokens.lifetime.saturating_sub(ahead));
        self.token = Arc::new(tokens.access);
        // A service may leave the old refresh token in force (RFC 6749, 6).
        if tokens.refresh.is_some() {
            self.refresh = tokens.refresh;
        }
    }
}

fn with_certificate(
    application: &Application,
    certificate: &Certificate,
    interrupt: &Interrupt,
    attempts: Attempts,
) -> Result<Tokens, SignInError> {
    let plain = |text: &str| Zeroizing::new(text.to_owned());
    let answer: TokenAnswer = application.post_patiently("token", interrupt, attempts, || {
        Ok(vec![
            ("grant_type", plain("client_credentials")),
            ("client_id", plain(&application.client_id)),
            ("scope", plain(&application.own_scope())),
            (
                "client_assertion_type",
                plain("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ),
            ("client_assertion", certificate.assertion(application)?),
        ])
    })?;
    answer.tokens()
}

fn with_refresh(
    application: &Application,
    scope: &str,
    refresh: &Secret<String>,
    interrupt: &Interrupt,
    attempts: Attempts,
) -> Result<Tokens, SignInError> {
    let plain = |text: &str| Zeroizing::new(text.to_owned());
    let answer: TokenAnswer = application.post_patiently("token", interrupt, attempts, || {
        Ok(vec![
            ("grant_type", plain("refresh_token")),
            ("client_id", plain(&application.client_id)),
            ("scope", plain(scope)),
            ("refresh_token", plain(refresh.expose())),
        ])
    })?;
    answer.tokens()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_early_renewal_that_fails_leaves_the_token_as_it_is() {
        // A port of this machine where nobody listens any more.
        let port = {
            let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            socket.local_addr().unwrap().port()
        };
        let service = Service::parse(&format!("http://127.0.0.1:{port}")).unwrap();
        let id = "00000000-0000-4000-8000-000000000001";
        let application = Application::new(&service, id, id).unwrap();
        let tokens = Tokens {
            access: Secret::new("old".into()),
            lifetime: Duration::ZERO,
            refresh: Some(Secret::new("refresh".into())),
        };
        let source = Source::Person(application, String::new(), Keep::Memory);
        let session = Session::begin(source, tokens);
        let token = session.token(&Interrupt::never()).unwrap();
        assert_eq!(token.expose(), "old");
        assert!(session.lock().due.is_some_and(|due| due > Instant::now()));
        // A refused token is another matter.
        assert!(session.renew(&token, &Interrupt::never()).is_err());
    }
}
