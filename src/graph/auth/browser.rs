//! Signing in in the system's browser: authorization code with PKCE (RFC 7636), answered on loopback (RFC 8252).

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use url::form_urlencoded::Serializer;

use super::super::pace::Interrupt;
use super::Guide;
use super::endpoint::{Application, TokenAnswer, Tokens, unguessable};
use super::error::SignInError;
use super::loopback::Listener;

/// How long the person has.
const PATIENCE: Duration = Duration::from_mins(10);

/// Sends the person to the sign-in page and waits for its answer.
pub(super) fn sign_in(
    application: &Application,
    scope: &str,
    guide: &dyn Guide,
    interrupt: &Interrupt,
) -> Result<Tokens, SignInError> {
    let listener = Listener::bind().map_err(SignInError::Loopback)?;
    let (state, verifier) = (unguessable()?, unguessable()?);
    let redirect = listener.redirect_uri();
    let query = Serializer::new(String::new())
        .append_pair("client_id", &application.client_id)
        .append_pair("response_type", "code")
        .append_pair("response_mode", "query")
        .append_pair("redirect_uri", &redirect)
        .append_pair("scope", scope)
        .append_pair("state", &state)
        .append_pair("code_challenge", &challenge(&verifier))
        .append_pair("code_challenge_method", "S256")
        // Whoever the browser is signed in as may not be the administrator.
        .append_pair("prompt", "select_account")
        .finish();
    let url = format!("{}?{query}", application.endpoint("authorize"));
    if guide.open(&url) {
        guide.say("Sign in in the browser window that opens. If none does, open this page:");
    } else {
        guide.say("Sign in: open this page in a browser on this machine, best in a private window:");
    }
    guide.say(&url);
    let code = listener.wait(&state, interrupt, PATIENCE)?;
    // A code is good once: without an answer only a new sign-in helps.
    let answer: TokenAnswer = application.post(
        "token",
        &[
            ("grant_type", "authorization_code"),
            ("client_id", &application.client_id),
            ("code", code.expose()),
            ("redirect_uri", &redirect),
            ("code_verifier", &verifier),
            ("scope", scope),
        ],
    )?;
    answer.tokens()
}

/// The challenge of a verifier (RFC 7636, 4.2).
fn challenge(verifier: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_standard() {
        // RFC 7636, appendix B
        assert_eq!(
            challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
        assert_ne!(unguessable().unwrap(), unguessable().unwrap());
    }
}
