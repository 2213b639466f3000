//! QUIC connections that never ask for a session.

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use web_transport_quinn::quinn::crypto::rustls::QuicClientConfig;
use web_transport_quinn::quinn::{ClientConfig, Connecting, Connection, Endpoint};

use super::browser::{Visit, runtime};
use super::webtransport;

/// Verifier that accepts any certificate.
#[derive(Debug)]
struct Careless(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for Careless {
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
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// An address from which silent connections are opened.
pub(crate) struct Silent(Endpoint);

impl Silent {
    pub(crate) fn at(address: &str) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Careless(provider)))
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"h3".to_vec()];
        let tls = QuicClientConfig::try_from(tls).unwrap();
        let _around = runtime().enter();
        let address = SocketAddr::new(address.parse().unwrap(), 0);
        let mut endpoint = Endpoint::client(address).unwrap();
        endpoint.set_default_client_config(ClientConfig::new(Arc::new(tls)));
        Self(endpoint)
    }

    fn connect(&self, to: SocketAddr) -> Connecting {
        let _around = runtime().enter();
        self.0.connect(to, "localhost").unwrap()
    }

    /// A connection whose handshake is done, if the bridge lets it in.
    pub(crate) fn open(&self, bridge: SocketAddr) -> Option<Connection> {
        let connecting = self.connect(bridge);
        let opened = async { tokio::time::timeout(Duration::from_secs(1), connecting).await };
        runtime().block_on(opened).ok()?.ok()
    }

    /// First datagrams of `count` connections, none of which is ever followed by another.
    pub(crate) fn first_datagrams(&self, count: usize) -> Vec<Vec<u8>> {
        let recorder = UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = recorder.local_addr().unwrap();
        // One may take several; they are told apart by the number the client has chosen.
        let number = |datagram: &[u8]| {
            let len = usize::from(datagram[5]);
            datagram[6..6 + len].to_vec()
        };
        let mut numbers = BTreeSet::new();
        let mut datagrams = Vec::new();
        let _connecting: Vec<_> = (0..count).map(|_| self.connect(at)).collect();
        while datagrams.len() < count {
            let mut buffer = [0; 2000];
            let (len, _) = recorder.recv_from(&mut buffer).unwrap();
            if numbers.insert(number(&buffer[..len])) {
                datagrams.push(buffer[..len].to_vec());
            }
        }
        datagrams
    }
}

/// Waits until the bridge has closed a connection.
pub(crate) fn closed(connection: &Connection) {
    let closed = async { tokio::time::timeout(Duration::from_secs(20), connection.closed()).await };
    runtime()
        .block_on(closed)
        .expect("the connection stays open");
}

/// Opens a session and fills its streams, which the bridge never reads; returns the number of
/// bytes they took.
pub(crate) fn fill_streams(visit: &Visit) -> usize {
    runtime().block_on(async {
        let session = webtransport::connect(visit).await.unwrap();
        let written = Arc::new(AtomicUsize::new(0));
        // Fewer than there may be: HTTP/3 has some of its own.
        let streams = [session.open_uni().await, session.open_uni().await];
        for stream in streams {
            let mut stream = stream.unwrap();
            let count = Arc::clone(&written);
            tokio::spawn(async move {
                while let Ok(len) = stream.write(&[0; 100]).await {
                    count.fetch_add(len, Ordering::SeqCst);
                }
            });
        }
        // QUIC says when it could go on if it were let.
        let full = async {
            loop {
                if Connection::stats(&session).frame_tx.data_blocked > 0 {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        let full = tokio::time::timeout(Duration::from_secs(20), full).await;
        full.expect("there is always room");
        written.load(Ordering::SeqCst)
    })
}
