//! One HTTP exchange, without any opinion about it.

use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;

/// A request that is ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    /// HTTP verb in capitals.
    pub verb: &'static str,
    /// The whole address.
    pub address: String,
    /// Names and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty for none.
    pub body: Vec<u8>,
    /// Give up after this time.
    pub deadline: Duration,
}

/// An answer, whatever its status.
#[derive(Debug, Clone, Default)]
pub(crate) struct Incoming {
    /// HTTP status.
    pub status: u16,
    /// Value of `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
    /// Value of `Location`.
    pub location: Option<String>,
    /// The last byte of `Range: bytes=0-N`, which an upload session sends.
    pub range_end: Option<usize>,
    /// Value of `x-goog-generation`, which Cloud Storage sends with an object's content.
    pub generation: Option<u64>,
    /// The body.
    pub body: Vec<u8>,
}

/// There was no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoAnswer {
    /// Why.
    pub cause: String,
    /// Whether the request certainly never left.
    pub unsent: bool,
}

/// Carries requests.
#[async_trait]
pub(crate) trait Transport: Send + Sync {
    /// Sends a request and reads the whole answer.
    async fn send(&self, request: Outgoing) -> Result<Incoming, NoAnswer>;
}

/// The real one. Its client is made with the first request, so a preview that sends none pays nothing.
#[derive(Default)]
pub(crate) struct Http {
    client: OnceLock<Result<reqwest::Client, String>>,
}

impl Http {
    fn client(&self) -> Result<&reqwest::Client, NoAnswer> {
        let made = self.client.get_or_init(|| {
            // Another part of the process may have installed the same provider already.
            let _ = rustls::crypto::ring::default_provider().install_default();
            reqwest::Client::builder()
                .user_agent(concat!("mlflow-host/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(Duration::from_secs(15))
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .map_err(|error| whole(&error))
        });
        made.as_ref().map_err(|cause| NoAnswer { cause: cause.clone(), unsent: true })
    }
}

#[async_trait]
impl Transport for Http {
    async fn send(&self, request: Outgoing) -> Result<Incoming, NoAnswer> {
        #[cfg(feature = "failpoints")]
        let points = crate::failpoint::Points::of(&request);
        #[cfg(feature = "failpoints")]
        points.before();
        let unsent = |cause: String| NoAnswer { cause, unsent: true };
        let verb = reqwest::Method::from_bytes(request.verb.as_bytes())
            .map_err(|error| unsent(error.to_string()))?;
        let mut builder = self.client()?.request(verb, &request.address).timeout(request.deadline);
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        let lost = |error: reqwest::Error| NoAnswer {
            unsent: error.is_connect() || error.is_builder(),
            cause: whole(&error.without_url()),
        };
        let answer = builder.body(request.body).send().await.map_err(lost)?;
        let header =
            |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let incoming = Incoming {
            status: answer.status().as_u16(),
            retry_after: header(reqwest::header::RETRY_AFTER).and_then(|text| text.trim().parse().ok()),
            location: header(reqwest::header::LOCATION),
            range_end: header(reqwest::header::RANGE).and_then(|text| text.rsplit('-').next()?.parse().ok()),
            generation: header(reqwest::header::HeaderName::from_static("x-goog-generation"))
                .and_then(|text| text.parse().ok()),
            body: answer.bytes().await.map_err(lost)?.to_vec(),
        };
        #[cfg(feature = "failpoints")]
        points.after();
        Ok(incoming)
    }
}

/// An error with all its causes: reqwest's own text leaves out what matters.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}
