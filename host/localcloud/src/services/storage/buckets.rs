//! Buckets and their policies.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{existing, refused};
use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::json::{fill, merge, text};
use crate::common::{clock, identifiers, policies};
use crate::server::call::{Answer, Call, Reply, page};
use crate::services::projects;

/// The full resource name under which a bucket's policy is kept.
fn resource(bucket: &str) -> String {
    format!("//storage.googleapis.com/{bucket}")
}

/// Roles that may read objects.
const READERS: [&str; 9] = [
    "roles/storage.objectViewer",
    "roles/storage.objectUser",
    "roles/storage.objectAdmin",
    "roles/storage.admin",
    "roles/storage.legacyObjectReader",
    "roles/storage.legacyObjectOwner",
    "roles/cloudbuild.builds.builder",
    "roles/editor",
    "roles/owner",
];

/// Whether `account` may read the objects of `bucket`.
pub(crate) fn may_read(cloud: &Cloud, bucket: &str, account: &str) -> bool {
    let number =
        cloud.store.buckets.get(bucket).and_then(|body| text(&body, "projectNumber").map(str::to_owned));
    let project = number.and_then(|number| cloud.project(&number).ok()).unwrap_or_default();
    let places = [resource(bucket), projects::resource(&project)];
    policies::grants(cloud, &places, &READERS, &format!("serviceAccount:{account}"))
}

pub(super) async fn call(cloud: &Arc<Cloud>, call: &Call, action: &str) -> Answer {
    let bucket = call.variable("bucket");
    match action {
        "insert" => insert(cloud, call),
        "list" => {
            let project = call.required("project")?;
            let number = identifiers::project_number(&cloud.project(project)?);
            let prefix = call.query("prefix").unwrap_or_default();
            let rows = cloud.store.buckets.list(prefix).into_iter();
            let items =
                rows.map(|(_, body)| body).filter(|body| body["projectNumber"] == number.as_str()).collect();
            let mut body = page(call, "items", items)?;
            body["kind"] = "storage#buckets".into();
            Ok(Reply::Json(body))
        }
        "get" => {
            let body = existing(cloud, bucket)?;
            check_conditions(call, &body)?;
            Ok(Reply::Json(body))
        }
        "patch" | "update" => patch(cloud, call, bucket, action == "update"),
        "delete" => delete(cloud, call, bucket).await,
        "getIamPolicy" => {
            existing(cloud, bucket)?;
            Ok(Reply::Json(policy(bucket, policies::get(cloud, &resource(bucket)))))
        }
        "setIamPolicy" => {
            existing(cloud, bucket)?;
            let mut wanted = call.body.clone();
            // `CAE=` is what a policy that was never set shows here.
            if wanted["etag"] == "CAE=" {
                crate::common::json::remove(&mut wanted, "etag");
            }
            match policies::set(cloud, &resource(bucket), &wanted) {
                Ok(set) => Ok(Reply::Json(policy(bucket, set))),
                Err(error) if error.code == 409 => Err(ApiError::condition_not_met(
                    "At least one of the pre-conditions you specified did not hold.",
                )),
                Err(error) => Err(error),
            }
        }
        "testIamPermissions" => {
            let permissions: Vec<_> = call
                .query
                .iter()
                .filter(|(key, _)| key == "permissions")
                .map(|(_, value)| value.as_str())
                .collect();
            Ok(Reply::Json(json!({"kind": "storage#testIamPermissionsResponse", "permissions": permissions})))
        }
        "getStorageLayout" => {
            let body = existing(cloud, bucket)?;
            Ok(Reply::Json(json!({
                "kind": "storage#storageLayout", "bucket": bucket, "location": body["location"],
                "locationType": body["locationType"], "hierarchicalNamespace": {"enabled": false},
            })))
        }
        _ => Err(ApiError::unimplemented(call.id)),
    }
}

/// A policy in Cloud Storage's clothes.
fn policy(bucket: &str, mut policy: Value) -> Value {
    if policy["etag"] == "ACAB" {
        policy["etag"] = "CAE=".into();
    }
    fill(
        &mut policy,
        json!({"kind": "storage#policy", "resourceId": format!("projects/_/buckets/{bucket}"), "version": 1}),
    );
    policy
}

fn insert(cloud: &Arc<Cloud>, call: &Call) -> Answer {
    let project = cloud.project(call.required("project")?)?;
    let name = call.text("name").unwrap_or_default().to_owned();
    let fits = (3..=222).contains(&name.len())
        && name.split('.').all(|part| (1..=63).contains(&part.len()))
        && name.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        && name.ends_with(|letter: char| letter.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte));
    if !fits {
        return Err(ApiError::invalid(format!("Invalid bucket name: '{name}'")));
    }
    let number = identifiers::project_number(&project);
    let now = clock::millis(Timestamp::now());
    let mut bucket = call.body.clone();
    let location = call.text("location").unwrap_or("US").to_ascii_uppercase();
    fill(
        &mut bucket,
        json!({
            "storageClass": "STANDARD",
            "iamConfiguration": {
                "publicAccessPrevention": "inherited",
                "uniformBucketLevelAccess": {"enabled": false},
            },
            "softDeletePolicy": {"retentionDurationSeconds": "604800", "effectiveTime": now},
        }),
    );
    let uniform = bucket["iamConfiguration"]["uniformBucketLevelAccess"].clone();
    bucket["iamConfiguration"]["bucketPolicyOnly"] = uniform;
    let kind = match location.as_str() {
        "US" | "EU" | "ASIA" => "multi-region",
        _ => "region",
    };
    if kind == "multi-region" {
        fill(&mut bucket, json!({"rpo": "DEFAULT"}));
    }
    let own = json!({
        "kind": "storage#bucket",
        "id": name,
        "selfLink": format!("https://www.googleapis.com/storage/v1/b/{name}"),
        "projectNumber": number,
        "location": location,
        "locationType": kind,
        "metageneration": "1",
        "generation": Timestamp::now().as_microsecond().to_string(),
        "etag": "CAE=",
        "timeCreated": now,
        "updated": now,
    });
    merge(&mut bucket, &own);
    Cloud::create(&cloud.store.buckets, &name, bucket.clone(), || {
        let own = existing(cloud, &name).is_ok_and(|taken| taken["projectNumber"] == number.as_str());
        let message = if own {
            "Your previous request to create the named bucket succeeded and you already own it."
        } else {
            "The requested bucket name is not available. The bucket namespace is shared by all users of the \
             system. Please select a different name and try again."
        };
        ApiError::exists(message).reason("conflict")
    })?;
    // Everybody's default: the project's owners, editors and viewers.
    let bindings = json!({"bindings": [
        {"role": "roles/storage.legacyBucketOwner",
         "members": [format!("projectEditor:{project}"), format!("projectOwner:{project}")]},
        {"role": "roles/storage.legacyBucketReader", "members": [format!("projectViewer:{project}")]},
    ]});
    policies::set(cloud, &resource(&name), &bindings)?;
    Ok(Reply::Json(bucket))
}

fn check_conditions(call: &Call, bucket: &Value) -> Result<(), ApiError> {
    let current = text(bucket, "metageneration").unwrap_or_default();
    let differs = call.query("ifMetagenerationMatch").is_some_and(|wanted| wanted != current)
        || call.query("ifMetagenerationNotMatch").is_some_and(|other| other == current);
    if differs {
        return Err(ApiError::condition_not_met(
            "At least one of the pre-conditions you specified did not hold.",
        ));
    }
    Ok(())
}

fn patch(cloud: &Arc<Cloud>, call: &Call, name: &str, whole: bool) -> Answer {
    const FIXED: [&str; 12] = [
        "kind",
        "id",
        "selfLink",
        "name",
        "projectNumber",
        "location",
        "locationType",
        "metageneration",
        "generation",
        "etag",
        "timeCreated",
        "updated",
    ];
    let changed = cloud.store.buckets.change::<ApiError>(name, |bucket| {
        check_conditions(call, bucket)?;
        if call.text("location").is_some_and(|wanted| {
            !bucket["location"].as_str().unwrap_or_default().eq_ignore_ascii_case(wanted)
        }) {
            return Err(ApiError::invalid("The location of a bucket cannot be changed."));
        }
        let mut body = call.body.clone();
        for field in FIXED {
            crate::common::json::remove(&mut body, field);
        }
        if whole {
            let kept: Vec<_> =
                FIXED.iter().map(|field| (field.to_string(), bucket[*field].clone())).collect();
            let defaults = ["storageClass", "iamConfiguration", "softDeletePolicy"]
                .map(|field| (field.to_owned(), bucket[field].clone()));
            *bucket = Value::Object(kept.into_iter().chain(defaults).collect());
        }
        merge(bucket, &body);
        let next =
            text(bucket, "metageneration").and_then(|number| number.parse::<u64>().ok()).unwrap_or_default()
                + 1;
        bucket["metageneration"] = next.to_string().into();
        bucket["etag"] = identifiers::etag().into();
        bucket["updated"] = clock::millis(Timestamp::now()).into();
        Ok(())
    })?;
    match changed {
        Some(bucket) => Ok(Reply::Json(bucket)),
        None => existing(cloud, name).map(Reply::Json),
    }
}

async fn delete(cloud: &Arc<Cloud>, call: &Call, name: &str) -> Answer {
    check_conditions(call, &existing(cloud, name)?)?;
    if !cloud.objects.is_empty(name) {
        return Err(ApiError::aborted("The bucket you tried to delete is not empty.").reason("conflict"));
    }
    cloud.store.buckets.remove(name)?;
    cloud.objects.delete_all(name).await.map_err(refused)?;
    policies::remove(cloud, &resource(name))?;
    Ok(Reply::Empty)
}
