//! What the caller may say about TLS, and what the environment said when the caller was asked.
//!
//! Knows nothing of rustls, reads no file and no environment.

use std::path::PathBuf;

/// What TLS checks and shows; a set of options that is equal shares its sessions.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TlsOptions {
    /// Certificates to trust in place of the platform's, as a PEM file.
    pub ca_file: Option<PathBuf>,
    /// The same as bytes, PEM or one DER certificate; added to those of `ca_file`.
    pub ca_data: Option<Vec<u8>>,
    /// The client's certificate chain, PEM; its key too, unless `key_file` is given.
    pub cert_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    /// Whether certificate and host name are checked at all.
    pub verify: bool,
    /// The oldest version to speak; 1.2 unless given.
    pub min_version: Option<TlsVersion>,
    pub environment: Environment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsVersion {
    Tls12,
    Tls13,
}

/// What the variables say that OpenSSL reads too, so that a program that moves to this package keeps its
/// set-up. Who holds the GIL reads them: C's environment may change under everybody else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Environment {
    /// `SSL_CERT_FILE`: certificates to trust, PEM.
    pub cert_file: Option<PathBuf>,
    /// `SSL_CERT_DIR`: directories of such files.
    pub cert_dirs: Vec<PathBuf>,
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self {
            ca_file: None,
            ca_data: None,
            cert_file: None,
            key_file: None,
            verify: true,
            min_version: None,
            environment: Environment::default(),
        }
    }
}

impl std::fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsOptions")
            .field("ca_file", &self.ca_file)
            .field("ca_data", &self.ca_data.as_ref().map(Vec::len))
            .field("cert_file", &self.cert_file)
            .field("key_file", &self.key_file)
            .field("verify", &self.verify)
            .field("min_version", &self.min_version)
            .field("environment", &self.environment)
            .finish()
    }
}
