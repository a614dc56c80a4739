//! Google's own accounts in a project, its service agents: some of them come into being only when they are asked for, and
//! until then no policy takes them.

use crate::client::{Call, Client};
use crate::error::CallError;

const SERVICE: &str = "serviceusage.googleapis.com";

/// The APIs whose agents are not called after them, by what stands behind `@` in the agents' addresses
/// (<https://cloud.google.com/iam/docs/service-agents>).
const ODD_NAMES: &[(&str, &str)] =
    &[("gcp-sa-cloud-sql", "sqladmin.googleapis.com"), ("serverless-robot-prod", "run.googleapis.com")];

/// If a refusal says that an agent does not exist, asks for it: once, and says whether it has.
pub(super) async fn bring_about(client: &Client, refusal: &CallError) -> Result<bool, CallError> {
    let message = refusal.to_string();
    let Some(agent) = missing(&message) else { return Ok(false) };
    if client.facts.has_made(agent.email) {
        return Ok(false);
    }
    let path =
        format!("v1beta1/projects/{}/services/{}:generateServiceIdentity", agent.project_number, agent.api);
    // An agent that is there already stays as it is.
    client.json(&Call::new(SERVICE, "POST", path).repeatable()).await?;
    client.facts.created_account(agent.email);
    Ok(true)
}

#[derive(Debug, PartialEq, Eq)]
struct Agent<'a> {
    email: &'a str,
    project_number: &'a str,
    api: String,
}

/// The agent that a message misses.
fn missing(message: &str) -> Option<Agent<'_>> {
    if !message.contains("does not exist") {
        return None;
    }
    let is_of_email = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '@' | '.' | '-');
    message.split(|letter| !is_of_email(letter)).find_map(|word| {
        let email = word.trim_end_matches('.');
        let (account, domain) = email.split_once('@')?;
        let project_number = account.strip_prefix("service-")?;
        let home = domain.strip_suffix(".iam.gserviceaccount.com")?;
        let odd = ODD_NAMES.iter().find(|(name, _)| *name == home).map(|(_, api)| (*api).to_owned());
        let api = odd.or_else(|| Some(format!("{}.googleapis.com", home.strip_prefix("gcp-sa-")?)))?;
        Some(Agent { email, project_number, api })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_of_an_agent_follows_from_its_address() {
        let api = |email: &str| {
            let message = format!("Service account {email} does not exist.");
            missing(&message).map(|agent| (agent.project_number.to_owned(), agent.api))
        };
        let of = |api: &str| Some(("42".to_owned(), api.to_owned()));
        assert_eq!(api("service-42@gcp-sa-iap.iam.gserviceaccount.com"), of("iap.googleapis.com"));
        assert_eq!(api("service-42@gcp-sa-cloud-sql.iam.gserviceaccount.com"), of("sqladmin.googleapis.com"));
        assert_eq!(api("service-42@serverless-robot-prod.iam.gserviceaccount.com"), of("run.googleapis.com"));
        assert_eq!(api("mlflow@p.iam.gserviceaccount.com"), None);
        assert_eq!(missing("service-42@gcp-sa-iap.iam.gserviceaccount.com may not do that."), None);
    }
}
