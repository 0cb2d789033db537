//! Why there is no token.

use std::fmt;

use super::super::pace::Interrupted;

/// Why a sign-in did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The tenant is neither an id nor a domain.
    #[error("{0:?} is not a tenant: give its id, or one of its domains")]
    Tenant(String),
    /// A tenant for customers.
    #[error("{0:?} is an external tenant (ciamlogin.com); it has no emergency access accounts")]
    External(String),
    /// The application's id is none.
    #[error("{0:?} is not an application (client) id")]
    ClientId(String),
    /// Certificate or private key.
    #[error("the application's certificate cannot be used: {0}")]
    Certificate(String),
    /// The sign-in service refused.
    #[error("the sign-in was refused: {0}")]
    Refused(OAuthRefusal),
    /// No usable answer came.
    #[error("the sign-in service gave no answer: {0}")]
    Unanswered(String),
    /// An answer came, and it is not what it should be.
    #[error("the sign-in service answered in an unexpected form: {0}")]
    Unreadable(String),
    /// The person said no.
    #[error("the sign-in was declined")]
    Declined,
    /// The person did not finish in time.
    #[error("nobody signed in within the time")]
    TimedOut,
    /// No port for the browser's answer.
    #[error("the browser's answer cannot be waited for on this machine: {0}")]
    Loopback(std::io::Error),
    /// The system gave no random numbers.
    #[error("the system gives no random numbers")]
    Random,
    /// Somebody asked the program to stop.
    #[error("{0}")]
    Interrupted(#[from] Interrupted),
}

impl SignInError {
    /// What to do now, as full sentences.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Tenant(_) | Self::ClientId(_) => {
                "Both are on the overview page of the application's registration in Entra."
            }
            Self::External(_) => "Use the tenant in which the administrators are.",
            Self::Certificate(_) => {
                "Give the certificate that the application has in Entra (PEM), and its RSA private key (PEM, PKCS #8, without a passphrase)."
            }
            Self::Refused(refusal) => refusal.hint(),
            Self::Unanswered(_) | Self::Unreadable(_) => {
                "Look at the network, and at proxies in between; then repeat the command."
            }
            Self::Declined => "Repeat the command, and agree to the sign-in.",
            Self::TimedOut => "Repeat the command when the person is ready.",
            Self::Loopback(_) => "Use `--sign-in device-code`, or a certificate.",
            Self::Random | Self::Interrupted(_) => "Repeat the command.",
        }
    }
}

/// An error as the sign-in service words it (RFC 6749, 5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthRefusal {
    /// The code: decides what happens.
    pub error: String,
    /// Text for people; its numbers change.
    pub description: String,
}

impl OAuthRefusal {
    /// Keeps what can be shown: no control characters, no endless text.
    pub(super) fn new(error: &str, description: &str) -> Self {
        let shown = |text: &str, most: usize| -> String {
            let lines = text.split(['\r', '\n']).map(str::trim).filter(|l| !l.is_empty());
            let text = lines.collect::<Vec<_>>().join(" ");
            text.chars().filter(|c| !c.is_control()).take(most).collect()
        };
        Self {
            error: shown(error, 64),
            description: shown(description, 600),
        }
    }

    fn hint(&self) -> &'static str {
        match self.error.as_str() {
            "invalid_client" => {
                "The application must have this certificate, or allow public client flows when a person signs in; and this machine's clock must be right."
            }
            "unauthorized_client" | "invalid_resource" => {
                "The application must be known in this tenant, and for a person's sign-in allow public client flows."
            }
            "consent_required" | "invalid_scope" => {
                "An administrator must consent to the permissions that `companion permissions` names."
            }
            "interaction_required" | "login_required" | "invalid_grant" => {
                "Sign in again: repeat the command. Conditional Access may block this way of signing in; many tenants block device codes."
            }
            "access_denied" => "Consent was refused, or Conditional Access blocks this sign-in.",
            _ => "Look the code up in the sign-in log of the tenant; then repeat the command.",
        }
    }
}

impl fmt::Display for OAuthRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)?;
        if !self.description.is_empty() {
            write!(f, " ({})", self.description)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_service_says_cannot_drive_a_terminal() {
        let refusal = OAuthRefusal::new("invalid_grant", "AADSTS1:\u{1b}[2J bad\r\nTrace ID: x");
        assert_eq!(refusal.to_string(), "invalid_grant (AADSTS1:[2J bad Trace ID: x)");
        assert!(OAuthRefusal::new("e", &"x".repeat(5000)).description.len() == 600);
    }
}
