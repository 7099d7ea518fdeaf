//! Certificates made for a test, and a TLS server that shows one.

use std::io::Read;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::crypto::ring::sign::any_supported_type;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
};

use crate::peer::Peer;

pub(crate) struct Authority {
    pub(crate) certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

pub(crate) struct Identity {
    pub(crate) certificate: Certificate,
    pub(crate) key: KeyPair,
}

pub(crate) type TlsStream = StreamOwned<ServerConnection, TcpStream>;

impl Authority {
    pub(crate) fn new() -> Self {
        Self::named("test authority")
    }

    pub(crate) fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn issue(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let mut params = CertificateParams::new(strings(names)).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Identity { certificate: params.signed_by(&key, &self.issuer).unwrap(), key }
    }

    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        roots
    }
}

impl Identity {
    /// As `openssl req -x509` makes it: its own authority.
    pub(crate) fn self_signed(names: &[&str]) -> Self {
        Self::self_signed_as(names, |_| {})
    }

    pub(crate) fn self_signed_as(
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let mut params = CertificateParams::new(strings(names)).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Self { certificate: params.self_signed(&key).unwrap(), key }
    }

    pub(crate) fn server(&self) -> ServerConfig {
        self.server_with(None, &[])
    }

    /// With client certificates of this authority required, and only these versions spoken.
    pub(crate) fn server_with(
        &self,
        clients: Option<&Authority>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ServerConfig {
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = match versions {
            [] => builder.with_safe_default_protocol_versions().unwrap(),
            versions => builder.with_protocol_versions(versions).unwrap(),
        };
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let roots = Arc::new(authority.roots());
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        builder.with_single_cert(vec![self.der()], self.private_key()).unwrap()
    }

    /// What somebody can do who has only the certificate: show it, and sign with a key of their own.
    pub(crate) fn server_without_the_key(
        &self,
        version: &'static SupportedProtocolVersion,
    ) -> ServerConfig {
        let key = any_supported_type(&self.private_key()).unwrap();
        let shown = SingleCertAndKey::from(CertifiedKey::new(vec![self.der()], key));
        ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(shown))
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.certificate.der().clone()
    }

    fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A peer that speaks TLS; the script gets the stream before the handshake has begun.
pub(crate) fn tls_peer<T: Send + 'static>(
    config: ServerConfig,
    script: impl FnOnce(TlsStream) -> T + Send + 'static,
) -> Peer<T> {
    tls_peer_sharing(&Arc::new(config), script)
}

pub(crate) fn tls_peer_sharing<T: Send + 'static>(
    config: &Arc<ServerConfig>,
    script: impl FnOnce(TlsStream) -> T + Send + 'static,
) -> Peer<T> {
    let connection = ServerConnection::new(Arc::clone(config)).unwrap();
    Peer::start(move |socket| script(StreamOwned::new(connection, socket)))
}

/// Goes through the handshake, however it ends.
pub(crate) fn shake_hands(stream: &mut TlsStream) {
    let _ = stream.read(&mut [0; 1024]);
}

/// A file that is gone when the test is over.
pub(crate) struct File(pub(crate) PathBuf);

impl File {
    pub(crate) fn new(contents: impl AsRef<[u8]>) -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("aiowebsocket-test-{}-{number}.pem", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, contents).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
