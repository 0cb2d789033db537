//! Connections to a PostgreSQL server: plain on this machine, by TLS with a checked certificate elsewhere.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use postgres::config::SslMode;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::InventoryError;
use super::address::{At, Server, Tls};
use super::passfile;
use super::store::server_error;

/// Connects; the password, if there is one, comes from the password file.
pub(super) fn connect(server: &Server) -> Result<postgres::Client, InventoryError> {
    let mut config = postgres::Config::new();
    config
        .port(server.port)
        .dbname(&server.database)
        .application_name("glasskey")
        .connect_timeout(Duration::from_secs(10))
        .tcp_user_timeout(Duration::from_secs(30));
    match &server.at {
        At::Socket(folder) => config.host_path(folder),
        At::Host(host) => config.host(host),
    };
    if let Some(user) = &server.user {
        config.user(user);
    }
    if let Some(password) = passfile::password(server)? {
        config.password(password.expose());
    }
    let roots = match &server.tls {
        Tls::None => {
            config.ssl_mode(SslMode::Disable);
            return config
                .connect(postgres::NoTls)
                .map_err(|error| server_error(&error));
        }
        Tls::Public => webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect(),
        Tls::Authority(file) => authority(file)?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| InventoryError::Database(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.ssl_mode(SslMode::Require);
    config
        .connect(MakeRustlsConnect::new(tls))
        .map_err(|error| server_error(&error))
}

/// The authorities in a PEM file.
fn authority(file: &Path) -> Result<RootCertStore, InventoryError> {
    let wrong = |what: &dyn std::fmt::Display| {
        InventoryError::Address(format!("sslrootcert {}: {what}", file.display()))
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))? {
        let certificate = certificate.map_err(|error| wrong(&error))?;
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    if roots.is_empty() {
        return Err(wrong(&"it holds no certificate"));
    }
    Ok(roots)
}
