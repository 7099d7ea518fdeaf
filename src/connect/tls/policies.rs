//! Certificates whose policies are marked critical (RFC 5280 4.2.1.4), as inspecting proxies of
//! companies make them. webpki knows no policies, so it refuses them as it has to.
//!
//! To understand them is little: we ask for no policy in particular, and then no policy can make a
//! chain fail, unless a certificate in it demands one by way of policy constraints (RFC 5280 6.1.1 (c)
//! and (e), 6.1.5 (g)). So a chain of well-formed policies without constraints is judged as if they
//! were not critical. Everything else is judged by webpki, which is handed a copy with that one flag
//! cleared; each signature is checked over the bytes that were signed.

use std::borrow::Cow;

use tokio_rustls::rustls::Error;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use tokio_rustls::rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, ServerName,
    SignatureVerificationAlgorithm, UnixTime,
};
use tokio_rustls::rustls::server::ParsedCertificate;

use super::algorithms::ALGORITHMS;
use super::der::{Der, Element};

const POLICIES: &[u8] = &[0x55, 0x1d, 32];
const POLICY_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 36];
/// CPS pointer and user notice: they are for people, and there is nothing to check.
const QUALIFIERS: [&[u8]; 2] = [
    &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x02, 0x01],
    &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x02, 0x02],
];

/// The certificate with its critical policies understood, or as it is if there are none.
pub(super) fn understood<'a>(certificate: &'a CertificateDer<'a>) -> CertificateDer<'a> {
    match Policies::of(certificate) {
        Some(Policies::Critical { flag, .. }) => cleared(certificate, flag).into(),
        _ => CertificateDer::from(certificate.as_ref()),
    }
}

/// The verdict on a chain with its critical policies understood; None if it has none, or demands one.
pub(super) fn verdict(
    roots: &RootCertStore,
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    name: &ServerName<'_>,
    now: UnixTime,
) -> Option<Result<(), Error>> {
    let mut signed = Vec::new();
    let mut chain = Vec::with_capacity(1 + intermediates.len());
    for certificate in std::iter::once(end_entity).chain(intermediates) {
        let copy = match Policies::of(certificate) {
            Some(Policies::Constrained) => return None,
            Some(Policies::Critical { flag, to_be_signed: (first, end) }) => {
                let copy = cleared(certificate, flag);
                signed.push((copy[first..end].to_vec(), &certificate[first..end]));
                Cow::Owned(copy)
            }
            None => Cow::Borrowed(certificate.as_ref()),
        };
        chain.push(match copy {
            Cow::Owned(copy) => CertificateDer::from(copy),
            Cow::Borrowed(same) => CertificateDer::from(same),
        });
    }
    if signed.is_empty() {
        return None;
    }
    let algorithms: Vec<_> = ALGORITHMS
        .all
        .iter()
        .map(|&algorithm| OverOriginal { algorithm, signed: &signed })
        .collect();
    let algorithms: Vec<&dyn SignatureVerificationAlgorithm> =
        algorithms.iter().map(|algorithm| algorithm as _).collect();
    let (leaf, intermediates) = chain.split_first()?;
    Some(ParsedCertificate::try_from(leaf).and_then(|leaf| {
        verify_server_cert_signed_by_trust_anchor(&leaf, roots, intermediates, now, &algorithms)?;
        verify_server_name(&leaf, name)
    }))
}

/// Checks what is in the copy over what was signed.
#[derive(Debug)]
struct OverOriginal<'a> {
    algorithm: &'static dyn SignatureVerificationAlgorithm,
    signed: &'a [(Vec<u8>, &'a [u8])],
}

impl SignatureVerificationAlgorithm for OverOriginal<'_> {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }

    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let original = self.signed.iter().find(|(copy, _)| copy == message);
        let message = original.map_or(message, |(_, original)| original);
        self.algorithm.verify_signature(public_key, message, signature)
    }
}

/// What a certificate says of policies that has to be heeded.
enum Policies {
    /// Where the flag stands, and where what is signed begins and ends.
    Critical {
        flag: usize,
        to_be_signed: (usize, usize),
    },
    Constrained,
}

impl Policies {
    /// None if there is nothing to heed, and for what cannot be read: that is webpki's to refuse.
    fn of(certificate: &[u8]) -> Option<Self> {
        let to_be_signed = Der::new(certificate).next()?.content().next()?;
        let extensions = to_be_signed.content().find(|field| field.tag == Der::EXTENSIONS)?;
        let mut critical = None;
        for extension in extensions.content().next()?.content() {
            let mut fields = extension.content();
            let id = fields.next()?;
            let mut value = fields.next()?;
            let flag = (value.tag == Der::BOOLEAN).then_some(value);
            if flag.is_some() {
                value = fields.next()?;
            }
            match (id.bytes(), flag) {
                (POLICY_CONSTRAINTS, _) => return Some(Self::Constrained),
                (POLICIES, Some(flag)) if flag.bytes() == [0xff] && are_well_formed(value) => {
                    let to_be_signed = (to_be_signed.first, to_be_signed.end);
                    critical = Some(Self::Critical { flag: flag.begin, to_be_signed });
                }
                _ => (),
            }
        }
        critical
    }
}

fn are_well_formed(value: Element<'_>) -> bool {
    let policies = value.content().whole(Der::SEQUENCE);
    policies.is_some_and(|mut policies| policies.all_are(|policy| is_well_formed(policy).is_some()))
}

/// An identifier, and qualifiers that are known.
fn is_well_formed(policy: Element<'_>) -> Option<()> {
    let mut fields = policy.content();
    let id = fields.next()?;
    let qualifiers = fields.next();
    let is_known = |qualifier: Element<'_>| {
        let id = qualifier.content().next();
        id.is_some_and(|id| QUALIFIERS.contains(&id.bytes()))
    };
    let are_known = qualifiers.is_none_or(|qualifiers| qualifiers.content().all_are(is_known));
    (policy.tag == Der::SEQUENCE && id.tag == Der::IDENTIFIER && are_known && fields.is_at_end())
        .then_some(())
}

/// A flag that is there and says no is not DER, but webpki reads it; so nothing moves.
fn cleared(certificate: &[u8], flag: usize) -> Vec<u8> {
    let mut copy = certificate.to_vec();
    copy[flag] = 0;
    copy
}
