//! Whose signature on a server's certificate counts: the certificates the caller names, else those
//! the environment names, else the platform's, else Mozilla's as compiled in.

use rustls_native_certs::{ErrorKind, load_certs_from_paths};
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::failure::{unreadable, unusable};
use super::material::{certificates_of_data, certificates_of_file};
use super::{Environment, TlsOptions, installed};
use crate::connect::error::OpenError;

pub(super) struct Trust {
    pub(super) roots: RootCertStore,
    /// Those that somebody named, and did not just find installed.
    pub(super) named: Vec<CertificateDer<'static>>,
}

pub(super) fn load(options: &TlsOptions) -> Result<Trust, OpenError> {
    if options.ca_file.is_some() || options.ca_data.is_some() {
        return named("ca_file and ca_data", given(options)?);
    }
    match named_by(&options.environment)? {
        Some(certificates) => named("SSL_CERT_FILE and SSL_CERT_DIR", certificates),
        None => Ok(Trust { roots: installed(), named: Vec::new() }),
    }
}

fn given(options: &TlsOptions) -> Result<Vec<CertificateDer<'static>>, OpenError> {
    let mut certificates = Vec::new();
    if let Some(file) = &options.ca_file {
        certificates.extend(certificates_of_file("ca_file", file)?);
    }
    if let Some(data) = &options.ca_data {
        certificates.extend(certificates_of_data(data)?);
    }
    Ok(certificates)
}

fn named(source: &str, certificates: Vec<CertificateDer<'static>>) -> Result<Trust, OpenError> {
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(certificates.iter().cloned());
    if usable == 0 {
        return Err(unusable(format!("{source} hold no usable certificate")));
    }
    Ok(Trust { roots, named: certificates })
}

/// A store that is named but cannot be read is an error: to trust another one in its place would
/// hide the mistake, and whoever named it may have meant to trust less.
fn named_by(environment: &Environment) -> Result<Option<Vec<CertificateDer<'static>>>, OpenError> {
    if *environment == Environment::default() {
        return Ok(None);
    }
    let mut certificates = Vec::new();
    if let Some(file) = &environment.cert_file {
        let loaded = load_certs_from_paths(Some(file), None);
        if let Some(ErrorKind::Io { inner, .. }) = loaded.errors.first().map(|e| &e.kind) {
            return Err(unreadable(&format!("SSL_CERT_FILE {}", file.display()), inner));
        }
        certificates.extend(loaded.certs);
    }
    for directory in &environment.cert_dirs {
        certificates.extend(load_certs_from_paths(None, Some(directory)).certs);
    }
    Ok(Some(certificates))
}

fn installed() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(installed::certificates());
    if usable == 0 {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}
