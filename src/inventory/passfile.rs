//! Passwords of servers: the file that PostgreSQL's own programs read (`~/.pgpass`, or what PGPASSFILE names).

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::InventoryError;
use super::address::{At, Server};
use crate::secret::Secret;

/// Largest file that is read.
const LIMIT: u64 = 1 << 20;

/// The password for a server, if the file has one.
pub(super) fn password(server: &Server) -> Result<Option<Secret<String>>, InventoryError> {
    let named = std::env::var_os("PGPASSFILE").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".pgpass"));
    match named.or_else(home) {
        Some(path) if path.is_file() => {
            let user = std::env::var("USER").unwrap_or_default();
            read(&path, server, &user)
        }
        _ => Ok(None),
    }
}

fn read(path: &Path, server: &Server, local_user: &str) -> Result<Option<Secret<String>>, InventoryError> {
    let wrong =
        |what: String| InventoryError::Address(format!("the password file {} {what}", path.display()));
    let cannot = |error: std::io::Error| wrong(format!("cannot be read: {error}"));
    let about = std::fs::metadata(path).map_err(cannot)?;
    if about.permissions().mode() & 0o077 != 0 {
        return Err(wrong(format!(
            "can be read by others: chmod 600 {}",
            path.display()
        )));
    }
    if about.len() > LIMIT {
        return Err(wrong("is too large".into()));
    }
    let text = Secret::new(std::fs::read_to_string(path).map_err(cannot)?);
    Ok(find(text.expose(), server, local_user))
}

/// The first line whose fields all fit: `host:port:database:user:password`.
fn find(text: &str, server: &Server, local_user: &str) -> Option<Secret<String>> {
    let hosts = match &server.at {
        At::Socket(folder) => vec!["localhost".to_owned(), folder.display().to_string()],
        At::Host(host) => vec![host.clone()],
    };
    let port = server.port.to_string();
    let user = server.user.as_deref().unwrap_or(local_user);
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .find_map(|line| {
            let (fields, password) = fields(line)?;
            let fits = |field: &str, wanted: &str| field == "*" || field == wanted;
            let [host, at_port, database, of_user] = &fields;
            let right = hosts.iter().any(|wanted| fits(host, wanted))
                && fits(at_port, &port)
                && fits(database, &server.database)
                && fits(of_user, user);
            right.then(|| Secret::new(plain(password)))
        })
}

/// Four fields without their escapes, and the rest of the line.
fn fields(line: &str) -> Option<([String; 4], &str)> {
    let mut rest = line;
    let mut next = || {
        let mut escaped = false;
        let end = rest.char_indices().find(|(_, c)| {
            let ends = *c == ':' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        let (field, after) = rest.split_at(end?.0);
        rest = &after[1..];
        Some(plain(field))
    };
    Some(([next()?, next()?, next()?, next()?], rest))
}

/// Takes a backslash away from what it escapes.
fn plain(field: &str) -> String {
    let mut escaped = false;
    let keep = |c: &char| {
        escaped = *c == '\\' && !escaped;
        !escaped
    };
    field.chars().filter(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Address;
    use super::*;
    use proptest::prelude::*;

    fn server(text: &str) -> Server {
        match Address::parse(text).unwrap() {
            Address::Server(server) => server,
            Address::File(_) => panic!("no server"),
        }
    }

    fn found(text: &str, url: &str) -> Option<String> {
        find(text, &server(url), "ada").map(|password| password.expose().clone())
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        let text = "# host:port:database:user:password\n\
            db.example:5432:other:ada:wrong\ndb.example:*:keys:ada:right\n*:*:*:*:rest\n";
        assert_eq!(
            found(text, "postgres://ada@db.example/keys").as_deref(),
            Some("right")
        );
        assert_eq!(
            found(text, "postgres://db.example/keys").as_deref(),
            Some("right")
        );
        assert_eq!(
            found(text, "postgres://bob@db.example/keys").as_deref(),
            Some("rest")
        );
        assert_eq!(found("a:b:c", "postgres://ada@db.example/keys"), None);
        let socket = "localhost:5432:keys:ada:one\n";
        assert_eq!(
            found(socket, "postgres:///keys?host=/run/pg").as_deref(),
            Some("one")
        );
    }

    #[test]
    fn escapes_are_those_of_postgresql() {
        let text = r"db.example:5432:ke\:ys:ada:a\:b\\c";
        assert_eq!(
            found(text, "postgres://ada@db.example/ke:ys").as_deref(),
            Some(r"a:b\c")
        );
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pgpass");
        std::fs::write(&path, "*:*:*:*:hunter2\n").unwrap();
        let server = server("postgres://ada@db.example/keys");
        for (mode, readable) in [(0o644, false), (0o640, false), (0o600, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(read(&path, &server, "ada").is_ok(), readable, "{mode:o}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text: String) {
            let _ = found(&text, "postgres://ada@db.example/keys");
        }
    }
}
