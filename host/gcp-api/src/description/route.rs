//! From verb and path to the method: what a server does with a request line.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use super::{Api, Method, SOURCES};

/// A method, its id, its API, and the decoded values of its path variables.
#[derive(Debug, Clone)]
pub struct MethodMatch {
    /// The API that the method belongs to.
    pub api: &'static Api,
    /// Full id, e.g. `storage.objects.insert`.
    pub id: &'static str,
    /// The method.
    pub method: &'static Method,
    /// Values of the path variables, percent-decoded.
    pub variables: BTreeMap<String, String>,
    /// Which of the method's paths was used.
    pub channel: Channel,
}

/// The way a request reached its method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// The method's own path.
    Plain,
    /// One of its upload paths.
    Upload,
    /// Its download path: the answer is content, not metadata.
    Download,
}

/// Hosts that Google serves several older APIs from, told apart by the path.
const SHARED_HOST: &str = "www.googleapis.com";

/// The method that answers `verb` on `path` at `host`. Regional hosts
/// (`us-central1-run.googleapis.com`, `run.us-central1.rep.googleapis.com`) count as the global one.
/// `path` is percent-encoded, without query.
pub fn find_method(host: &str, verb: &str, path: &str) -> Option<MethodMatch> {
    let path = path.trim_start_matches('/');
    let unprefixed =
        path.trim_start_matches("resumable/").trim_start_matches("upload/").trim_start_matches("download/");
    SOURCES
        .iter()
        .filter(|source| serves(source.host, host) && unprefixed.starts_with(source.prefix))
        .find_map(|source| route(source.api()?, verb, path))
}

/// Whether a request to `host` reaches the API whose production host is `canonical`.
fn serves(canonical: &str, host: &str) -> bool {
    let Some(service) = canonical.strip_suffix(".googleapis.com") else {
        return false;
    };
    let region =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    host == canonical
        || host == SHARED_HOST
        || host.strip_suffix(canonical).and_then(|rest| rest.strip_suffix('-')).is_some_and(region)
        || host
            .strip_prefix(service)
            .and_then(|rest| rest.strip_prefix('.')?.strip_suffix(".rep.googleapis.com"))
            .is_some_and(region)
}

pub(super) fn route(api: &'static Api, verb: &str, path: &str) -> Option<MethodMatch> {
    let path = path.trim_start_matches('/');
    let mut best: Option<(usize, MethodMatch)> = None;
    for (id, method) in api.methods() {
        if method.verb != verb {
            continue;
        }
        let channels = std::iter::once((&method.path, Channel::Plain))
            .chain(method.upload.iter().map(|path| (path, Channel::Upload)))
            .chain(method.download.iter().map(|path| (path, Channel::Download)));
        for (template, channel) in channels {
            let Some((literals, variables)) = matches(template, path) else { continue };
            if best.as_ref().is_none_or(|(most, _)| literals > *most) {
                best = Some((literals, MethodMatch { api, id, method, variables, channel }));
            }
        }
    }
    best.map(|(_, found)| found)
}

/// Variables of `template` as found in `path`, and the number of literal parts that agreed: the
/// more, the more specific (`operations/{x}:wait` before `operations/{x}`).
fn matches(template: &str, path: &str) -> Option<(usize, BTreeMap<String, String>)> {
    let mut variables = BTreeMap::new();
    let mut literals = 0;
    let mut given = path.split('/');
    let mut wanted = template.split('/').peekable();
    while let Some(part) = wanted.next() {
        let Some((variable, suffix)) = variable(part) else {
            if given.next()? != part {
                return None;
            }
            literals += 1;
            continue;
        };
        let (name, value) = match variable.strip_prefix('+') {
            // `{+name}` is always the last part, so it takes all that is left.
            Some(name) if wanted.peek().is_none() => (name, given.by_ref().collect::<Vec<_>>().join("/")),
            _ => (variable, given.next()?.to_owned()),
        };
        let value = value.strip_suffix(suffix)?;
        literals += usize::from(!suffix.is_empty());
        if value.is_empty() {
            return None;
        }
        // A literal colon in the last segment starts a custom verb; data would be encoded.
        // Storage has no custom verbs, and its names may hold colons.
        let last = wanted.peek().is_none() && !template.contains("storage/v1/");
        if suffix.is_empty() && last && value.contains(':') {
            return None;
        }
        let decoded = percent_decode_str(value).decode_utf8().ok()?;
        variables.insert(name.to_owned(), decoded.into_owned());
    }
    given.next().is_none().then_some((literals, variables))
}

/// Splits `{name}:verb` into name and `:verb`; `None` for a literal part.
fn variable(part: &str) -> Option<(&str, &str)> {
    part.strip_prefix('{')?.split_once('}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(host: &str, verb: &str, path: &str) -> String {
        match find_method(host, verb, path) {
            None => "nothing".into(),
            Some(found) => {
                let variables: Vec<_> =
                    found.variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("{} {} {:?} {}", found.api.name, found.id, found.channel, variables.join(" "))
            }
        }
    }

    #[test]
    fn requests_find_their_methods() {
        let requests = [
            ("run.googleapis.com", "POST", "/v2/projects/p/locations/l/services"),
            ("us-central1-run.googleapis.com", "GET", "/v2/projects/p/locations/l/services/s"),
            ("run.us-central1.rep.googleapis.com", "GET", "/v2/projects/p/locations/l/services/s"),
            ("run.googleapis.com", "POST", "/v2/projects/p/locations/l/operations/o:wait"),
            ("run.googleapis.com", "POST", "/v2/projects/p/locations/l/jobs/j:run"),
            ("run.googleapis.com", "POST", "/v2/projects/p/locations/l/jobs/j:jump"),
            ("run.googleapis.com", "GET", "/v2/projects/p/locations/l/jobs/j:jump"),
            ("secretmanager.googleapis.com", "POST", "/v1/projects/p/secrets/s:addVersion"),
            ("secretmanager.googleapis.com", "GET", "/v1/projects/p/secrets/s/versions/latest:access"),
            ("sqladmin.googleapis.com", "DELETE", "/v1/projects/p/instances/i/users"),
            ("sqladmin.googleapis.com", "GET", "/sql/v1beta4/projects/p/instances/i/users/u"),
            ("storage.googleapis.com", "POST", "/upload/storage/v1/b/bucket/o"),
            ("storage.googleapis.com", "POST", "/resumable/upload/storage/v1/b/bucket/o"),
            ("www.googleapis.com", "GET", "/storage/v1/b/bucket/o/a%2Fb%3Ac"),
            ("storage.googleapis.com", "GET", "/storage/v1/b/bucket/o/a:b"),
            ("storage.googleapis.com", "GET", "/download/storage/v1/b/bucket/o/a%2Fb"),
            ("storage.googleapis.com", "PUT", "/storage/v1/b/bucket/iam"),
            ("storage.googleapis.com", "GET", "/storage/v1/b/bucket/o/a/b"),
            ("compute.googleapis.com", "POST", "/compute/v1/projects/p/global/operations/o/wait"),
            ("serviceusage.googleapis.com", "POST", "/v1/projects/p/services:batchEnable"),
            ("serviceusage.googleapis.com", "POST", "/v1/projects/p/services/run.googleapis.com:enable"),
            ("servicenetworking.googleapis.com", "PATCH", "/v1/services/s/connections/-"),
            ("cloudbuild.googleapis.com", "GET", "/v1/operations/build/p/Zm9v"),
            ("cloudresourcemanager.googleapis.com", "POST", "/v1/projects/p:setIamPolicy"),
            ("iam.googleapis.com", "GET", "/v1/projects/p/serviceAccounts/a%40p.iam.gserviceaccount.com"),
            ("iap.googleapis.com", "POST", "/v1/projects/1/iap_web/x/services/s:getIamPolicy"),
            ("iam.googleapis.com", "GET", "/v2/projects/p/locations/l/services/s"),
            ("evil-googleapis.com", "GET", "/v2/projects/p/locations/l/services/s"),
        ];
        let lines: Vec<_> = requests
            .iter()
            .map(|(host, verb, path)| format!("{verb} {path} -> {}", found(host, verb, path)))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
POST /v2/projects/p/locations/l/services -> run.v2 run.projects.locations.services.create Plain location=l project=p
GET /v2/projects/p/locations/l/services/s -> run.v2 run.projects.locations.services.get Plain location=l project=p service=s
GET /v2/projects/p/locations/l/services/s -> run.v2 run.projects.locations.services.get Plain location=l project=p service=s
POST /v2/projects/p/locations/l/operations/o:wait -> run.v2 run.projects.locations.operations.wait Plain location=l operation=o project=p
POST /v2/projects/p/locations/l/jobs/j:run -> run.v2 run.projects.locations.jobs.run Plain job=j location=l project=p
POST /v2/projects/p/locations/l/jobs/j:jump -> nothing
GET /v2/projects/p/locations/l/jobs/j:jump -> nothing
POST /v1/projects/p/secrets/s:addVersion -> secretmanager.v1 secretmanager.projects.secrets.addVersion Plain project=p secret=s
GET /v1/projects/p/secrets/s/versions/latest:access -> secretmanager.v1 secretmanager.projects.secrets.versions.access Plain project=p secret=s version=latest
DELETE /v1/projects/p/instances/i/users -> sqladmin.v1 sql.users.delete Plain instance=i project=p
GET /sql/v1beta4/projects/p/instances/i/users/u -> sqladmin.v1beta4 sql.users.get Plain instance=i name=u project=p
POST /upload/storage/v1/b/bucket/o -> storage.v1 storage.objects.insert Upload bucket=bucket
POST /resumable/upload/storage/v1/b/bucket/o -> storage.v1 storage.objects.insert Upload bucket=bucket
GET /storage/v1/b/bucket/o/a%2Fb%3Ac -> storage.v1 storage.objects.get Plain bucket=bucket object=a/b:c
GET /storage/v1/b/bucket/o/a:b -> storage.v1 storage.objects.get Plain bucket=bucket object=a:b
GET /download/storage/v1/b/bucket/o/a%2Fb -> storage.v1 storage.objects.get Download bucket=bucket object=a/b
PUT /storage/v1/b/bucket/iam -> storage.v1 storage.buckets.setIamPolicy Plain bucket=bucket
GET /storage/v1/b/bucket/o/a/b -> nothing
POST /compute/v1/projects/p/global/operations/o/wait -> compute.v1 compute.globalOperations.wait Plain operation=o project=p
POST /v1/projects/p/services:batchEnable -> serviceusage.v1 serviceusage.services.batchEnable Plain project=p
POST /v1/projects/p/services/run.googleapis.com:enable -> serviceusage.v1 serviceusage.services.enable Plain project=p service=run.googleapis.com
PATCH /v1/services/s/connections/- -> servicenetworking.v1 servicenetworking.services.connections.patch Plain connection=- service=s
GET /v1/operations/build/p/Zm9v -> cloudbuild.v1 cloudbuild.operations.get Plain operation=build/p/Zm9v
POST /v1/projects/p:setIamPolicy -> cloudresourcemanager.v1 cloudresourcemanager.projects.setIamPolicy Plain resource=p
GET /v1/projects/p/serviceAccounts/a%40p.iam.gserviceaccount.com -> iam.v1 iam.projects.serviceAccounts.get Plain project=p serviceAccount=a@p.iam.gserviceaccount.com
POST /v1/projects/1/iap_web/x/services/s:getIamPolicy -> iap.v1 iap.getIamPolicy Plain resource=projects/1/iap_web/x/services/s
GET /v2/projects/p/locations/l/services/s -> nothing
GET /v2/projects/p/locations/l/services/s -> nothing
"#);
    }
}
