//! An authority and a certificate of this run, and what rustls needs to show it.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, Error, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;

pub struct Made {
    /// The authority's certificate, as PEM.
    pub ca: String,
    pub config: Arc<ServerConfig>,
}

pub fn make() -> Result<Made, Box<dyn std::error::Error + Send + Sync>> {
    let ca_key = KeyPair::generate()?;
    let ca_params = authority();
    let ca = ca_params.self_signed(&ca_key)?.pem();
    let key = KeyPair::generate()?;
    let certificate = server()?.signed_by(&key, &Issuer::new(ca_params, ca_key))?;
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    Ok(Made { ca, config: Arc::new(config(certificate.der().clone(), key)?) })
}

/// With the extensions that strict verifiers ask for.
fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "benchmark authority");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn server() -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(["localhost".into(), "127.0.0.1".into()])?;
    params.distinguished_name.push(DnType::CommonName, "localhost");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// TLS 1.2 and 1.3, with tickets: the server keeps nothing of a session that may be resumed.
fn config(
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    config.ticketer = ring::Ticketer::new()?;
    Ok(config)
}
