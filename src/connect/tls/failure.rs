//! What went wrong with TLS, in words for somebody who has never read a TLS alert.

use std::io;

use tokio_rustls::rustls::pki_types::{ServerName, UnixTime};
use tokio_rustls::rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

use super::verifier::is_use_of_an_authority;
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
        Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            "the server does not know the name it was asked for".to_owned()
        }
        Error::AlertReceived(alert) => format!("the server sent the alert {alert:?}"),
        other => other.to_string(),
    };
    OpenError::new(OpenErrorKind::Tls, format!("TLS with {address} failed: {sentence}"))
}

fn of_certificate(name: &ServerName<'_>, error: &CertificateError) -> String {
    let name = name.to_str();
    match error {
        CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
            format!("is not valid for the name {name}, but for {}", names(presented))
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("is not valid for the name {name}")
        }
        CertificateError::UnknownIssuer => "is signed by an unknown authority; pass \
            TLSConfig(ca_file=...) to trust a private one"
            .to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("expired on {}", date(*not_after))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("is not valid before {}", date(*not_before))
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "is not meant for servers".to_owned()
        }
        CertificateError::BadSignature => {
            "carries a signature that no trusted authority made".to_owned()
        }
        other if is_use_of_an_authority(other) => "is a certificate authority's, as self-signed \
            ones often are; pass it as TLSConfig(ca_file=...) to trust it"
            .to_owned(),
        CertificateError::Other(fault) => match fault.0.to_string().as_str() {
            "UnsupportedCertVersion" => "is not of X.509 version 3".to_owned(),
            fault => format!("cannot be accepted: {fault}"),
        },
        other => format!("cannot be accepted: {other}"),
    }
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;

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
