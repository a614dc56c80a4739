//! Tokens: strings that stand for values that a program does not know.
//!
//! A token is `U+E000`, the key of the run, `:`, an index, `U+E001`. It survives concatenation and JSON in
//! every language; a change inside it shows. The empty token, `U+E000 U+E001`, stands for the value of a
//! refused call.

use std::collections::HashMap;

use mlflow_host_graph::Expression;

pub(crate) const START: char = '\u{E000}';
pub(crate) const END: char = '\u{E001}';

/// An expression with what it costs to keep and how deep it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weighed {
    pub(crate) expression: Expression,
    /// Roughly its size in memory, in bytes.
    pub(crate) cost: usize,
    /// Levels of lists, maps, texts and calls.
    pub(crate) depth: usize,
}

impl Weighed {
    pub(crate) fn leaf(expression: Expression, text: usize) -> Self {
        Self { expression, cost: size_of::<Expression>() + text, depth: 1 }
    }
}

/// The tokens of a run.
#[derive(Debug)]
pub(crate) struct Tokens {
    key: String,
    meanings: Vec<Weighed>,
    /// The same attribute of the same node has one token, however often it is asked for.
    attributes: HashMap<(u32, String), usize>,
}

/// A part of a string.
#[derive(Debug, PartialEq)]
pub(crate) enum Part<'a> {
    Text(&'a str),
    Token(&'a Weighed),
    /// The empty token.
    Nothing,
}

impl Tokens {
    pub(crate) fn new(run: &[u8; 32]) -> Self {
        Self { key: hex::encode(&run[..8]), meanings: Vec::new(), attributes: HashMap::new() }
    }

    pub(crate) fn mint(&mut self, meaning: Weighed) -> String {
        self.meanings.push(meaning);
        self.text(self.meanings.len() - 1)
    }

    pub(crate) fn attribute(&self, node: u32, path: &str) -> Option<String> {
        self.attributes.get(&(node, path.to_owned())).map(|&index| self.text(index))
    }

    pub(crate) fn mint_attribute(&mut self, node: u32, path: &str, meaning: Weighed) -> String {
        self.attributes.insert((node, path.to_owned()), self.meanings.len());
        self.mint(meaning)
    }

    fn text(&self, index: usize) -> String {
        format!("{START}{}:{index}{END}", self.key)
    }

    /// The parts of a string, or `None` when it holds a mark that is not part of a token of this run, or the key of the
    /// run without its marks: some functions of some languages write those as an escape (`\ue000`).
    pub(crate) fn read<'a>(&'a self, text: &'a str) -> Option<Vec<Part<'a>>> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find([START, END]) {
            if start > 0 {
                parts.push(Part::Text(&rest[..start]));
            }
            let body = rest[start..].strip_prefix(START)?;
            let end = body.find(END)?;
            parts.push(self.resolve(&body[..end])?);
            rest = &body[end + END.len_utf8()..];
        }
        if !rest.is_empty() || parts.is_empty() {
            parts.push(Part::Text(rest));
        }
        let is_bare = |part: &Part<'_>| matches!(part, Part::Text(text) if text.contains(&self.key));
        if parts.iter().any(is_bare) {
            return None;
        }
        Some(parts)
    }

    fn resolve(&self, body: &str) -> Option<Part<'_>> {
        if body.is_empty() {
            return Some(Part::Nothing);
        }
        let index = body.strip_prefix(self.key.as_str())?.strip_prefix(':')?;
        let number: usize = index.parse().ok()?;
        // One spelling for each index: `+1` and `01` were not minted.
        (number.to_string() == index).then(|| self.meanings.get(number)).flatten().map(Part::Token)
    }

    /// The text with its tokens in words, for people.
    pub(crate) fn describe(&self, text: &str) -> String {
        let Some(parts) = self.read(text) else { return text.to_owned() };
        let words = parts.into_iter().map(|part| match part {
            Part::Text(text) => text.to_owned(),
            Part::Nothing => "${?}".to_owned(),
            Part::Token(meaning) => match &meaning.expression {
                Expression::Attribute(reference) => format!("${{{}#{}}}", reference.urn, reference.path),
                Expression::SecretConfig(key) => format!("${{secret:{key}}}"),
                Expression::Call { function, .. } => format!("${{{}(…)}}", function.name()),
                Expression::Asset(digest) => format!("${{{digest}}}"),
                _ => "${…}".to_owned(),
            },
        });
        words.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(key: &str) -> Weighed {
        Weighed::leaf(Expression::SecretConfig(key.to_owned()), key.len())
    }

    #[test]
    fn tokens_are_found_in_text() {
        let mut tokens = Tokens::new(&[0xab; 32]);
        let (first, second) = (tokens.mint(secret("a")), tokens.mint(secret("b")));
        assert_eq!(first, "\u{E000}abababababababab:0\u{E001}");
        let (a, b) = (secret("a"), secret("b"));
        assert_eq!(tokens.read(&first), Some(vec![Part::Token(&a)]));
        assert_eq!(
            tokens.read(&format!("x{first}{second}y")),
            Some(vec![Part::Text("x"), Part::Token(&a), Part::Token(&b), Part::Text("y")])
        );
        assert_eq!(tokens.read("plain"), Some(vec![Part::Text("plain")]));
        assert_eq!(tokens.read(""), Some(vec![Part::Text("")]));
        assert_eq!(tokens.read("\u{E000}\u{E001}"), Some(vec![Part::Nothing]));
        assert_eq!(tokens.describe(&format!("p={first}")), "p=${secret:a}");
    }

    #[test]
    fn whatever_was_not_minted_is_refused() {
        let mut tokens = Tokens::new(&[0xab; 32]);
        let token = tokens.mint(secret("a"));
        let mangled = [
            token.to_uppercase(),
            token[..token.len() - 3].to_owned(),
            token[3..].to_owned(),
            token.replace(":0", ":1"),
            token.replace(":0", ":00"),
            token.replace(":0", ":+0"),
            token.replace(":0", ":-0"),
            token.replace(":0", ""),
            token.replace("abab", "cdcd"),
            token.replace(':', " :"),
            token.replace(START, "\\ue000").replace(END, "\\ue001"),
            format!("{token} and {}", token.escape_debug()),
            format!("{START}{token}"),
            format!("{token}{END}"),
            START.to_string(),
            END.to_string(),
            Tokens::new(&[0xcd; 32]).mint(secret("a")),
        ];
        for text in mangled {
            assert_eq!(tokens.read(&text), None, "{text:?}");
        }
    }

    #[test]
    fn an_attribute_has_one_token() {
        let mut tokens = Tokens::new(&[1; 32]);
        assert_eq!(tokens.attribute(0, "uri"), None);
        let token = tokens.mint_attribute(0, "uri", secret("a"));
        assert_eq!(tokens.attribute(0, "uri"), Some(token));
        assert_eq!(tokens.attribute(1, "uri"), None);
    }
}
