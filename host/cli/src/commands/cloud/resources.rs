//! `mlflow-host cloud resources`

use std::path::Path;

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::ask::Asked;
use crate::failure::{Failure, Result};
use crate::render::Reporter;

/// Show what is in the local cloud, by project
///
/// All of it, whoever has made it: stacks, gcloud, tests. Enabled APIs and
/// builds, which nobody can delete, are left out.
///
/// Examples:
///   mlflow-host cloud resources
///   mlflow-host cloud resources --project mlflow-dev --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Resources {
    /// What is in this project only
    #[arg(long, value_name = "ID")]
    project: Option<String>,
}

impl Resources {
    pub(super) async fn run(self, directory: &Path, reporter: &dyn Reporter) -> Result<()> {
        let cloud = Asked::running(directory).await?;
        let mut found = cloud.json(Method::GET, "resources", None).await?;
        let Json::Object(mut projects) = found["projects"].take() else { return Ok(()) };
        if let Some(only) = &self.project {
            let known: Vec<String> = projects.keys().cloned().collect();
            projects.retain(|project, _| project == only);
            if projects.is_empty() {
                let failure = Failure::new(format!("Nothing is in the project `{only}`."));
                return Err(match known.as_slice() {
                    [] => failure.with_hint("The local cloud is empty."),
                    known => failure.with_hint(format!("There is something in {}.", known.join(", "))),
                });
            }
        }
        if projects.is_empty() {
            reporter.notice("The local cloud is empty.");
        }
        for (project, entry) in &projects {
            let event = json!({"project": project, "count": entry["count"], "resources": entry["resources"]});
            reporter.answer("cloud-resources", event, &lines(project, entry));
        }
        Ok(())
    }
}

/// A project as people read it: its resources below their kinds.
fn lines(project: &str, entry: &Json) -> String {
    let mut text = format!("{project}: {}\n", entry["count"]);
    for (kind, names) in entry["resources"].as_object().into_iter().flatten() {
        text.push_str(&format!("  {kind}\n"));
        for name in names.as_array().into_iter().flatten().filter_map(Json::as_str) {
            text.push_str(&format!("    {name}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    #[test]
    fn resources_stand_below_their_kinds() {
        let entry = json!({"count": 3, "resources": {
            "iam.googleapis.com/ServiceAccount": ["projects/p/serviceAccounts/a@p.iam.gserviceaccount.com"],
            "storage.googleapis.com/Bucket": ["one", "two"],
        }});
        assert_snapshot!(lines("p", &entry), @r"
        p: 3
          iam.googleapis.com/ServiceAccount
            projects/p/serviceAccounts/a@p.iam.gserviceaccount.com
          storage.googleapis.com/Bucket
            one
            two
        ");
    }
}
