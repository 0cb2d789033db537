//! A PostgreSQL server of the tests' own: in a temporary folder, on a Unix socket, and on a loopback port with TLS.

use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use glasskey::inventory::Address;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// User of the database; it has a password where the connection is not the socket.
pub(super) const USER: &str = "glasskey";
pub(super) const PASSWORD: &str = "correct:horse";

pub(super) struct Server {
    folder: tempfile::TempDir,
    child: Child,
    port: u16,
    databases: AtomicU32,
}

impl Server {
    /// The server of this process: started for the first that wants it, ended with the last.
    pub(super) fn shared() -> Arc<Self> {
        static SERVER: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        let mut server = SERVER.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        server.upgrade().unwrap_or_else(|| {
            let started = Arc::new(Self::start());
            *server = Arc::downgrade(&started);
            started
        })
    }

    /// A new, empty database, reached by the socket.
    pub(super) fn database(&self) -> Address {
        let name = self.new_database();
        let socket = self.folder.path().display();
        let port = self.port;
        Address::parse(&format!("postgres://{USER}@:{port}/{name}?host={socket}"))
            .or_else(|_| {
                Address::parse(&format!(
                    "postgres://{USER}@{}:{port}/{name}",
                    encoded(self.folder.path())
                ))
            })
            .unwrap()
    }

    /// A new, empty database by its URL on the loopback port, without parameters.
    pub(super) fn network_url(&self) -> String {
        let name = self.new_database();
        format!("postgres://{USER}@localhost:{}/{name}", self.port)
    }

    /// The authority that signed the server's certificate.
    pub(super) fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    fn new_database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("inventory{number}");
        let mut command = Command::new(program("createdb"));
        command.arg("--host").arg(self.folder.path());
        command.args(["--port", &self.port.to_string(), "--username", USER, &name]);
        finished(&mut command);
        name
    }

    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let password = folder.path().join("password");
        std::fs::write(&password, PASSWORD).unwrap();
        certificate(folder.path());
        if is_root() {
            for name in ["", "password", "server.pem", "server.key"] {
                chown(folder.path().join(name), Some(id("-u")), Some(id("-g"))).unwrap();
            }
        }
        let mut initdb = unprivileged("initdb");
        initdb
            .arg("--pgdata")
            .arg(&data)
            .arg("--pwfile")
            .arg(&password)
            .args([
                "--username",
                USER,
                "--auth-local=trust",
                "--auth-host=scram-sha-256",
            ])
            .args(["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
        finished(&mut initdb);
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut postgres = unprivileged("postgres");
        postgres.arg("-D").arg(&data).arg("-k").arg(folder.path());
        postgres.args([
            "-p",
            &port.to_string(),
            "-F",
            "-c",
            "listen_addresses=localhost",
            "-c",
            "ssl=on",
        ]);
        for (name, file) in [("ssl_cert_file", "server.pem"), ("ssl_key_file", "server.key")] {
            let path = folder.path().join(file);
            postgres.arg("-c").arg(format!("{name}={}", path.display()));
        }
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = postgres
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let server = Self {
            folder,
            child,
            port,
            databases: AtomicU32::new(0),
        };
        server.wait_until_ready();
        server
    }

    fn wait_until_ready(&self) {
        for _ in 0..600 {
            let mut ready = Command::new(program("pg_isready"));
            ready.arg("--quiet").arg("--host").arg(self.folder.path());
            ready.args(["--port", &self.port.to_string()]);
            if ready.status().unwrap().success() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        panic!("PostgreSQL does not answer:\n{log}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGINT ends it at once and in order; it removes its shared memory.
        let ended = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status();
        if ended.is_ok_and(|status| status.success()) {
            let _ = self.child.wait();
        }
    }
}

/// A certificate for localhost by an authority of its own.
fn certificate(folder: &Path) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".into()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    std::fs::write(folder.join("authority.pem"), authority.pem()).unwrap();
    std::fs::write(folder.join("server.pem"), certificate.pem()).unwrap();
    let path = folder.join("server.key");
    std::fs::write(&path, key.serialize_pem()).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A program of PostgreSQL, wherever Debian put it.
fn program(name: &str) -> PathBuf {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin").join(name)))
        .filter(|path| path.is_file())
        .collect();
    versions.sort();
    let found = versions.pop();
    found.unwrap_or_else(|| {
        panic!("There is no {name}: install Debian's package postgresql (image/install-tools --tests).")
    })
}

/// The server refuses to run as root.
fn unprivileged(name: &str) -> Command {
    if !is_root() {
        return Command::new(program(name));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    command.arg(program(name));
    // Where the tests run may be closed to that user.
    command.current_dir("/");
    command
}

fn is_root() -> bool {
    number(Command::new("id").arg("-u")) == 0
}

/// User or group number of the unprivileged user.
fn id(which: &str) -> u32 {
    number(Command::new("id").args([which, "postgres"]))
}

fn number(command: &mut Command) -> u32 {
    let output = command.output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

fn finished(command: &mut Command) {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
}

fn encoded(path: &Path) -> String {
    path.display().to_string().replace('/', "%2F")
}
