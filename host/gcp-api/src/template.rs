//! `{variable}` templates: paths, names and predicted values of the kinds table.
//!
//! `{name}` is the value as it is, percent-encoded in a path; `{+name}` is never encoded (a value
//! that is itself a path, as an operation's name); `{name|last}` is the part after the last slash,
//! so that an id, a full resource name and a link all mean the same resource; `{name|lower}` is the
//! value in lower case.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but RFC 3986's unreserved characters, `@` and `:`… which Google leaves readable in
/// service-account and operation names; a slash is always encoded.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'@');

/// A template could not be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A variable has no value (yet).
    #[error("`{{{variable}}}` in `{template}` has no value")]
    Missing {
        /// Name of the variable.
        variable: String,
        /// The template.
        template: String,
    },
    /// A brace without partner.
    #[error("`{template}` has an open brace without its partner")]
    Unbalanced {
        /// The template.
        template: String,
    },
}

/// Fills in `template`, values as they are.
pub fn expand(template: &str, value: &dyn Fn(&str) -> Option<String>) -> Result<String, TemplateError> {
    fill(template, value, false)
}

/// Fills in `template`, values percent-encoded as path segments (except `{+name}`).
pub fn expand_path(template: &str, value: &dyn Fn(&str) -> Option<String>) -> Result<String, TemplateError> {
    fill(template, value, true)
}

/// The names of the variables of `template`, in order, without sign and filter.
pub fn variables(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|part| {
        let inside = part.split_once('}')?.0;
        Some(split_filter(inside.trim_start_matches('+')).0)
    })
}

/// The values of the variables of `template`, in order, that make it `text`, each as short as can be but the
/// last; `None` where nothing does. Variables with a filter are not among them.
pub fn extract<'t, 'v>(template: &'t str, text: &'v str) -> Option<Vec<(&'t str, &'v str)>> {
    let mut parts = template.split('{');
    let mut rest = text.strip_prefix(parts.next()?)?;
    let mut found: Vec<(&str, &str)> = Vec::new();
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let (inside, literal) = part.split_once('}')?;
        let (name, filter) = split_filter(inside.trim_start_matches('+'));
        let end = match (literal.is_empty(), parts.peek()) {
            (true, _) => rest.len(),
            (false, None) => {
                rest.len().checked_sub(literal.len()).filter(|at| rest.get(*at..) == Some(literal))?
            }
            (false, Some(_)) => rest.find(literal)?,
        };
        let (value, tail) = (rest.get(..end)?, rest.get(end..)?);
        rest = tail.strip_prefix(literal)?;
        let repeated = found.iter().find(|(known, _)| *known == name);
        if value.is_empty() || repeated.is_some_and(|(_, known)| *known != value) {
            return None;
        }
        if filter.is_none() && repeated.is_none() {
            found.push((name, value));
        }
    }
    rest.is_empty().then_some(found)
}

/// The part of `text` after its last slash.
pub fn last_segment(text: &str) -> &str {
    text.trim_end_matches('/').rsplit('/').next().unwrap_or(text)
}

fn split_filter(inside: &str) -> (&str, Option<&str>) {
    inside.split_once('|').map_or((inside, None), |(name, filter)| (name, Some(filter)))
}

fn fill(
    template: &str,
    value: &dyn Fn(&str) -> Option<String>,
    encode: bool,
) -> Result<String, TemplateError> {
    let mut result = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, tail) = after
            .split_once('}')
            .ok_or_else(|| TemplateError::Unbalanced { template: template.to_owned() })?;
        let raw = inside.starts_with('+');
        let name = inside.trim_start_matches('+');
        let (name, filter) = split_filter(name);
        let found = value(name).ok_or_else(|| TemplateError::Missing {
            variable: name.to_owned(),
            template: template.to_owned(),
        })?;
        let found = match filter {
            Some("last") => last_segment(&found).to_owned(),
            Some("lower") => found.to_lowercase(),
            _ => found,
        };
        result.push_str(before);
        if encode && !raw {
            result.extend(utf8_percent_encode(&found, SEGMENT));
        } else {
            result.push_str(&found);
        }
        rest = tail;
    }
    result.push_str(rest);
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str) -> Option<String> {
        match name {
            "object" => Some("a/b c".into()),
            "network" => Some("https://www.googleapis.com/compute/v1/projects/p/global/networks/n".into()),
            "operation" => Some("operations/x".into()),
            "format" => Some("DOCKER".into()),
            _ => None,
        }
    }

    #[test]
    fn values_are_encoded_in_paths_only() {
        assert_eq!(expand_path("o/{object}", &value).unwrap(), "o/a%2Fb%20c");
        assert_eq!(expand("o/{object}", &value).unwrap(), "o/a/b c");
        assert_eq!(expand_path("v1/{+operation}:wait", &value).unwrap(), "v1/operations/x:wait");
        assert_eq!(expand_path("networks/{network|last}", &value).unwrap(), "networks/n");
        assert_eq!(expand("{format|lower}.pkg.dev", &value).unwrap(), "docker.pkg.dev");
        assert_eq!(variables("a/{x}/{+y}/{z|last}").collect::<Vec<_>>(), ["x", "y", "z"]);
    }

    #[test]
    fn values_are_read_back_from_a_name() {
        assert_eq!(extract("b/{bucket}/o/{id}", "b/x/o/a/b c"), Some(vec![("bucket", "x"), ("id", "a/b c")]));
        assert_eq!(extract("b/{bucket}/o/{id}", "b/x/p/a"), None);
        assert_eq!(extract("b/{bucket}", "b/"), None);
        let account = "p/{project}/a/{id}@{project}.iam";
        assert_eq!(extract(account, "p/q/a/web@q.iam"), Some(vec![("project", "q"), ("id", "web")]));
        assert_eq!(extract(account, "p/q/a/web@other.iam"), None, "one variable has one value");
        assert_eq!(
            extract("p/{project} {role} {member}", "p/q r/viewer user:a b"),
            Some(vec![("project", "q"), ("role", "r/viewer"), ("member", "user:a b")])
        );
        assert_eq!(extract("n/{network|last}/c/x", "n/net/c/x"), Some(vec![]));
    }

    #[test]
    fn a_missing_value_names_the_variable() {
        let error = expand("projects/{project}", &value).unwrap_err();
        insta::assert_snapshot!(error, @"`{project}` in `projects/{project}` has no value");
    }
}
