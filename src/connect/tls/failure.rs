//! What went wrong with TLS, in words for somebody who has never read a TLS alert.

use std::fmt::Debug;
use std::io;

use tokio_rustls::rustls::pki_types::{ServerName, UnixTime};
use tokio_rustls::rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

use super::der::{Der, Element};
use crate::connect::error::{OpenError, OpenErrorKind, fault};

/// A file or certificate of the caller's that cannot be used.
pub(super) fn unusable(sentence: String) -> OpenError {
    OpenError::new(OpenErrorKind::Tls, sentence)
}

pub(super) fn unreadable(source: &str, error: &io::Error) -> OpenError {
    let sentence = format!("{source} cannot be read: {}", fault(error));
    OpenError::from_io(OpenErrorKind::Tls, sentence, error)
}

pub(super) fn of_handshake(address: &str, name: &ServerName<'_>, error: &io::Error) -> OpenError {
    match tls_error(error) {
        Some(Error::InvalidCertificate(certificate)) => {
            let sentence =
                format!("the certificate of {address} {}", of_certificate(name, certificate));
            OpenError::new(OpenErrorKind::Certificate, sentence)
        }
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            let sentence = format!("{address} did not answer in TLS; its URI may have to be ws://");
            OpenError::new(OpenErrorKind::Tls, sentence)
        }
        Some(other) => of_tls(address, other),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            let sentence = format!("{address} closed the connection during the TLS handshake");
            OpenError::new(OpenErrorKind::Tls, sentence)
        }
        None => {
            let sentence = format!("the TLS handshake with {address} failed: {}", fault(error));
            OpenError::from_io(OpenErrorKind::Tls, sentence, error)
        }
    }
}

/// A fault of TLS that comes up once the handshake is over on our side: with TLS 1.3 a server that
/// refuses the client's certificate says so only then.
pub(in crate::connect) fn of_io(address: &str, error: &io::Error) -> Option<OpenError> {
    tls_error(error).map(|error| of_tls(address, error))
}

fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

fn of_tls(address: &str, error: &Error) -> OpenError {
    let sentence = match error {
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the server asks for a client certificate; pass TLSConfig(cert_file=...)".to_owned()
        }
        Error::AlertReceived(AlertDescription::ProtocolVersion) | Error::PeerIncompatible(_) => {
            "the server speaks no version of TLS or cipher suite that is allowed here".to_owned()
        }
        Error::AlertReceived(
            AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity,
        ) => "the server takes no cipher suite of those offered: TLS 1.3, and TLS 1.2 with ECDHE and \
            AES-GCM or ChaCha20-Poly1305"
            .to_owned(),
        Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            "the server does not know the name it was asked for".to_owned()
        }
        Error::AlertReceived(AlertDescription::NoApplicationProtocol)
        | Error::NoApplicationProtocol => "the server does not speak HTTP/1.1 here".to_owned(),
        Error::AlertReceived(alert) => {
            format!("the server sent the alert {} ({})", in_words(alert), u8::from(*alert))
        }
        Error::NoCertificatesPresented => "the server shows no certificate".to_owned(),
        Error::PeerMisbehaved(fault) => {
            format!("the server breaks the rules of TLS: {}", in_words(fault))
        }
        Error::InvalidMessage(fault) => {
            format!("the server sent a message that cannot be read: {}", in_words(fault))
        }
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "the server sent a message out of turn".to_owned()
        }
        Error::DecryptError => "a record cannot be decrypted".to_owned(),
        other => in_words(other),
    };
    OpenError::new(OpenErrorKind::Tls, format!("TLS with {address} failed: {sentence}"))
}

pub(super) fn of_client_certificate(error: &Error) -> OpenError {
    let fault = match error {
        Error::InconsistentKeys(_) => "the certificate is not for this key",
        Error::InvalidCertificate(_) => "the certificate cannot be read",
        _ => {
            "the key is of none of the kinds that are supported: RSA of 2048 bits and more, ECDSA on \
             P-256 and P-384, Ed25519"
        }
    };
    unusable(format!("the client certificate and its key do not work: {fault}"))
}

/// The name that rustls gives a fault, as words: `NoKxGroupsInCommon` is "no kx groups in common".
fn in_words(fault: &impl Debug) -> String {
    let name = format!("{fault:?}");
    let name = name.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let mut words = String::new();
    let mut before = 'A';
    for letter in name.chars() {
        if letter.is_uppercase() && !before.is_uppercase() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
        before = letter;
    }
    words
}

/// What follows "the certificate of example.org:443". It may be about an authority's above it: webpki
/// does not say whose certificate a fault is in.
fn of_certificate(name: &ServerName<'_>, error: &CertificateError) -> String {
    let asked = name.to_str();
    match error {
        CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
            if presented.contains(&format!("DnsName({asked:?})")) {
                return format!(
                    "lists {asked} as a DNS name, but an address counts only as an IP address"
                );
            }
            format!("is not valid for the name {asked}, but for {}", names(presented))
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("is not valid for the name {asked}: it has no subject alternative name")
        }
        CertificateError::UnknownIssuer => "is signed by an unknown authority; pass \
            TLSConfig(ca_file=...) to trust a private one"
            .to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("expired on {}", date(*not_after))
        }
        CertificateError::Expired => "ends before it begins".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("is not valid before {}", date(*not_before))
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "is not meant for servers".to_owned()
        }
        CertificateError::BadSignature => "rests on a signature that no trusted authority made, \
            or one by an RSA key of less than 2048 bits"
            .to_owned(),
        CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id, ..
        } => {
            format!(
                "rests on a signature with {}, which is not accepted",
                algorithm(signature_algorithm_id)
            )
        }
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            public_key_algorithm_id,
            ..
        } => format!(
            "rests on a signature by a key of the kind {}, which is not accepted",
            algorithm(public_key_algorithm_id)
        ),
        CertificateError::BadEncoding => "is malformed".to_owned(),
        other => webpkis(other).map_or("cannot be accepted", of_webpki).to_owned(),
    }
}

fn of_webpki(fault: &webpki::Error) -> &'static str {
    match fault {
        webpki::Error::CaUsedAsEndEntity => {
            "is a certificate authority's, as self-signed ones often are; pass it as \
             TLSConfig(ca_file=...) to trust it"
        }
        webpki::Error::EndEntityUsedAsCa => "is signed by a certificate that is no authority's",
        webpki::Error::UnsupportedCertVersion => "is not of X.509 version 3",
        webpki::Error::UnsupportedCriticalExtension => {
            "has an extension that is marked critical and is not supported"
        }
        webpki::Error::NameConstraintViolation => {
            "is for a name that an authority above it may not vouch for"
        }
        webpki::Error::PathLenConstraintViolated | webpki::Error::MaximumPathDepthExceeded => {
            "has more authorities above it than are allowed"
        }
        webpki::Error::SignatureAlgorithmMismatch => "names two different signature algorithms",
        webpki::Error::EmptyEkuExtension => "is not meant for servers",
        webpki::Error::MaximumSignatureChecksExceeded
        | webpki::Error::MaximumPathBuildCallsExceeded
        | webpki::Error::MaximumNameConstraintComparisonsExceeded => "takes too long to check",
        // What is left is what cannot be read: names, constraints, extensions, numbers.
        _ => "is malformed",
    }
}

/// The usual name of an AlgorithmIdentifier, else its number.
fn algorithm(identifier: &[u8]) -> String {
    let numbers: Vec<String> =
        Der::new(identifier).filter(|part| part.tag == Der::IDENTIFIER).map(dotted).collect();
    // A key on a curve is of the curve's kind.
    let number = numbers.last().map_or("", String::as_str);
    let known = ALGORITHM_NAMES.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| format!("the algorithm {number}"), |(_, name)| (*name).to_owned())
}

const ALGORITHM_NAMES: [(&str, &str); 16] = [
    ("1.2.840.113549.1.1.2", "RSA and MD2"),
    ("1.2.840.113549.1.1.4", "RSA and MD5"),
    ("1.2.840.113549.1.1.5", "RSA and SHA-1"),
    ("1.2.840.113549.1.1.10", "RSASSA-PSS"),
    ("1.2.840.113549.1.1.14", "RSA and SHA-224"),
    ("1.2.840.10045.4.1", "ECDSA and SHA-1"),
    ("1.2.840.10045.4.3.1", "ECDSA and SHA-224"),
    ("1.2.840.10040.4.1", "DSA"),
    ("1.2.840.10040.4.3", "DSA and SHA-1"),
    ("2.16.840.1.101.3.4.3.2", "DSA and SHA-256"),
    ("1.3.101.113", "Ed448"),
    ("1.3.132.0.10", "secp256k1"),
    ("1.3.132.0.33", "secp224r1"),
    ("1.3.36.3.3.2.8.1.1.7", "brainpoolP256r1"),
    ("1.3.36.3.3.2.8.1.1.11", "brainpoolP384r1"),
    ("1.3.36.3.3.2.8.1.1.13", "brainpoolP512r1"),
];

/// An object identifier as people write it (X.690 8.19).
fn dotted(identifier: Element<'_>) -> String {
    let mut arcs: Vec<u64> = Vec::new();
    let mut arc = 0_u64;
    for byte in identifier.bytes() {
        arc = arc << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if arcs.is_empty() {
                let first = (arc / 40).min(2);
                arcs.push(first);
                arc -= first * 40;
            }
            arcs.push(arc);
            arc = 0;
        }
    }
    arcs.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

/// As rustls gives them: `DnsName("example.org")`, `IpAddress(127.0.0.1)`.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| match name.split_once('(') {
        Some((_, rest)) => rest.trim_end_matches(')').trim_matches('"').to_owned(),
        None => name.clone(),
    };
    presented.iter().take(5).map(bare).collect::<Vec<_>>().join(", ")
}

/// The civil date of a moment, after Howard Hinnant's `civil_from_days`: years start in March, so
/// that the leap day is the last of its year, and 400 years have 146,097 days.
fn date(time: UnixTime) -> String {
    let days = time.as_secs() / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Those of webpki's faults that rustls gives no name of its own.
pub(super) fn webpkis(error: &CertificateError) -> Option<&webpki::Error> {
    match error {
        CertificateError::Other(other) => other.0.downcast_ref(),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn names_of_faults_become_words() {
        assert_eq!(in_words(&AlertDescription::UnknownCA), "unknown ca");
        assert_eq!(in_words(&InvalidMessage::MissingData("Version")), "missing data");
    }

    #[test]
    fn algorithms_have_names_or_numbers() {
        let sha1_with_rsa = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5, 5, 0];
        let on_a_curve = [6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 5, 0x2b, 0x81, 4, 0, 10];
        let unknown = [6, 3, 0x88, 0x37, 3];
        assert_eq!(algorithm(&sha1_with_rsa), "RSA and SHA-1");
        assert_eq!(algorithm(&on_a_curve), "secp256k1");
        assert_eq!(algorithm(&unknown), "the algorithm 2.999.3");
    }

    #[test]
    fn moments_become_dates() {
        let rows = [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_767_225_599, "2025-12-31"),
            (4_107_542_400, "2100-03-01"),
        ];
        for (seconds, expected) in rows {
            assert_eq!(date(UnixTime::since_unix_epoch(Duration::from_secs(seconds))), expected);
        }
    }
}
