//! No database has a public address.

use mlflow_host_policy::{Parameters, Plan, Resource, Result, Violation, policy};
use serde_json::Value;

policy!(judge);

fn judge(plan: &Plan, parameters: &Parameters) -> Result<Vec<Violation>> {
    parameters.only(&[])?;
    Ok(plan.remaining_of("sqladmin.googleapis.com/Instance").flat_map(addresses).collect())
}

const ADDRESS: [&str; 3] = ["settings", "ipConfiguration", "ipv4Enabled"];
const NETWORKS: [&str; 3] = ["settings", "ipConfiguration", "authorizedNetworks"];

fn addresses(instance: Resource<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    // Google gives an address to whoever does not refuse it.
    if instance.property(&ADDRESS) != &Value::Bool(false) {
        let message =
            "The instance gets a public address: set it to `false`, and name a `privateNetwork` beside it.";
        found.push(instance.violation(message).at(ADDRESS.join(".")));
    }
    for (index, network) in instance.items(&NETWORKS).enumerate() {
        if network.get("value").and_then(Value::as_str).is_some_and(|range| range.ends_with("/0")) {
            let message = "The whole internet may connect: name the networks that have to.";
            found.push(instance.violation(message).at(format!("{}[{index}]", NETWORKS.join("."))));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths(configuration: Value) -> Vec<String> {
        let instance = json!({
            "kind": "sqladmin.googleapis.com/Instance",
            "urn": "it",
            "action": "unchanged",
            "properties": {"settings": {"ipConfiguration": configuration}},
        });
        let plan = Plan::new(json!({"resources": [instance]}));
        let found = judge(&plan, &Parameters::default()).into_iter().flatten();
        found.filter_map(|violation| violation.path).collect()
    }

    #[test]
    fn an_address_has_to_be_refused() {
        assert_eq!(paths(json!({"ipv4Enabled": false})), Vec::<String>::new());
        for open in
            [json!({"ipv4Enabled": true}), json!({}), Value::Null, json!({"ipv4Enabled": "[unknown]"})]
        {
            assert_eq!(paths(open), ["settings.ipConfiguration.ipv4Enabled"]);
        }
    }

    #[test]
    fn networks_are_not_the_whole_internet() {
        let networks = json!([{"value": "203.0.113.0/24"}, {"value": "0.0.0.0/0"}]);
        assert_eq!(
            paths(json!({"ipv4Enabled": false, "authorizedNetworks": networks})),
            ["settings.ipConfiguration.authorizedNetworks[1]"]
        );
    }
}
