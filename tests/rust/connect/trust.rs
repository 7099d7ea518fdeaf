//! Which certificates are accepted, and what is said of the others.

use aiowebsocket::connect::{Environment, OpenError, OpenErrorKind, TlsChoice, TlsOptions};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, date_time_ymd};
use tokio_rustls::rustls::version::{TLS12, TLS13};

use crate::certificates::{Authority, File, Identity, shake_hands, tls_peer};
use crate::peer::{accept, opened, options};

fn trusting(pem: &str) -> TlsOptions {
    TlsOptions { ca_data: Some(pem.as_bytes().to_vec()), ..TlsOptions::default() }
}

/// Opens a connection to a server that shows this certificate.
fn shown(identity: &Identity, host: &str, tls: TlsOptions) -> Result<(), OpenError> {
    shown_as(identity, host, tls, None)
}

fn shown_as(
    identity: &Identity,
    host: &str,
    tls: TlsOptions,
    server_hostname: Option<&str>,
) -> Result<(), OpenError> {
    let peer = tls_peer(identity.server(), |mut stream| {
        while stream.conn.is_handshaking() {
            if stream.conn.complete_io(&mut stream.sock).is_err() {
                return;
            }
        }
        accept(&mut stream);
    });
    let mut options = options(&format!("wss://{host}:{}/", peer.address.port()));
    options.tls = TlsChoice::On(tls);
    options.server_hostname = server_hostname.map(str::to_owned);
    opened(options).map(drop)
}

fn refused(identity: &Identity, host: &str, tls: TlsOptions) -> String {
    let error = shown(identity, host, tls).unwrap_err();
    assert_eq!(error.kind, OpenErrorKind::Certificate, "{error}");
    error.message
}

#[test]
fn the_authority_may_come_as_a_file_or_as_bytes_of_either_form() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = authority.issue(&["localhost"], |_| {});
    let pem = authority.certificate.pem();
    let file = File::new(format!("a comment\n{}{pem}", other.certificate.pem()));
    let from_file = TlsOptions { ca_file: Some(file.0.clone()), ..TlsOptions::default() };
    let der =
        TlsOptions { ca_data: Some(authority.certificate.der().to_vec()), ..TlsOptions::default() };
    let both =
        TlsOptions { ca_file: from_file.ca_file.clone(), ..trusting(&other.certificate.pem()) };
    for tls in [from_file, trusting(&pem), der, both] {
        assert_eq!(shown(&server, "localhost", tls), Ok(()));
    }
}

#[test]
fn a_certificate_that_is_not_good_is_refused_in_plain_words() {
    let authority = Authority::new();
    let tls = trusting(&authority.certificate.pem());
    let expired = authority.issue(&["localhost"], |params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2024, 2, 29);
    });
    let early = authority.issue(&["localhost"], |params| {
        params.not_before = date_time_ymd(2190, 1, 1);
        params.not_after = date_time_ymd(2191, 1, 1);
    });
    let elsewhere = authority.issue(&["a.example", "10.0.0.1"], |_| {});
    let for_clients = authority.issue(&["localhost"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let namesake = Authority::new().issue(&["localhost"], |_| {});
    let unknown = Authority::named("another").issue(&["localhost"], |_| {});
    let rows = [
        (&expired, "expired on 2024-02-29"),
        (&early, "is not valid before 2190-01-01"),
        (&elsewhere, "is not valid for the name localhost, but for a.example, 10.0.0.1"),
        (&for_clients, "is not meant for servers"),
        (
            &namesake,
            "rests on a signature that no trusted authority made, or one by an RSA key of less \
             than 2048 bits",
        ),
        (
            &unknown,
            "is signed by an unknown authority; pass TLSConfig(ca_file=...) to trust a private one",
        ),
    ];
    for (identity, expected) in rows {
        let message = refused(identity, "localhost", tls.clone());
        assert!(message.starts_with("the certificate of localhost:"), "{message}");
        assert!(message.ends_with(expected), "{message}");
    }
}

#[test]
fn the_platform_trusts_no_authority_of_a_test() {
    let server = Authority::new().issue(&["localhost"], |_| {});
    let message = refused(&server, "localhost", TlsOptions::default());
    assert!(message.contains("unknown authority"), "{message}");
}

#[test]
fn an_address_needs_a_certificate_for_that_address() {
    let authority = Authority::new();
    let tls = trusting(&authority.certificate.pem());
    let right = authority.issue(&["127.0.0.1"], |_| {});
    let wrong = authority.issue(&["localhost", "127.0.0.2"], |_| {});
    assert_eq!(shown(&right, "127.0.0.1", tls.clone()), Ok(()));
    let message = refused(&wrong, "127.0.0.1", tls);
    assert!(message.contains("not valid for the name 127.0.0.1"), "{message}");
}

#[test]
fn server_hostname_is_checked_in_place_of_the_host() {
    let authority = Authority::new();
    let tls = trusting(&authority.certificate.pem());
    let server = authority.issue(&["service.example", "::1"], |_| {});
    for name in ["service.example", "SERVICE.example", "::1"] {
        assert_eq!(shown_as(&server, "localhost", tls.clone(), Some(name)), Ok(()), "{name}");
    }
    let error = shown_as(&server, "localhost", tls, Some("other.example")).unwrap_err();
    assert_eq!(error.kind, OpenErrorKind::Certificate);
}

#[test]
fn a_self_signed_certificate_is_trusted_when_it_is_named_and_for_its_names_only() {
    let server = Identity::self_signed(&["localhost"]);
    let itself = trusting(&server.certificate.pem());
    assert_eq!(shown(&server, "localhost", itself.clone()), Ok(()));

    let message = refused(&server, "127.0.0.1", itself.clone());
    assert!(message.contains("not valid for the name 127.0.0.1"), "{message}");
    let impostor = Identity::self_signed(&["localhost"]);
    let message = refused(&impostor, "localhost", itself);
    assert!(message.contains("pass it as TLSConfig(ca_file=...)"), "{message}");
}

#[test]
fn a_named_certificate_counts_only_while_it_is_valid() {
    let past = |params: &mut CertificateParams| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2024, 2, 29);
    };
    let future = |params: &mut CertificateParams| {
        params.not_before = date_time_ymd(2190, 1, 1);
        params.not_after = date_time_ymd(2191, 1, 1);
    };
    let rows = [
        (Authority::new().issue(&["localhost"], past), "expired on 2024-02-29"),
        (Identity::self_signed_as(&["localhost"], past), "expired on 2024-02-29"),
        (Identity::self_signed_as(&["localhost"], future), "is not valid before 2190-01-01"),
    ];
    for (identity, expected) in rows {
        let itself = trusting(&identity.certificate.pem());
        let message = refused(&identity, "localhost", itself);
        assert!(message.ends_with(expected), "{message}");
    }
}

#[test]
fn a_named_certificate_counts_only_for_who_has_its_key() {
    let named = Identity::self_signed(&["localhost"]);
    let thief = Identity { certificate: named.certificate.clone(), ..Identity::self_signed(&[]) };
    for version in [&TLS12, &TLS13] {
        let peer = tls_peer(thief.server_without_the_key(version), |mut stream| {
            shake_hands(&mut stream);
        });
        let mut options = options(&format!("wss://localhost:{}/", peer.address.port()));
        options.tls = TlsChoice::On(trusting(&named.certificate.pem()));
        let error = opened(options).unwrap_err();
        assert_eq!(error.kind, OpenErrorKind::Certificate, "{error}");
    }
}

#[test]
fn a_named_certificate_needs_no_authority() {
    let server = Authority::new().issue(&["localhost"], |_| {});
    assert_eq!(shown(&server, "localhost", trusting(&server.certificate.pem())), Ok(()));
}

#[test]
fn without_verification_every_certificate_will_do() {
    let unverified = TlsOptions { verify: false, ..TlsOptions::default() };
    let server = Identity::self_signed(&["other.example"]);
    assert_eq!(shown(&server, "localhost", unverified), Ok(()));
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let text = File::new("not a certificate");
    let broken = File::new("-----BEGIN CERTIFICATE-----\n!secret!\n-----END CERTIFICATE-----\n");
    let identity = Identity::self_signed(&["localhost"]);
    let certificate = File::new(identity.certificate.pem());
    let foreign_key = File::new(Identity::self_signed(&["a"]).key.serialize_pem());
    let encrypted = File::new(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let ca_file =
        |file: &File| TlsOptions { ca_file: Some(file.0.clone()), ..TlsOptions::default() };
    let client = |key_file: Option<&File>| TlsOptions {
        cert_file: Some(certificate.0.clone()),
        key_file: key_file.map(|file| file.0.clone()),
        ..TlsOptions::default()
    };
    let missing = TlsOptions { ca_file: Some("missing.pem".into()), ..TlsOptions::default() };
    let rows = [
        (missing, "ca_file missing.pem cannot be read: No such file or directory"),
        (ca_file(&text), "has no certificate in PEM form"),
        (ca_file(&broken), "is not valid PEM: a section is not Base64"),
        (client(None), "has no private key in PEM form"),
        (client(Some(&encrypted)), "holds an encrypted private key"),
        (client(Some(&foreign_key)), "the client certificate and its key do not work"),
    ];
    for (tls, expected) in rows {
        let mut options = options("wss://127.0.0.1:9/");
        options.tls = TlsChoice::On(tls);
        let error = opened(options).unwrap_err();
        assert_eq!(error.kind, OpenErrorKind::Tls, "{error}");
        assert!(error.message.contains(expected), "{error}");
        assert!(!error.message.contains("secret"), "{error}");
    }
}

fn in_environment(environment: Environment) -> TlsOptions {
    TlsOptions { environment, ..TlsOptions::default() }
}

#[test]
fn the_environment_names_the_trusted_certificates() {
    let authority = Authority::new();
    let server = authority.issue(&["localhost"], |_| {});
    let file = File::new(authority.certificate.pem());
    let cert_file = Environment { cert_file: Some(file.0.clone()), ..Environment::default() };
    assert_eq!(shown(&server, "localhost", in_environment(cert_file)), Ok(()));

    let directory = std::env::temp_dir().join(format!("aiowebsocket-test-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::copy(&file.0, directory.join("0a1b2c3d.0")).unwrap();
    let cert_dirs = vec!["missing".into(), directory.clone()];
    let environment = Environment { cert_dirs, ..Environment::default() };
    let outcome = shown(&server, "localhost", in_environment(environment));
    std::fs::remove_dir_all(&directory).unwrap();
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_store_that_the_environment_names_in_vain_is_an_error() {
    let rows = [
        (
            Environment { cert_file: Some("missing.pem".into()), ..Environment::default() },
            "SSL_CERT_FILE missing.pem cannot be read: No such file",
        ),
        (
            Environment { cert_dirs: vec!["missing".into()], ..Environment::default() },
            "SSL_CERT_FILE and SSL_CERT_DIR hold no usable certificate",
        ),
    ];
    for (environment, expected) in rows {
        let mut options = options("wss://127.0.0.1:9/");
        options.tls = TlsChoice::On(in_environment(environment));
        let error = opened(options).unwrap_err();
        assert_eq!(error.kind, OpenErrorKind::Tls, "{error}");
        assert!(error.message.contains(expected), "{error}");
    }
}
