//! The signatures that count: on certificates, and of the handshake.
//!
//! ring has no P-521 and no ECDSA with SHA-512, which OpenSSL takes and private authorities use. Those
//! signatures are checked with the crates of RustCrypto. All that is done here is to check: everything
//! that goes in is public, and no key of ours is near.

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use sha2::{Digest, Sha256, Sha384, Sha512};
use tokio_rustls::rustls::SignatureScheme;
use tokio_rustls::rustls::crypto::WebPkiSupportedAlgorithms;
use tokio_rustls::rustls::pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};
use webpki::ring as by_ring;

type Algorithm = &'static dyn SignatureVerificationAlgorithm;

/// In TLS 1.2 the scheme says nothing of the curve, so each has those that its hash goes with.
pub(super) static ALGORITHMS: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[
        by_ring::ECDSA_P256_SHA256,
        by_ring::ECDSA_P256_SHA384,
        P256_SHA512,
        by_ring::ECDSA_P384_SHA256,
        by_ring::ECDSA_P384_SHA384,
        P384_SHA512,
        P521_SHA256,
        P521_SHA384,
        P521_SHA512,
        by_ring::ED25519,
        by_ring::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        by_ring::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
        by_ring::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
        by_ring::RSA_PKCS1_2048_8192_SHA256,
        by_ring::RSA_PKCS1_2048_8192_SHA384,
        by_ring::RSA_PKCS1_2048_8192_SHA512,
        by_ring::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
        by_ring::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
        by_ring::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    ],
    mapping: &[
        (
            SignatureScheme::ECDSA_NISTP384_SHA384,
            &[by_ring::ECDSA_P384_SHA384, by_ring::ECDSA_P256_SHA384, P521_SHA384],
        ),
        (
            SignatureScheme::ECDSA_NISTP256_SHA256,
            &[by_ring::ECDSA_P256_SHA256, by_ring::ECDSA_P384_SHA256, P521_SHA256],
        ),
        (SignatureScheme::ECDSA_NISTP521_SHA512, &[P521_SHA512, P384_SHA512, P256_SHA512]),
        (SignatureScheme::ED25519, &[by_ring::ED25519]),
        (SignatureScheme::RSA_PSS_SHA512, &[by_ring::RSA_PSS_2048_8192_SHA512_LEGACY_KEY]),
        (SignatureScheme::RSA_PSS_SHA384, &[by_ring::RSA_PSS_2048_8192_SHA384_LEGACY_KEY]),
        (SignatureScheme::RSA_PSS_SHA256, &[by_ring::RSA_PSS_2048_8192_SHA256_LEGACY_KEY]),
        (SignatureScheme::RSA_PKCS1_SHA512, &[by_ring::RSA_PKCS1_2048_8192_SHA512]),
        (SignatureScheme::RSA_PKCS1_SHA384, &[by_ring::RSA_PKCS1_2048_8192_SHA384]),
        (SignatureScheme::RSA_PKCS1_SHA256, &[by_ring::RSA_PKCS1_2048_8192_SHA256]),
    ],
};

static P256_SHA512: Algorithm = &Ecdsa {
    key: alg_id::ECDSA_P256,
    signature: alg_id::ECDSA_SHA512,
    is_good: |key, message, signature| p256_signed(key, &Sha512::digest(message), signature),
};
static P384_SHA512: Algorithm = &Ecdsa {
    key: alg_id::ECDSA_P384,
    signature: alg_id::ECDSA_SHA512,
    is_good: |key, message, signature| p384_signed(key, &Sha512::digest(message), signature),
};
static P521_SHA256: Algorithm = &Ecdsa {
    key: alg_id::ECDSA_P521,
    signature: alg_id::ECDSA_SHA256,
    is_good: |key, message, signature| p521_signed(key, &Sha256::digest(message), signature),
};
static P521_SHA384: Algorithm = &Ecdsa {
    key: alg_id::ECDSA_P521,
    signature: alg_id::ECDSA_SHA384,
    is_good: |key, message, signature| p521_signed(key, &Sha384::digest(message), signature),
};
static P521_SHA512: Algorithm = &Ecdsa {
    key: alg_id::ECDSA_P521,
    signature: alg_id::ECDSA_SHA512,
    is_good: |key, message, signature| p521_signed(key, &Sha512::digest(message), signature),
};

/// Of key, message and signature; None if they do not go together, or one of them is malformed.
type Check = fn(&[u8], &[u8], &[u8]) -> Option<()>;

/// ECDSA by RustCrypto, on one curve with one hash.
#[derive(Debug)]
struct Ecdsa {
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    is_good: Check,
}

impl SignatureVerificationAlgorithm for Ecdsa {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }

    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        (self.is_good)(public_key, message, signature).ok_or(InvalidSignature)
    }
}

fn p256_signed(key: &[u8], digest: &[u8], signature: &[u8]) -> Option<()> {
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
    let signature = p256::ecdsa::Signature::from_der(signature).ok()?;
    key.verify_prehash(digest, &signature).ok()
}

fn p384_signed(key: &[u8], digest: &[u8], signature: &[u8]) -> Option<()> {
    let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
    let signature = p384::ecdsa::Signature::from_der(signature).ok()?;
    key.verify_prehash(digest, &signature).ok()
}

/// A hash is a number, whatever zeros stand before it; the crate refuses one of less than half the
/// curve's length, which SHA-256 just misses.
fn p521_signed(key: &[u8], digest: &[u8], signature: &[u8]) -> Option<()> {
    let mut number = [0; 64];
    number[64 - digest.len()..].copy_from_slice(digest);
    let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
    let signature = p521::ecdsa::Signature::from_der(signature).ok()?;
    key.verify_prehash(&number, &signature).ok()
}
