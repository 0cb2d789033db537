//! Signing in with a device code (RFC 8628): a person types a short code on any machine with a browser.

use std::time::{Duration, Instant};

use serde::Deserialize;

use super::super::pace::Interrupt;
use super::Guide;
use super::endpoint::{Application, TokenAnswer, Tokens};
use super::error::SignInError;
use crate::secret::Secret;

/// How much slower the service wants it when it says so (RFC 8628, 3.5).
const SLOWER: Duration = Duration::from_secs(5);
/// Longest pause between two questions.
const LONGEST: Duration = Duration::from_mins(1);

#[derive(Deserialize)]
struct Begun {
    device_code: String,
    user_code: String,
    verification_uri: String,
    expires_in: u64,
    #[serde(default = "five")]
    interval: u64,
}

fn five() -> u64 {
    5
}

/// Shows a code and waits until the person has used it.
pub(super) fn sign_in(
    application: &Application,
    scope: &str,
    guide: &dyn Guide,
    interrupt: &Interrupt,
) -> Result<Tokens, SignInError> {
    let fields = [("client_id", application.client_id.as_str()), ("scope", scope)];
    let begun: Begun = application.post("devicecode", &fields)?;
    let code = Secret::new(begun.device_code);
    let plain = |text: &str| text.len() < 200 && text.bytes().all(|b| b.is_ascii_graphic());
    if !plain(&begun.user_code) || !plain(&begun.verification_uri) {
        return Err(SignInError::Unreadable("its code or page cannot be shown".into()));
    }
    guide.say(&format!(
        "Sign in: open {} in a private window and type the code {}",
        begun.verification_uri, begun.user_code
    ));
    guide.say(&format!(
        "The code is good for {} minutes. Type it only because you started this command yourself. Many tenants block \
         device codes; then use `--sign-in browser`.",
        begun.expires_in.div_ceil(60)
    ));
    let end = Instant::now() + Duration::from_secs(begun.expires_in.min(3600));
    let mut pause = Duration::from_secs(begun.interval.min(60));
    loop {
        interrupt.sleep(pause)?;
        if Instant::now() >= end {
            return Err(SignInError::TimedOut);
        }
        let answer: Result<TokenAnswer, SignInError> = application.post(
            "token",
            &[
                ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
                ("client_id", &application.client_id),
                ("device_code", code.expose()),
            ],
        );
        match answer {
            Ok(answer) => return answer.tokens(),
            Err(SignInError::Refused(refusal)) => match refusal.error.as_str() {
                "authorization_pending" => {}
                "slow_down" => pause = (pause + SLOWER).min(LONGEST),
                "authorization_declined" | "access_denied" => return Err(SignInError::Declined),
                "expired_token" => return Err(SignInError::TimedOut),
                _ => return Err(SignInError::Refused(refusal)),
            },
            // The person may be half-way: go on, and ask less often.
            Err(SignInError::Unanswered(_)) => pause = (pause * 2).clamp(Duration::from_secs(1), LONGEST),
            Err(other) => return Err(other),
        }
    }
}
