//! Short ids: where they come from, what they may look like, and how to make one.

use serde::Deserialize;

/// Where a short id comes from and what it may look like.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Id {
    /// Where it comes from.
    #[serde(flatten)]
    pub origin: IdOrigin,
    /// Shortest length, in characters.
    #[serde(default = "one")]
    pub min: usize,
    /// Longest length, in characters.
    #[serde(default = "sixty_three")]
    pub max: usize,
    /// Characters allowed inside: `a-z`, `A-Z`, `0-9` and single ones; empty allows all.
    #[serde(default)]
    pub characters: String,
    /// Characters allowed at the start; empty for the same as inside.
    #[serde(default)]
    pub first: String,
    /// Characters allowed at the end; empty for the same as inside.
    #[serde(default)]
    pub last: String,
    /// What joins the parts of a made name.
    #[serde(default = "hyphen")]
    pub separator: String,
}

/// Where a short id comes from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdOrigin {
    /// The client chooses it; `true` if the host may make one up when the author gives none.
    Client(bool),
    /// The server assigns it: the last segment of this attribute.
    Server(String),
    /// It is always this template's value.
    Fixed(String),
}

/// A name that breaks a rule; the text says which.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct IdError(String);

impl Id {
    /// Whether the author may give a `name`.
    pub fn is_declared(&self) -> bool {
        matches!(self.origin, IdOrigin::Client(_))
    }

    /// Whether the host makes a name up when the author gives none.
    pub fn generated(&self) -> bool {
        self.origin == IdOrigin::Client(true)
    }

    /// Whether `text` can be an id.
    pub fn validate(&self, text: &str) -> Result<(), IdError> {
        let length = text.chars().count();
        if length < self.min || length > self.max {
            return Err(IdError(format!(
                "`{text}` has {length} characters; a name has {} to {}",
                self.min, self.max
            )));
        }
        if let Some(wrong) = text.chars().find(|c| !allows(&self.characters, *c)) {
            return Err(IdError(format!("`{text}` holds `{wrong}`; a name is made of {}", self.characters)));
        }
        let ends = [(text.chars().next(), &self.first, "starts"), (text.chars().last(), &self.last, "ends")];
        for (character, rule, verb) in ends {
            if let Some(wrong) = character.filter(|c| !allows(rule, *c)) {
                return Err(IdError(format!("`{text}` {verb} with `{wrong}`; a name {verb} with {rule}")));
            }
        }
        Ok(())
    }

    /// An id made of a logical name and a suffix (lower-case letters and digits): what is not
    /// allowed is replaced, and the name is shortened, never the suffix.
    pub fn generate(&self, name: &str, suffix: &str) -> String {
        let separator = if suffix.is_empty() { "" } else { self.separator.as_str() };
        let room = self.max.saturating_sub(suffix.len() + separator.len());
        let mut stem = String::new();
        for character in name.chars() {
            let folded = character.to_ascii_lowercase();
            if allows(&self.characters, character) {
                stem.push(character);
            } else if allows(&self.characters, folded) {
                stem.push(folded);
            } else if !stem.ends_with(&self.separator) {
                stem.push_str(&self.separator);
            }
        }
        if stem.chars().next().is_none_or(|c| !allows(&self.first, c)) {
            stem.insert(0, 'r');
        }
        let stem: String = stem.chars().take(room).collect();
        let mut id = format!("{}{separator}{suffix}", stem.trim_end_matches(&*self.separator));
        while id.chars().last().is_some_and(|c| !allows(&self.last, c)) {
            id.pop();
        }
        while id.chars().count() < self.min {
            id.push('0');
        }
        id
    }
}

/// Whether a rule such as `a-z0-9-` allows a character; a hyphen at the end stands for itself.
fn allows(rule: &str, character: char) -> bool {
    if rule.is_empty() {
        return true;
    }
    let letters: Vec<char> = rule.chars().collect();
    let mut at = 0;
    while at < letters.len() {
        if letters.get(at + 1) == Some(&'-') && at + 2 < letters.len() {
            if (letters[at]..=letters[at + 2]).contains(&character) {
                return true;
            }
            at += 3;
        } else if letters[at] == character {
            return true;
        } else {
            at += 1;
        }
    }
    false
}

fn one() -> usize {
    1
}

fn sixty_three() -> usize {
    63
}

fn hyphen() -> String {
    "-".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Id {
        Id {
            origin: IdOrigin::Client(true),
            min: 6,
            max: 20,
            characters: "a-z0-9-".into(),
            first: "a-z".into(),
            last: "a-z0-9".into(),
            separator: "-".into(),
        }
    }

    #[test]
    fn names_are_judged() {
        let judge = |text| match rules().validate(text) {
            Ok(()) => "fine".to_owned(),
            Err(error) => error.to_string(),
        };
        let judged: Vec<_> =
            ["mlflow-1", "short", "Upper-case", "1-digit", "hyphen-"].into_iter().map(judge).collect();
        insta::assert_snapshot!(judged.join("\n"), @r#"
fine
`short` has 5 characters; a name has 6 to 20
`Upper-case` holds `U`; a name is made of a-z0-9-
`1-digit` starts with `1`; a name starts with a-z
`hyphen-` ends with `-`; a name ends with a-z0-9
"#);
    }

    #[test]
    fn made_names_are_valid_and_keep_their_suffix() {
        let made = |name| rules().generate(name, "x7k2");
        assert_eq!(made("mlflow"), "mlflow-x7k2");
        assert_eq!(made("Main Database"), "main-database-x7k2");
        assert_eq!(made("a-very-long-logical-name"), "a-very-long-log-x7k2");
        assert_eq!(made("9lives"), "r9lives-x7k2");
        assert_eq!(made("été"), "r-t-x7k2");
        assert_eq!(rules().generate("db", ""), "db0000");
        for name in ["mlflow", "Main Database", "a-very-long-logical-name", "9lives", "été", "-", ""] {
            rules().validate(&made(name)).unwrap();
        }
    }
}
