//! The tool's own sign-in: options to a session.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::{Args, ValueEnum};

use super::super::{Exit, Failed, read_bytes, usage};
use super::say;
use crate::graph::{Application, Certificate, Guide, Interrupt, Service, Session, SignInError};
use crate::tenant::permissions::of;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Method {
    /// A person, in a browser on this machine.
    Browser,
    /// A person, with a code that is typed in a browser anywhere; many tenants block it.
    DeviceCode,
    /// The application itself, unattended.
    Certificate,
}

/// Each option names it: one heading for them all would take in the options that follow.
const HEADING: &str = "Signing in";

/// Options of signing in.
#[derive(Debug, Args)]
pub(super) struct SignIn {
    /// Fetches a token, in place of `--token-file`, and renews it while the command runs.
    #[arg(
        help_heading = HEADING,
        id = "sign_in",
        long = "sign-in",
        value_enum,
        value_name = "HOW",
        requires = "tenant",
        requires = "client_id",
        requires_if("certificate", "certificate")
    )]
    method: Option<Method>,
    /// The tenant's id, or one of its domains.
    #[arg(help_heading = HEADING, long, value_name = "TENANT", requires = "sign_in")]
    tenant: Option<String>,
    /// The application's (client) id in the tenant.
    #[arg(help_heading = HEADING, long, value_name = "GUID", requires = "sign_in")]
    client_id: Option<String>,
    /// The application's certificate (PEM).
    #[arg(help_heading = HEADING, long, value_name = "FILE", requires = "sign_in")]
    certificate: Option<PathBuf>,
    /// Its RSA private key (PEM, PKCS #8) [default: in the certificate's file].
    #[arg(help_heading = HEADING, long, value_name = "FILE", requires = "certificate")]
    certificate_key: Option<PathBuf>,
    /// Asks a person for the permissions as well that the command can do without.
    #[arg(help_heading = HEADING, long, requires = "sign_in")]
    optional_permissions: bool,
    /// Keeps a person's sign-in for the next command, in the kernel's memory: until logout, `companion sign-out`, or 8 hours.
    #[arg(help_heading = HEADING, long, requires = "sign_in")]
    remember: bool,
}

impl SignIn {
    /// Signs in for a command.
    pub(super) fn session(
        &self,
        service: &Service,
        command: &str,
        interrupt: &Interrupt,
    ) -> Result<Session, Failed> {
        let (Some(method), Some(tenant), Some(client_id)) = (self.method, &self.tenant, &self.client_id)
        else {
            return Err(usage("There is neither a token nor a way to sign in.", ""));
        };
        let application = Application::new(service, tenant, client_id).map_err(|e| failed(&e))?;
        if method == Method::Certificate {
            return self.with_certificate(application, interrupt);
        }
        if self.certificate.is_some() {
            return Err(usage("`--certificate` needs `--sign-in certificate`.", ""));
        }
        let permissions = self.permissions(command);
        if self.remember
            && let Some(mut session) =
                Session::kept(&application, &permissions, interrupt).map_err(|e| failed(&e))?
        {
            remember(&mut session);
            return Ok(session);
        }
        let signed_in = match method {
            Method::Browser => Session::browser(application, &permissions, &Terminal, interrupt),
            _ => Session::device_code(application, &permissions, &Terminal, interrupt),
        };
        let mut session = signed_in.map_err(|e| failed(&e))?;
        if self.remember {
            remember(&mut session);
        }
        Ok(session)
    }

    fn with_certificate(&self, application: Application, interrupt: &Interrupt) -> Result<Session, Failed> {
        let Some(path) = &self.certificate else {
            return Err(usage("`--sign-in certificate` needs `--certificate`.", ""));
        };
        if self.remember || self.optional_permissions {
            let what = "`--remember` and `--optional-permissions` are for a person's sign-in.";
            return Err(usage(what, "An application has what was granted to it."));
        }
        let text = read_bytes(path)?;
        let key = self
            .certificate_key
            .as_ref()
            .map(|path| read_bytes(path))
            .transpose()?;
        let key = key.as_ref().unwrap_or(&text);
        let certificate = Certificate::read(text.expose(), key.expose()).map_err(|e| failed(&e))?;
        Session::certificate(application, certificate, interrupt).map_err(|e| failed(&e))
    }

    /// What a person is asked to allow.
    fn permissions(&self, command: &str) -> Vec<&'static str> {
        let needs = of(command).into_iter();
        let all = needs.flat_map(|needs| needs.permissions);
        all.filter(|p| self.optional_permissions || p.otherwise.is_none())
            .map(|p| p.name)
            .collect()
    }
}

fn remember(session: &mut Session) {
    if let Err(reason) = session.keep() {
        say(&format!(
            "The sign-in is not kept for the next command: {reason}."
        ));
    }
}

fn failed(error: &SignInError) -> Failed {
    let exit = match error {
        SignInError::Tenant(_)
        | SignInError::External(_)
        | SignInError::ClientId(_)
        | SignInError::Certificate(_) => Exit::Usage,
        SignInError::TimedOut => Exit::TimedOut,
        SignInError::Interrupted(_) => Exit::Interrupted,
        _ => Exit::Graph,
    };
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    let sentence: String = first.into_iter().chain(letters).collect();
    (exit, format!("{sentence}."), error.hint().to_owned())
}

/// The person at the terminal.
struct Terminal;

impl Guide for Terminal {
    fn say(&self, line: &str) {
        say(line);
    }

    /// On a desktop alone: over SSH the browser would open on the wrong machine.
    fn open(&self, url: &str) -> bool {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if !(set("DISPLAY") || set("WAYLAND_DISPLAY")) || set("SSH_CONNECTION") || !io::stderr().is_terminal()
        {
            return false;
        }
        let mut command = Command::new("/usr/bin/xdg-open");
        command.arg(url).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().is_ok()
    }
}
