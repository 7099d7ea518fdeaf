//! The certificates that the platform trusts: its own store, or the files where systems keep them.
//!
//! Reads no environment. That is why it knows the places itself on the systems where reading C's
//! environment is a race with whoever changes it: the crates that know them look there too.

use rustls_native_certs as native;
use tokio_rustls::rustls::pki_types::CertificateDer;

/// The first that exists is read.
#[cfg(all(unix, not(target_os = "macos")))]
const FILES: [&str; 8] = [
    "/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Gentoo, Arch
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, Red Hat 7 and newer
    "/etc/pki/tls/certs/ca-bundle.crt",   // Red Hat 6
    "/etc/ssl/ca-bundle.pem",             // SUSE
    "/etc/ssl/cert.pem",                  // Alpine, OpenBSD
    "/usr/local/etc/ssl/cert.pem",        // FreeBSD
    "/etc/openssl/certs/ca-certificates.crt", // NetBSD
    "/etc/certs/ca-certificates.crt",     // Solaris
];

/// All that exist are read.
#[cfg(all(unix, not(target_os = "macos")))]
const DIRECTORIES: [&str; 4] =
    ["/etc/ssl/certs", "/etc/pki/tls/certs", "/usr/local/share/certs", "/etc/openssl/certs"];

#[cfg(all(unix, not(target_os = "macos")))]
pub(super) fn certificates() -> Vec<CertificateDer<'static>> {
    use std::path::Path;

    let mut file = FILES.iter().map(Path::new).find(|file| file.exists());
    let mut certificates = Vec::new();
    for directory in DIRECTORIES.iter().map(Path::new).filter(|directory| directory.exists()) {
        // Together with a directory, so that it is not read twice where it lies in it.
        certificates.extend(native::load_certs_from_paths(file.take(), Some(directory)).certs);
    }
    certificates.extend(native::load_certs_from_paths(file, None).certs);
    certificates.sort_unstable_by(|a, b| a.as_ref().cmp(b.as_ref()));
    certificates.dedup();
    certificates
}

/// macOS and Windows keep their environment under a lock, so what the crate reads of it is whole.
#[cfg(not(all(unix, not(target_os = "macos"))))]
pub(super) fn certificates() -> Vec<CertificateDer<'static>> {
    native::load_native_certs().certs
}
