//! Where the local cloud serves what Google would serve at `run.app`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

/// What the local cloud tells of a service; there is more.
#[derive(Debug, Deserialize)]
struct Front {
    url: String,
}

/// The local addresses of the services, by their `run.app` addresses. Empty when the local cloud does not
/// answer: outputs are shown all the same.
pub(crate) async fn read(endpoint: &str) -> BTreeMap<String, String> {
    let ask = async {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
        let address = format!("{}/_local/endpoints", endpoint.trim_end_matches('/'));
        client.get(address).send().await?.error_for_status()?.json().await
    };
    let answer: Result<BTreeMap<String, Front>, reqwest::Error> = ask.await;
    match answer {
        Ok(fronts) => fronts.into_iter().map(|(service, front)| (service, front.url)).collect(),
        Err(error) => {
            tracing::debug!(%error, "the local cloud does not tell its addresses");
            BTreeMap::new()
        }
    }
}

/// The local form of an address, if it lies below one of `addresses`.
pub(super) fn local(url: &str, addresses: &BTreeMap<String, String>) -> Option<String> {
    addresses.iter().find_map(|(service, local)| {
        let rest = url.strip_prefix(service.trim_end_matches('/'))?;
        let is_below = rest.is_empty() || rest.starts_with(['/', '?', '#']);
        is_below.then(|| format!("{}{rest}", local.trim_end_matches('/')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_below_a_service_has_a_local_form() {
        let pair = |service: &str, local: &str| (service.to_owned(), local.to_owned());
        let addresses =
            BTreeMap::from([pair("https://mlflow-1.europe-west1.run.app", "http://127.0.0.1:4000/")]);
        let local = |url| local(url, &addresses);
        assert_eq!(local("https://mlflow-1.europe-west1.run.app").unwrap(), "http://127.0.0.1:4000");
        assert_eq!(
            local("https://mlflow-1.europe-west1.run.app/api?x").unwrap(),
            "http://127.0.0.1:4000/api?x"
        );
        assert_eq!(local("https://mlflow-1.europe-west1.run.app.evil.example"), None);
        assert_eq!(local("gs://bucket"), None);
    }
}
