//! What the configuration gives a policy.

use serde_json::{Map, Value};

use crate::Result;

/// What the configuration gives a policy: the table `parameters`.
#[derive(Debug, Clone, Default)]
pub struct Parameters(Map<String, Value>);

impl Parameters {
    /// Parameters of a JSON object; anything else holds none.
    pub fn new(parameters: Value) -> Self {
        match parameters {
            Value::Object(entries) => Self(entries),
            _ => Self::default(),
        }
    }

    /// A list of texts, if it is set.
    ///
    /// # Errors
    /// When it is something else.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<String>>> {
        let Some(value) = self.0.get(key) else { return Ok(None) };
        let texts = value.as_array().map(|items| items.iter().map(|item| item.as_str().map(str::to_owned)));
        match texts.and_then(|texts| texts.collect::<Option<Vec<_>>>()) {
            Some(texts) => Ok(Some(texts)),
            None => Err(format!("The parameter `{key}` must be a list of texts, not `{value}`.")),
        }
    }

    /// Refuses parameters that the policy does not have: a misspelt one would be without effect.
    ///
    /// # Errors
    /// When there is one.
    pub fn only(&self, known: &[&str]) -> Result<()> {
        match self.0.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) if known.is_empty() => Err(format!("There is no parameter `{key}`: there are none.")),
            Some(key) => Err(format!("There is no parameter `{key}`. Known: `{}`.", known.join("`, `"))),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_does_not_fit_is_named() {
        let parameters = Parameters::new(json!({"names": ["a"], "name": 1}));
        assert_eq!(parameters.texts("names").unwrap().unwrap(), ["a"]);
        assert_eq!(parameters.texts("other").unwrap(), None);
        assert_eq!(
            parameters.texts("name").unwrap_err(),
            "The parameter `name` must be a list of texts, not `1`."
        );
        assert_eq!(parameters.only(&["names"]).unwrap_err(), "There is no parameter `name`. Known: `names`.");
        assert!(parameters.only(&["name", "names"]).is_ok());
    }
}
