//! The HTTPS side: a forward proxy that answers for Google's hosts with certificates of its own.
//!
//! gcloud and Google's libraries keep their production addresses: they ask this proxy to CONNECT to
//! `run.googleapis.com:443`, and find the local cloud there. The certificates are signed by an
//! authority that the local cloud makes for itself; clients are told to trust `ca.pem`, nobody else
//! is. Other hosts are refused: this is no way out to the internet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::data::file::{self, Context as _, FileError};

/// The certificate authority of one local cloud.
#[derive(Debug)]
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Settings by host, as signing takes a moment.
    hosts: Mutex<BTreeMap<String, Arc<ServerConfig>>>,
}

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorityError {
    /// The key or certificate file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Keys and signatures.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS settings.
    #[error("cannot use a certificate: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),
}

/// Where the authority's certificate is kept: what clients have to trust.
pub(crate) fn certificate_file(directory: &Path) -> PathBuf {
    directory.join("ca.pem")
}

impl Authority {
    /// The authority in `directory`, made at the first start.
    pub(crate) fn open(directory: &Path) -> Result<Self, AuthorityError> {
        let key_file = directory.join("control").join("ca.key");
        let certificate = certificate_file(directory);
        let parameters = parameters()?;
        let key = if key_file.exists() && certificate.exists() {
            KeyPair::from_pem(&std::fs::read_to_string(&key_file).context("read", &key_file)?)?
        } else {
            let key = KeyPair::generate()?;
            let signed = parameters.self_signed(&key)?;
            file::write_atomic(&key_file, key.serialize_pem().as_bytes())?;
            file::write_atomic(&certificate, signed.pem().as_bytes())?;
            key
        };
        Ok(Self { issuer: Issuer::new(parameters, key), hosts: Mutex::default() })
    }

    /// TLS settings for `host`, with a certificate in its name.
    fn settings(&self, host: &str) -> Result<Arc<ServerConfig>, AuthorityError> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(settings) = hosts.get(host) {
            return Ok(Arc::clone(settings));
        }
        let key = KeyPair::generate()?;
        let mut parameters = CertificateParams::new(vec![host.to_owned()])?;
        parameters.distinguished_name.push(DnType::CommonName, host);
        parameters.use_authority_key_identifier_extension = true;
        let certificate = parameters.signed_by(&key, &self.issuer)?;
        let mut settings = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )?;
        settings.alpn_protocols = vec![b"http/1.1".to_vec()];
        let settings = Arc::new(settings);
        hosts.insert(host.to_owned(), Arc::clone(&settings));
        Ok(settings)
    }
}

fn parameters() -> Result<CertificateParams, rcgen::Error> {
    let mut parameters = CertificateParams::new(Vec::new())?;
    parameters.distinguished_name.push(DnType::CommonName, "mlflow-host local cloud");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(parameters)
}

impl super::Server {
    /// Answers CONNECT: agrees, and then serves the encrypted connection as if it were `host`.
    pub(super) fn connect(
        self: Arc<Self>,
        mut request: Request<Body>,
        peer: std::net::SocketAddr,
    ) -> Response<Body> {
        let refuse = |status: StatusCode, message: String| {
            let mut response = Response::new(Body::from(message));
            *response.status_mut() = status;
            response
        };
        let host = request.uri().host().unwrap_or_default().to_owned();
        if !super::target::is_google(&host) {
            return refuse(
                StatusCode::FORBIDDEN,
                format!("The local cloud answers for *.googleapis.com only, not for {host}.\n"),
            );
        }
        let settings = match self.authority.settings(&host) {
            Ok(settings) => settings,
            Err(error) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        };
        let upgrade = hyper::upgrade::on(&mut request);
        // Boxed, as a connection may hold a connection.
        let serve: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
            let stream = match upgrade.await {
                Ok(upgraded) => TlsAcceptor::from(settings).accept(TokioIo::new(upgraded)).await,
                Err(error) => return tracing::debug!(%error, "a CONNECT was not carried out"),
            };
            match stream {
                Ok(stream) => self.connection(stream, peer, "https").await,
                Err(error) => tracing::warn!(%host, %error, "a client does not trust the local cloud"),
            }
        });
        tokio::spawn(serve);
        Response::new(Body::empty())
    }
}
