//! Trust in the node's certificate.
//!
//! LND's own certificate is self-signed and marked as a CA, which no ordinary
//! chain validation accepts for a server; and LND replaces it, with a new key,
//! when it expires. So trust is the file: the server must show exactly a
//! certificate that `tls.cert` holds at the moment of the handshake, and prove
//! that it has its key. Names and dates say nothing more and are not looked at.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

/// Where the certificate to accept is.
#[derive(Debug)]
pub(super) enum Pin {
    /// In this file, which is read at each handshake, so that a renewed one is
    /// followed without a restart.
    File(PathBuf),
    /// Here, in DER.
    Der(Vec<u8>),
}

/// Accepts the certificates that are pinned, and no others.
#[derive(Debug)]
pub(super) struct PinnedCert {
    pin: Pin,
    /// The handshakes so far. One that goes on with a session from before is not
    /// counted: only the server of that session can.
    handshakes: Arc<AtomicU64>,
    provider: Arc<CryptoProvider>,
}

impl PinnedCert {
    pub(super) fn new(pin: Pin, handshakes: Arc<AtomicU64>) -> Self {
        Self {
            pin,
            handshakes,
            provider: Arc::new(rustls::crypto::ring::default_provider()),
        }
    }

    fn holds(&self, shown: &CertificateDer<'_>) -> Result<bool, Error> {
        let path = match &self.pin {
            Pin::Der(der) => return Ok(der == shown.as_ref()),
            Pin::File(path) => path,
        };
        let pem = std::fs::read(path);
        let path = path.display();
        let pem = pem.map_err(|error| Error::General(format!("cannot read {path}: {error}")))?;
        let pinned = certificates(&pem)
            .map_err(|error| Error::General(format!("{path} is not a PEM file: {error}")))?;
        if pinned.is_empty() {
            return Err(Error::General(format!("{path} contains no certificate")));
        }
        Ok(pinned.contains(shown))
    }
}

/// The certificates in a PEM file.
pub(super) fn certificates(file: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    CertificateDer::pem_slice_iter(file).collect()
}

impl ServerCertVerifier for PinnedCert {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.holds(end_entity)? {
            self.handshakes.fetch_add(1, Ordering::Relaxed);
            Ok(ServerCertVerified::assertion())
        } else {
            let pin = match &self.pin {
                Pin::File(path) => path.display().to_string(),
                Pin::Der(_) => "the lndconnect address".to_owned(),
            };
            Err(Error::General(format!(
                "the server's certificate is not the one in {pin}"
            )))
        }
    }

    // The signatures prove that the server has the certificate's key.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
