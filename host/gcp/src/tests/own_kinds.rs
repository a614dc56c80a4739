//! A kind that a stack brings along is treated like those of the table.

use mlflow_host_gcp_api::kinds::{Kinds, OwnKinds};

use super::{Cloud, config, labels, provider_with, recorded, reply, request, run, target};
use crate::GcpConfig;
use mlflow_host_engine::RequestAction;
use serde_json::{Value as Json, json};

const TOPIC: &str = "projects/p/topics/orders";

fn kinds() -> Kinds {
    let file = OwnKinds::parse(include_str!("../../../../docs/own-kinds/pubsub.toml")).unwrap();
    let document = include_str!("../../../../docs/own-kinds/pubsub.v1.json");
    Kinds::with(file.described_by(Some(document)).unwrap()).unwrap()
}

fn topic(retention: &str) -> Json {
    json!({"name": TOPIC, "labels": labels(), "messageRetentionDuration": retention, "state": "ACTIVE"})
}

#[tokio::test(start_paused = true)]
async fn it_is_created_changed_and_deleted_by_its_methods() {
    let cloud = Cloud::expecting([
        ("PUT /pubsub.googleapis.com/v1/projects/p/topics/orders", reply(topic("600s"))),
        ("PATCH /pubsub.googleapis.com/v1/projects/p/topics/orders", reply(topic("900s"))),
        ("DELETE /pubsub.googleapis.com/v1/projects/p/topics/orders", reply(json!({}))),
    ]);
    let provider = provider_with(GcpConfig { kinds: kinds(), ..config() }, &cloud);
    let properties = |retention| json!({"name": "orders", "messageRetentionDuration": retention});
    let of = |retention| target(&provider, "pubsub.googleapis.com/Topic::orders", properties(retention));
    let (outcomes, _) = run(&provider, &request(RequestAction::Create, vec![of("600s")])).await;
    assert_eq!(outcomes.unwrap()[0].identity, TOPIC);
    assert_eq!(cloud.body(0), json!({"labels": labels(), "messageRetentionDuration": "600s"}));

    let mut changed = of("900s");
    changed.recorded = recorded(of("600s")).recorded;
    changed.changed = vec!["messageRetentionDuration".parse().unwrap()];
    let (outcomes, _) = run(&provider, &request(RequestAction::Update, vec![changed])).await;
    outcomes.unwrap();
    assert_eq!(
        cloud.body(1),
        json!({"topic": {"messageRetentionDuration": "900s"}, "updateMask": "messageRetentionDuration"})
    );

    let delete = request(RequestAction::Delete, vec![recorded(of("900s"))]);
    let (outcomes, _) = run(&provider, &delete).await;
    outcomes.unwrap();
    cloud.finished();
}
