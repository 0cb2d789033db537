//! `glasskey sandbox`: starts a sandbox tenant.

use std::io::{Read as _, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::id::Upn;
use crate::sandbox::{Application, Options, Sandbox, Settings, User};

/// Largest settings, users or fault file that is read.
const FILE_LIMIT: u64 = 1024 * 1024;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves a sandbox tenant on a loopback address until it is stopped.
    ///
    /// The sandbox imitates the part of Microsoft Graph that `glasskey companion` uses, and a sign-in page
    /// without pages (POST /signin, /security-info/passkey/begin and /finish). Every registration and sign-in
    /// is verified as WebAuthn; so is the tool's own sign-in (/TENANT/oauth2/v2.0). It is marked, so a rehearsal manifest fits here and a real one is refused.
    ///
    /// Prints one line of JSON with the address and where the token is; then serves.
    #[command(after_long_help = "Example:
  glasskey sandbox serve --user bg-01@contoso.onmicrosoft.com --token-file token
  glasskey companion register MANIFEST --identity IDENTITY --station-fingerprint TEXT \\
      --graph http://127.0.0.1:8080 --token-file token

A fault file is a JSON list; the first fault that fits a request and is not used up takes effect:
  [{\"method\": \"POST\", \"path\": \"temporaryAccessPassMethods\", \"skip\": 0, \"count\": 1, \"effect\": \"cutAfter\"},
   {\"path\": \"fido2Methods\", \"count\": 2, \"effect\": {\"status\": {\"status\": 429, \"retryAfter\": 2}}}]
Effects: {\"status\": {...}}, {\"slow\": {\"milliseconds\": N}}, \"cutBefore\", \"cutAfter\", \"html\",
\"expiredToken\". The settings `requestsPerSecond` and `randomFaults` ({\"seed\": N, \"perMille\": N}) make more of them.")]
    Serve(Serve),
}

#[derive(Debug, Args)]
struct Serve {
    /// Loopback address and port; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// An account of the tenant; may be given several times.
    #[arg(long = "user", value_name = "UPN")]
    users: Vec<Upn>,
    /// Accounts of the tenant, as a JSON list of objects with `userPrincipalName`.
    #[arg(long = "users", value_name = "FILE")]
    users_file: Option<PathBuf>,
    /// The tenant: JSON with tenantId, users, groups, policies, delays and more (docs/formats.md).
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// The tenant id, in place of the one in the settings.
    #[arg(long, value_name = "GUID")]
    tenant: Option<String>,
    /// Planned faults, as a JSON list.
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Keeps the tenant in this file over restarts; if it exists, it wins over users and settings.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Notes each request in this file, without bodies.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// The bearer token: read from this file, or drawn and written to it if there is no such file.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// An application that signs in with this certificate (PEM): `--sign-in certificate`; may be given several times.
    #[arg(long = "application", value_name = "CLIENT-ID=FILE", value_parser = application)]
    applications: Vec<(String, PathBuf)>,
    /// A root certificate (PEM) that attestation must chain to; without one, a verified statement is enough.
    #[arg(long = "trust-root", value_name = "FILE")]
    trust_roots: Vec<PathBuf>,
}

/// Runs the command; the exit code is 0, or 2 when it does not start.
pub(super) fn run(arguments: Arguments) -> ExitCode {
    let Command::Serve(serve) = arguments.command;
    match start(serve) {
        Ok(sandbox) => {
            sandbox.wait();
            ExitCode::SUCCESS
        }
        Err(text) => {
            let _ = writeln!(std::io::stderr(), "The sandbox tenant does not start. {text}");
            ExitCode::from(2)
        }
    }
}

fn start(serve: Serve) -> Result<Sandbox, String> {
    let mut settings: Settings = match &serve.settings {
        Some(path) => json(path)?,
        None => Settings::default(),
    };
    if let Some(path) = &serve.users_file {
        settings.users.extend(json::<Vec<User>>(path)?);
    }
    settings
        .users
        .extend(serve.users.iter().map(|upn| User::named(upn.as_str())));
    if let Some(tenant) = serve.tenant {
        settings.tenant_id = tenant;
    }
    for (client_id, path) in &serve.applications {
        settings.login.applications.push(Application {
            client_id: client_id.clone(),
            certificate: text(path)?,
            permissions: None,
        });
    }
    let token = match &serve.token_file {
        Some(path) if path.exists() => Some(text(path)?.trim().to_owned()),
        _ => None,
    };
    let options = Options {
        settings,
        faults: serve.faults.as_deref().map(json).transpose()?.unwrap_or_default(),
        state: serve.state,
        log: serve.log,
        token,
        trust_roots: serve
            .trust_roots
            .iter()
            .map(|p| text(p))
            .collect::<Result<_, _>>()?,
        record: false,
    };
    let sandbox = Sandbox::start(serve.listen, options).map_err(|e| format!("{e}."))?;
    let mut ready = serde_json::json!({"graph": sandbox.origin(), "signIn": sandbox.origin()});
    match &serve.token_file {
        Some(path) => {
            write_token(path, sandbox.token())
                .map_err(|e| format!("Cannot write {}: {e}", path.display()))?;
            ready["tokenFile"] = path.display().to_string().into();
        }
        None => ready["token"] = sandbox.token().into(),
    }
    let mut out = std::io::stdout();
    writeln!(out, "{ready}")
        .and_then(|()| out.flush())
        .map_err(|e| format!("Cannot write to stdout: {e}"))?;
    Ok(sandbox)
}

fn application(text: &str) -> Result<(String, PathBuf), String> {
    let (client_id, path) = text.split_once('=').ok_or("it is not CLIENT-ID=FILE")?;
    Ok((client_id.to_owned(), path.into()))
}

fn write_token(path: &Path, token: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{token}")
}

fn text(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|e| format!("Cannot read {}: {e}", path.display()))?;
    let mut text = String::new();
    let read = file.take(FILE_LIMIT + 1).read_to_string(&mut text);
    match read {
        Ok(length) if length as u64 > FILE_LIMIT => Err(format!("{} is too large.", path.display())),
        Ok(_) => Ok(text),
        Err(error) => Err(format!("Cannot read {}: {error}", path.display())),
    }
}

fn json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, String> {
    serde_json::from_str(&text(path)?)
        .map_err(|e| format!("{} is not what was expected: {e}", path.display()))
}
