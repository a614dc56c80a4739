//! A plan as a policy sees it.

use serde_json::Value;

static NOTHING: Value = Value::Null;

const HIDDEN: [&str; 2] = ["[secret]", "[unknown]"];

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Plan(Value);

impl Plan {
    /// A plan of the JSON that `wit/policy.wit` describes.
    pub fn new(plan: Value) -> Self {
        Self(plan)
    }

    /// The stack's name.
    pub fn stack(&self) -> &str {
        text(&self.0, "stack")
    }

    /// `local` or `gcp`.
    pub fn cloud(&self) -> &str {
        text(&self.0, "cloud")
    }

    /// The project's id.
    pub fn project(&self) -> &str {
        text(&self.0, "project")
    }

    /// The region, e.g., `europe-west1`.
    pub fn region(&self) -> &str {
        text(&self.0, "region")
    }

    /// Every managed resource, also what stays as it is and what goes away.
    pub fn resources(&self) -> impl Iterator<Item = Resource<'_>> {
        self.0.get("resources").and_then(Value::as_array).into_iter().flatten().map(Resource)
    }

    /// Every resource that is there afterwards.
    pub fn remaining(&self) -> impl Iterator<Item = Resource<'_>> {
        self.resources().filter(Resource::remains)
    }

    /// Every resource of a kind that is there afterwards, e.g., `storage.googleapis.com/Bucket`.
    pub fn remaining_of(&self, kind: &'static str) -> impl Iterator<Item = Resource<'_>> {
        self.remaining().filter(move |resource| resource.kind() == kind)
    }
}

/// A resource of a plan.
#[derive(Debug, Clone, Copy)]
pub struct Resource<'a>(&'a Value);

impl<'a> Resource<'a> {
    /// `KIND::NAME`.
    pub fn urn(self) -> &'a str {
        text(self.0, "urn")
    }

    /// The kind, e.g., `storage.googleapis.com/Bucket`.
    pub fn kind(self) -> &'a str {
        text(self.0, "kind")
    }

    /// The logical name.
    pub fn name(self) -> &'a str {
        text(self.0, "name")
    }

    /// What is to be done with it, e.g., `create` or `unchanged`: see `wit/policy.wit`.
    pub fn action(self) -> &'a str {
        text(self.0, "action")
    }

    /// Whether it is there afterwards.
    pub fn remains(&self) -> bool {
        !["delete", "delete-replaced", "forget"].contains(&self.action())
    }

    /// Whether the host refuses to delete it.
    pub fn is_protected(self) -> bool {
        self.0.get("protect") == Some(&Value::Bool(true))
    }

    /// The property at a path of names, e.g., `["settings", "tier"]`; null when it is not set.
    pub fn property(self, path: &[&str]) -> &'a Value {
        let properties = self.0.get("properties").unwrap_or(&NOTHING);
        path.iter().try_fold(properties, |value, name| value.get(name)).unwrap_or(&NOTHING)
    }

    /// The text at a path of names; empty when there is none.
    pub fn text(self, path: &[&str]) -> &'a str {
        self.property(path).as_str().unwrap_or_default()
    }

    /// Whether nobody can tell from the plan what is at a path of names: it is a secret, or not known before the plan is
    /// carried out.
    pub fn is_hidden(self, path: &[&str]) -> bool {
        is_hidden(self.property(path))
    }

    /// The items of the list at a path of names; none when there is no list.
    pub fn items(self, path: &[&str]) -> impl Iterator<Item = &'a Value> {
        self.property(path).as_array().into_iter().flatten()
    }

    /// A violation by this resource.
    pub fn violation(self, message: impl Into<String>) -> Violation {
        Violation { urn: Some(self.urn().to_owned()), path: None, message: message.into() }
    }
}

/// Whether nobody can tell from the plan what a value is: it is a secret, or not known before the plan is carried out.
/// `wit/policy.wit` says how such values are written.
pub fn is_hidden(value: &Value) -> bool {
    value.as_str().is_some_and(|text| HIDDEN.contains(&text))
}

/// Something that a policy does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The resource, as `KIND::NAME`.
    pub urn: Option<String>,
    /// The property, e.g., `settings.ipConfiguration.ipv4Enabled`.
    pub path: Option<String>,
    /// A sentence that says what is wrong and what to do.
    pub message: String,
}

impl Violation {
    /// A violation by the plan as a whole.
    pub fn of_plan(message: impl Into<String>) -> Self {
        Self { urn: None, path: None, message: message.into() }
    }

    /// The same violation at a property.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_goes_away_is_not_remaining() {
        let resource = |action: &str| json!({"action": action, "kind": "std/Value", "urn": action});
        let actions = ["create", "replace", "delete-replaced", "delete", "forget", "unchanged"];
        let plan = Plan::new(json!({"resources": actions.map(resource)}));
        let remaining: Vec<_> = plan.remaining_of("std/Value").map(Resource::action).collect();
        assert_eq!(remaining, ["create", "replace", "unchanged"]);
        assert_eq!(plan.resources().count(), 6);
    }

    #[test]
    fn what_nobody_can_tell_is_hidden() {
        let plan =
            Plan::new(json!({"resources": [{"properties": {"a": "[secret]", "b": "[unknown]", "c": "x"}}]}));
        let hidden = plan.resources().next().map(|it| ["a", "b", "c", "d"].map(|name| it.is_hidden(&[name])));
        assert_eq!(hidden, Some([true, true, false, false]));
    }

    #[test]
    fn what_is_not_there_is_nothing() {
        let plan = Plan::new(json!({"resources": [{"properties": {"a": {"b": [1, 2]}, "c": "x"}}]}));
        let found = plan.resources().next().map(|resource| {
            (
                resource.items(&["a", "b"]).count(),
                resource.items(&["c"]).count(),
                resource.text(&["c"]),
                resource.text(&["c", "d"]),
                resource.property(&["a", "z"]).is_null(),
            )
        });
        assert_eq!(found, Some((2, 0, "x", "", true)));
        assert_eq!(plan.stack(), "");
    }
}
