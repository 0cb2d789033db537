//! Where an inventory is: a file, or a database of a PostgreSQL server.

use std::fmt;
use std::path::PathBuf;

use url::{Host, Url};

use super::InventoryError;

/// Where an inventory is. It holds no password, and neither does what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A file of SQLite.
    File(PathBuf),
    /// A database of PostgreSQL.
    Server(Server),
}

/// A database of a PostgreSQL server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// User of the database; this machine's user where none is named.
    pub user: Option<String>,
    /// Where the server listens.
    pub at: At,
    /// Its port.
    pub port: u16,
    /// The database.
    pub database: String,
    /// Whether the connection is encrypted and the server's certificate checked, and by whose authority.
    pub tls: Tls,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// A Unix socket in this folder.
    Socket(PathBuf),
    /// A machine, by its name or address.
    Host(String),
}

/// Encryption of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// None; on this machine alone.
    None,
    /// TLS, with a certificate for the server's name from a public authority.
    Public,
    /// TLS, with a certificate for the server's name from an authority in this PEM file.
    Authority(PathBuf),
}

impl Address {
    /// Reads what was given on the command line.
    pub fn parse(text: &str) -> Result<Self, InventoryError> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Server::parse(text).map(Self::Server);
        }
        if text.is_empty() || text.contains("://") {
            return Err(wrong("it is neither a file nor `postgres://...`"));
        }
        Ok(Self::File(text.into()))
    }

    /// The inventory of this user: `glasskey/inventory.sqlite` below `XDG_STATE_HOME` or `~/.local/state`.
    pub fn default_file(state: Option<PathBuf>, home: Option<PathBuf>) -> Result<Self, InventoryError> {
        // The specification wants relative paths passed over.
        let state = state.filter(|path| path.is_absolute());
        let state = state.or_else(|| home.map(|home| home.join(".local/state")));
        match state {
            Some(state) => Ok(Self::File(state.join("glasskey/inventory.sqlite"))),
            None => Err(wrong(
                "there is no home directory, and no `--inventory` was given",
            )),
        }
    }
}

impl Server {
    fn parse(text: &str) -> Result<Self, InventoryError> {
        // The error must not repeat the text: there may be a password in it.
        let url = Url::parse(text).map_err(|error| wrong(error.to_string()))?;
        if url.password().is_some() {
            return Err(wrong(
                "it holds a password, which everybody on this machine can read in the list of processes",
            ));
        }
        let database = decoded(url.path().trim_start_matches('/'))?;
        let (mut socket, mut mode, mut authority) = (None, None, None);
        for (name, value) in url.query_pairs() {
            match &*name {
                "host" => socket = Some(value.into_owned()),
                "sslmode" => mode = Some(value.into_owned()),
                "sslrootcert" => authority = Some(value.into_owned()),
                other => return Err(wrong(format!("the parameter {other:?} is not known"))),
            }
        }
        if database.is_empty() || database.contains('/') {
            return Err(wrong("it names no database"));
        }
        let (at, local) = match (url.host(), socket) {
            (None, Some(folder)) if folder.starts_with('/') => (At::Socket(folder.into()), true),
            (Some(host), None) => place(&host)?,
            (None, None) => (At::Socket("/var/run/postgresql".into()), true),
            _ => {
                return Err(wrong(
                    "a host stands before the database, or `?host=/FOLDER` after it, not both",
                ));
            }
        };
        Ok(Self {
            user: (!url.username().is_empty())
                .then(|| decoded(url.username()))
                .transpose()?,
            at,
            port: url.port().unwrap_or(5432),
            database,
            tls: tls(mode.as_deref(), authority, local)?,
        })
    }
}

/// Where a host is, and whether that is this machine.
fn place(host: &Host<&str>) -> Result<(At, bool), InventoryError> {
    Ok(match host {
        Host::Domain(name) => match decoded(name)? {
            folder if folder.starts_with('/') => (At::Socket(folder.into()), true),
            name => {
                let local = name.eq_ignore_ascii_case("localhost") || name == "127.0.0.1";
                (At::Host(name), local)
            }
        },
        Host::Ipv4(address) => (At::Host(address.to_string()), address.is_loopback()),
        Host::Ipv6(address) => (At::Host(address.to_string()), address.is_loopback()),
    })
}

/// Without encryption only on this machine; with it, the certificate is always checked.
fn tls(mode: Option<&str>, authority: Option<String>, local: bool) -> Result<Tls, InventoryError> {
    let wanted = match mode {
        None => !local || authority.is_some(),
        Some("disable" | "allow" | "prefer") if local => false,
        Some(weak @ ("disable" | "allow" | "prefer")) => {
            return Err(wrong(format!(
                "sslmode={weak} would send the inventory over the network in the clear: leave it out, or name the server's authority with sslrootcert"
            )));
        }
        Some("require" | "verify-ca" | "verify-full") => true,
        Some(other) => return Err(wrong(format!("sslmode={other} is not known"))),
    };
    Ok(match (wanted, authority) {
        (false, _) => Tls::None,
        (true, Some(file)) if file != "system" => Tls::Authority(file.into()),
        (true, _) => Tls::Public,
    })
}

fn decoded(text: &str) -> Result<String, InventoryError> {
    // The one escape that occurs in names of databases, users and folders.
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits
            .filter(|digits| *first == b'%' && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text),
        _ => Err(wrong("a name in it is not text")),
    }
}

fn wrong(what: impl Into<String>) -> InventoryError {
    InventoryError::Address(what.into())
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Server(server) => match &server.at {
                At::Socket(folder) => write!(f, "database {} at {}", server.database, folder.display()),
                At::Host(host) => write!(f, "database {} at {host}:{}", server.database, server.port),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> Result<Server, InventoryError> {
        match Address::parse(text)? {
            Address::Server(server) => Ok(server),
            Address::File(_) => panic!("{text} is no file"),
        }
    }

    #[test]
    fn files_and_servers_are_told_apart() {
        assert_eq!(Address::parse("keys.db"), Ok(Address::File("keys.db".into())));
        assert!(Address::parse("mysql://host/db").is_err());
        assert!(Address::parse("").is_err());
        let found = server("postgresql://ada@db.example:5433/keys?sslrootcert=/etc/ca.pem").unwrap();
        assert_eq!(found.user.as_deref(), Some("ada"));
        assert_eq!((&found.at, found.port), (&At::Host("db.example".into()), 5433));
        assert_eq!(found.tls, Tls::Authority("/etc/ca.pem".into()));
        for socket in ["postgres:///keys?host=/run/pg", "postgres://%2Frun%2Fpg/keys"] {
            let found = server(socket).unwrap();
            assert_eq!(found.at, At::Socket("/run/pg".into()), "{socket}");
            assert_eq!((found.tls, found.database.as_str()), (Tls::None, "keys"));
        }
    }

    #[test]
    fn nothing_crosses_a_network_in_the_clear() {
        for (mode, expected) in [
            ("", Some(Tls::Public)),
            ("?sslmode=require", Some(Tls::Public)),
            ("?sslmode=verify-full", Some(Tls::Public)),
            ("?sslmode=prefer", None),
            ("?sslmode=disable", None),
            ("?sslmode=maybe", None),
        ] {
            let found = server(&format!("postgres://db.example/keys{mode}")).ok();
            assert_eq!(found.map(|s| s.tls), expected, "{mode}");
        }
        for local in ["localhost", "127.0.0.1", "[::1]"] {
            assert_eq!(
                server(&format!("postgres://{local}/keys")).unwrap().tls,
                Tls::None
            );
            assert_eq!(
                server(&format!("postgres://{local}/keys?sslmode=require"))
                    .unwrap()
                    .tls,
                Tls::Public
            );
        }
    }

    #[test]
    fn a_password_is_refused_and_not_repeated() {
        for text in [
            "postgres://ada:hunter2@db.example/keys",
            "postgres://ada:hunter2@db.example:99999/keys",
            "postgres://ada:hunter2@[::/keys",
        ] {
            let error = server(text).unwrap_err();
            assert!(
                !format!("{error} {error:?} {}", error.hint()).contains("hunter2"),
                "{text}"
            );
        }
        assert!(server("postgres://ada@db.example/keys?password=hunter2").is_err());
        assert!(server("postgres://ada@db.example/keys").is_ok());
    }

    #[test]
    fn the_default_is_in_the_state_directory() {
        let file = |state: Option<&str>, home: Option<&str>| {
            Address::default_file(state.map(Into::into), home.map(Into::into))
                .map(|address| address.to_string())
        };
        assert_eq!(
            file(Some("/s"), Some("/h")),
            Ok("/s/glasskey/inventory.sqlite".into())
        );
        for state in [None, Some("relative")] {
            let expected = "/h/.local/state/glasskey/inventory.sqlite";
            assert_eq!(file(state, Some("/h")), Ok(expected.into()));
        }
        assert!(file(None, None).is_err());
    }
}
