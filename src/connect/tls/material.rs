//! Certificates and keys as files and bytes give them: PEM, or DER for bytes.

use std::fs;
use std::path::Path;

use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsOptions;
use super::failure::{unreadable, unusable};
use crate::connect::error::OpenError;

pub(super) type ClientCertificate = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

pub(super) fn client_certificate(
    options: &TlsOptions,
) -> Result<Option<ClientCertificate>, OpenError> {
    let Some(cert_file) = &options.cert_file else {
        return match options.key_file {
            Some(_) => Err(OpenError::argument("key_file is given without cert_file")),
            None => Ok(None),
        };
    };
    let chain = certificates_of_file("cert_file", cert_file)?;
    let key = match &options.key_file {
        Some(key_file) => private_key("key_file", key_file)?,
        None => private_key("cert_file", cert_file)?,
    };
    Ok(Some((chain, key)))
}

pub(super) fn certificates_of_file(
    option: &str,
    file: &Path,
) -> Result<Vec<CertificateDer<'static>>, OpenError> {
    certificates(&format!("{option} {}", file.display()), &read(option, file)?)
}

pub(super) fn certificates_of_data(data: &[u8]) -> Result<Vec<CertificateDer<'static>>, OpenError> {
    if is_pem(data) {
        return certificates("ca_data", data);
    }
    Ok(vec![CertificateDer::from(data.to_vec())])
}

fn is_pem(data: &[u8]) -> bool {
    let boundary = b"-----BEGIN ";
    data.windows(boundary.len()).any(|window| window == boundary)
}

fn certificates(source: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, OpenError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(unusable(format!("{source} has no certificate in PEM form"))),
        Err(error) => Err(unusable(format!("{source} is not valid PEM: {}", fault(&error)))),
    }
}

fn private_key(option: &str, file: &Path) -> Result<PrivateKeyDer<'static>, OpenError> {
    let pem = read(option, file)?;
    let source = format!("{option} {}", file.display());
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| match error {
        PemError::NoItemsFound if is_encrypted(&pem) => unusable(format!(
            "{source} holds an encrypted private key; decrypt it first, there is no way to pass \
             the password"
        )),
        PemError::NoItemsFound => unusable(format!("{source} has no private key in PEM form")),
        error => unusable(format!("{source} is not valid PEM: {}", fault(&error))),
    })
}

fn is_encrypted(pem: &[u8]) -> bool {
    let label = b"ENCRYPTED";
    pem.windows(label.len()).any(|window| window == label)
}

fn read(option: &str, file: &Path) -> Result<Vec<u8>, OpenError> {
    fs::read(file).map_err(|error| unreadable(&format!("{option} {}", file.display()), &error))
}

/// Without the text around it: a key file in the wrong place must not end up in a message.
fn fault(error: &PemError) -> &'static str {
    match error {
        PemError::MissingSectionEnd { .. } => "a section has no end",
        PemError::IllegalSectionStart { .. } => "a section starts with a broken line",
        PemError::Base64Decode(_) => "a section is not Base64",
        _ => "a section cannot be read",
    }
}
