//! Who checks the server's certificate, through rustls's `dangerous` door. webpki judges chain, dates,
//! purpose and name, and checks every handshake signature; nothing that it refuses is taken but in these
//! cases.
//!
//! `ByNameOrAuthority`: a chain whose policies are critical is judged by webpki once they are understood
//! (`policies`). Where trust was given by name, one verdict is overruled, that nobody vouches for
//! a certificate (unknown issuer, or an authority's used by a server) which is, byte for byte, one of
//! those named. Its dates have been checked by then; its host name is checked here, with rustls's own
//! function. What is left unchecked for such a certificate is its extended key usage. Without this door
//! a self-signed `openssl req -x509` certificate cannot be trusted at all: webpki calls it
//! `CaUsedAsEndEntity`, whatever the trust anchors are.
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
use super::failure::{unusable, webpkis};
use super::{policies, trust};
use crate::connect::error::OpenError;

pub(super) fn with_verifier(
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
    options: &TlsOptions,
    provider: &Arc<CryptoProvider>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, OpenError> {
    let verifier: Arc<dyn ServerCertVerifier> = if options.verify {
        let trust = trust::load(options)?;
        Arc::new(ByNameOrAuthority::new(Arc::new(trust.roots), trust.named, provider)?)
    } else {
        Arc::new(Unverified {
            schemes: provider.signature_verification_algorithms.supported_schemes(),
        })
    };
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier))
}

/// Accepts what an authority vouches for, critical policies too, and besides the very certificates that the
/// caller named, as OpenSSL does and as every guide expects that tells to put a self-signed one into
/// `ca_file`.
#[derive(Debug)]
struct ByNameOrAuthority {
    rustls: Arc<WebPkiServerVerifier>,
    roots: Arc<RootCertStore>,
    named: Vec<CertificateDer<'static>>,
}

impl ByNameOrAuthority {
    fn new(
        roots: Arc<RootCertStore>,
        named: Vec<CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, OpenError> {
        let rustls =
            WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(provider))
                .build()
                .map_err(|error| {
                    unusable(format!("the trusted certificates cannot be used: {error}"))
                })?;
        Ok(Self { rustls, roots, named })
    }
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
        let verdict = self.rustls.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        let verdict = verdict.map(drop).or_else(|refusal| {
            policies::verdict(&self.roots, end_entity, intermediates, server_name, now)
                .unwrap_or(Err(refusal))
        });
        match verdict {
            Err(error) if is_about_the_issuer(&error) && self.named.contains(end_entity) => {
                let end_entity = policies::understood(end_entity);
                verify_server_name(&ParsedCertificate::try_from(&end_entity)?, server_name)?;
            }
            verdict => verdict?,
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.rustls.verify_tls12_signature(message, &policies::understood(cert), dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.rustls.verify_tls13_signature(message, &policies::understood(cert), dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.rustls.supported_verify_schemes()
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

fn is_use_of_an_authority(error: &CertificateError) -> bool {
    matches!(webpkis(error), Some(webpki::Error::CaUsedAsEndEntity))
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
