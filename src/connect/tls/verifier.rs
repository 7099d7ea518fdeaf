//! Who checks the server's certificate. The only place that uses rustls's `dangerous` door, for two
//! cases; everybody else gets rustls's own verifier and nothing around it.
//!
//! `ByNameOrAuthority`, where trust was given by name: rustls's verifier judges chain, dates, purpose
//! and name, and checks every handshake signature. One verdict of its is overruled: that nobody
//! vouches for a certificate (unknown issuer, or an authority's used by a server) which is, byte for
//! byte, one of those named. Its dates have been checked by then; its host name is checked here, with
//! rustls's own function. What is left unchecked for such a certificate is its extended key usage.
//! Without this door a self-signed `openssl req -x509` certificate cannot be trusted at all: webpki
//! calls it `CaUsedAsEndEntity`, whatever the trust anchors are.
//!
//! `Unverified`, where `verify=False` was asked for by name: nothing is checked.

use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::{WantsClientCert, WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme, WantsVerifier,
};

use super::TlsOptions;
use super::failure::unusable;
use super::trust;
use crate::connect::error::OpenError;

pub(super) fn with_verifier(
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
    options: &TlsOptions,
    provider: &Arc<CryptoProvider>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, OpenError> {
    let verifier: Arc<dyn ServerCertVerifier> = if options.verify {
        let trust = trust::load(options)?;
        let authorities = by_authorities(trust.roots, provider)?;
        if trust.named.is_empty() {
            return Ok(builder.with_webpki_verifier(authorities));
        }
        Arc::new(ByNameOrAuthority { authorities, named: trust.named })
    } else {
        Arc::new(Unverified {
            schemes: provider.signature_verification_algorithms.supported_schemes(),
        })
    };
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier))
}

fn by_authorities(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, OpenError> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| unusable(format!("the trusted certificates cannot be used: {error}")))
}

/// Accepts what rustls accepts, and besides the very certificates the caller named, as OpenSSL does
/// and as every guide expects that tells to put a self-signed one into `ca_file`.
#[derive(Debug)]
struct ByNameOrAuthority {
    authorities: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for ByNameOrAuthority {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self.authorities.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verdict {
            Err(error) if is_about_the_issuer(&error) && self.named.contains(end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

/// These two faults are found after the dates are checked, so only the name is left to check.
fn is_about_the_issuer(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
        Error::InvalidCertificate(other) => is_use_of_an_authority(other),
        _ => false,
    }
}

/// rustls gives webpki's `CaUsedAsEndEntity` no name of its own.
pub(super) fn is_use_of_an_authority(error: &CertificateError) -> bool {
    match error {
        CertificateError::Other(other) => other.to_string().contains("CaUsedAsEndEntity"),
        _ => false,
    }
}

/// `TlsOptions { verify: false }`: accepts every certificate, and so tells nothing about who the
/// server is. A signature by a key that nobody vouches for proves nothing either.
#[derive(Debug)]
struct Unverified {
    schemes: Vec<SignatureScheme>,
}

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}
