//! The local cloud, seen from outside.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::Value as Json;

use crate::run::Run;

/// A running local cloud.
pub struct Cloud {
    endpoint: String,
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
}

impl Cloud {
    /// The local cloud at an endpoint, e.g., `http://127.0.0.1:4567`.
    ///
    /// # Errors
    /// When there is no client to be had.
    pub fn at(endpoint: &str) -> Result<Self> {
        // An error says that another one is installed already, which does as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            client: reqwest::Client::builder().no_proxy().build()?,
        })
    }

    /// Its address.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The body that a path answers with, e.g., `/_local/resources`.
    ///
    /// # Errors
    /// When it answers anything but 200 with JSON.
    pub fn get(&self, path: &str) -> Result<Json> {
        let address = format!("{}{path}", self.endpoint);
        let text = self.text(&address)?;
        serde_json::from_str(&text).with_context(|| format!("{address} answers with {text}"))
    }

    /// What a request answers that somebody other than the host makes; null when the answer is empty.
    ///
    /// # Errors
    /// When the answer is not one of success, or no JSON.
    pub fn call(&self, method: Method, path: &str, body: &Json) -> Result<Json> {
        let address = format!("{}{path}", self.endpoint);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, text) = self.runtime.block_on(async {
            let response = self.client.request(method, &address).body(body).send().await?;
            anyhow::Ok((response.status(), response.text().await?))
        })?;
        ensure!(status.is_success(), "{address} answers {status}: {text}");
        if text.is_empty() {
            return Ok(Json::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("{address} answers with {text}"))
    }

    /// The text at an address.
    ///
    /// # Errors
    /// When it answers anything but 200.
    pub fn text(&self, address: &str) -> Result<String> {
        let (status, text) = self.runtime.block_on(async {
            let response = self.client.get(address).send().await?;
            anyhow::Ok((response.status(), response.text().await?))
        })?;
        ensure!(status == 200, "{address} answers {status}: {text}");
        Ok(text)
    }

    /// Asks the local cloud for a fault: a rule, or the name of a trap and what is to differ.
    ///
    /// # Errors
    /// When it is no rule.
    pub fn fault(&self, rule: &Json) -> Result<()> {
        let (status, text) = self.post("/_local/faults", rule)?;
        ensure!(status == 200, "{rule}: {text}");
        Ok(())
    }

    /// Posts to a path. Gives the status and the body of the answer.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn post(&self, path: &str, body: &Json) -> Result<(u16, String)> {
        let address = format!("{}{path}", self.endpoint);
        self.runtime.block_on(async {
            let response = self.client.post(&address).json(body).send().await?;
            Ok((response.status().as_u16(), response.text().await?))
        })
    }

    /// Makes a key of Cloud KMS, as `gcloud services enable` and `gcloud kms` do it.
    ///
    /// # Errors
    /// When the cloud refuses.
    pub fn key(&self, project: &str, region: &str, ring: &str, key: &str) -> Result<()> {
        let enable = format!(
            "/serviceusage.googleapis.com/v1/projects/{project}/services/cloudkms.googleapis.com:enable"
        );
        let rings = format!("/cloudkms.googleapis.com/v1/projects/{project}/locations/{region}/keyRings");
        let empty = serde_json::json!({});
        let (status, text) = self.post(&enable, &empty)?;
        ensure!(status == 200, "{enable}: {text}");
        let answer = loop {
            match self.post(&format!("{rings}?keyRingId={ring}"), &empty)? {
                // The API is not there at once.
                (403, _) => std::thread::sleep(std::time::Duration::from_millis(20)),
                answer => break answer,
            }
        };
        ensure!(answer.0 == 200, "{rings}: {}", answer.1);
        let keys = format!("{rings}/{ring}/cryptoKeys?cryptoKeyId={key}");
        let (status, text) = self.post(&keys, &serde_json::json!({"purpose": "ENCRYPT_DECRYPT"}))?;
        ensure!(status == 200, "{keys}: {text}");
        Ok(())
    }

    /// Ends every fault, and lets what was late show.
    ///
    /// # Errors
    /// When the local cloud does not answer.
    pub fn without_faults(&self) -> Result<()> {
        let address = format!("{}/_local/faults", self.endpoint);
        let status = self.runtime.block_on(async { self.client.delete(&address).send().await })?.status();
        ensure!(status == 200, "{address} answers {status}");
        Ok(())
    }

    /// Requires that every fault has struck in `run`: that it answered or dropped a request, spoilt an operation, or
    /// that somebody missed the effect that it made late.
    ///
    /// # Errors
    /// When one has not.
    pub fn ensure_struck(&self, run: &Run) -> Result<()> {
        self.ensure_faults(run, |struck| struck > 0, "a fault did not strike")
    }

    /// Requires that no fault has had anything to strike in `run`.
    ///
    /// # Errors
    /// When one has.
    pub fn ensure_avoided(&self, run: &Run) -> Result<()> {
        self.ensure_faults(run, |struck| struck == 0, "a fault struck")
    }

    fn ensure_faults(&self, run: &Run, holds: impl Fn(u64) -> bool, otherwise: &str) -> Result<()> {
        let faults = self.get("/_local/faults")?;
        let rules =
            faults["faults"].as_array().filter(|rules| !rules.is_empty()).context("no fault is set")?;
        for rule in rules {
            let struck = rule["struck"].as_u64().context("no count")?;
            ensure!(holds(struck), "{otherwise}: {rule}\n{}", run.report());
        }
        Ok(())
    }

    /// Requires that no request so far has broken Google's description of its API, and no answer of success either.
    ///
    /// # Errors
    /// When one has; it names the methods, and how.
    pub fn ensure_as_described(&self) -> Result<()> {
        let count = &self.get("/_local/counters")?["violations"];
        if *count == 0 {
            return Ok(());
        }
        let log = self.get("/_local/requests")?;
        let requests = log["requests"].as_array().into_iter().flatten();
        let violation =
            |request: &Json| Some(format!("{}: {}", request["id"], request["violation"].as_str()?));
        let broken: BTreeSet<_> = requests.filter_map(violation).collect();
        bail!("{count} requests or their answers break Google's description: {broken:#?}")
    }

    /// How many requests so far may have changed something.
    ///
    /// # Errors
    /// When the local cloud does not say.
    pub fn mutations(&self) -> Result<u64> {
        let counters = self.get("/_local/counters")?;
        counters["mutating"].as_u64().with_context(|| format!("no number of mutating requests: {counters}"))
    }

    /// The names of everything that exists in a project, without enabled APIs.
    ///
    /// # Errors
    /// When the local cloud does not say.
    pub fn resources(&self, project: &str) -> Result<Vec<String>> {
        let resources = self.get("/_local/resources")?;
        let kinds = resources["projects"][project]["resources"].as_object();
        let names = kinds.into_iter().flat_map(|kinds| kinds.values());
        Ok(names
            .flat_map(|names| names.as_array().into_iter().flatten())
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect())
    }

    /// A Cloud Run service, as the API describes it.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn service(&self, project: &str, region: &str, name: &str) -> Result<Json> {
        self.get(&format!("/run.googleapis.com/v2/projects/{project}/locations/{region}/services/{name}"))
    }

    /// The text of the first version of the only secret whose name begins with `prefix`.
    ///
    /// # Errors
    /// When there is no such secret.
    pub fn secret(&self, project: &str, prefix: &str) -> Result<String> {
        let secrets = self.get(&format!("/secretmanager.googleapis.com/v1/projects/{project}/secrets"))?;
        let names =
            secrets["secrets"].as_array().into_iter().flatten().filter_map(|secret| secret["name"].as_str());
        let ids = names.filter_map(|name| name.rsplit('/').next()).filter(|id| id.starts_with(prefix));
        let [id] = ids.collect::<Vec<_>>()[..] else { bail!("not one secret `{prefix}…`: {secrets}") };
        let path =
            format!("/secretmanager.googleapis.com/v1/projects/{project}/secrets/{id}/versions/1:access");
        let data = self.get(&path)?["payload"]["data"].as_str().map(str::to_owned).context("no payload")?;
        Ok(String::from_utf8(STANDARD.decode(data)?)?)
    }
}
