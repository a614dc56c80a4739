//! From JSON with tokens to expressions.

use mlflow_host_graph::{Diagnostic, Expression, PropertyPath, Segment};
use serde_json::Value as Json;

use super::token::{END, Part, START, Tokens, Weighed};
use crate::OPAQUE;

/// Levels of lists, maps, texts and calls, those behind tokens included.
const MAXIMUM_DEPTH: usize = 64;

/// Problems that are told of one value. A path may be long, and a value may have a problem every few bytes.
const MAXIMUM_PROBLEMS: usize = 50;

/// Reads JSON; collects what is wrong with it.
pub(crate) struct Converter<'a> {
    tokens: &'a Tokens,
    /// Whether a call was refused before, so that the empty token may occur.
    may_be_empty: bool,
    /// Bytes that what stands for tokens may still take. A token is short, and what it stands for may be large.
    budget: usize,
    path: Vec<Segment>,
    pub(crate) problems: Vec<Diagnostic>,
}

impl<'a> Converter<'a> {
    pub(crate) fn new(tokens: &'a Tokens, may_be_empty: bool, budget: usize) -> Self {
        Self { tokens, may_be_empty, budget, path: Vec::new(), problems: Vec::new() }
    }

    /// Starts at a place other than the root.
    pub(crate) fn below(mut self, key: &str) -> Self {
        self.path.push(Segment::Key(key.to_owned()));
        self
    }

    /// The expression that the JSON stands for. Every string that holds a token becomes [`OPAQUE`].
    pub(crate) fn convert(&mut self, json: &mut Json) -> Weighed {
        let converted = match json {
            Json::Null => Weighed::leaf(Expression::Null, 0),
            Json::Bool(flag) => Weighed::leaf(Expression::Bool(*flag), 0),
            Json::Number(number) => Weighed::leaf(Expression::Number(number.clone()), 0),
            Json::String(text) => {
                let converted = self.text(text);
                if !matches!(converted.expression, Expression::String(_)) {
                    OPAQUE.clone_into(text);
                }
                converted
            }
            Json::Array(items) => {
                let items: Vec<_> = items
                    .iter_mut()
                    .enumerate()
                    .map(|(index, item)| self.inside(Segment::Index(index), item))
                    .collect();
                gathered(items, Expression::List)
            }
            Json::Object(entries) => self.map(entries),
        };
        if converted.depth > MAXIMUM_DEPTH {
            self.report("too-deep", format!("It is nested more than {MAXIMUM_DEPTH} levels deep."));
            // What lies this deep is left out, so that nothing recurses too far.
            return Weighed::leaf(Expression::Null, 0);
        }
        converted
    }

    fn inside(&mut self, segment: Segment, json: &mut Json) -> Weighed {
        self.path.push(segment);
        let converted = self.convert(json);
        self.path.pop();
        converted
    }

    fn map(&mut self, entries: &mut serde_json::Map<String, Json>) -> Weighed {
        let mut map = Vec::with_capacity(entries.len());
        let (mut cost, mut depth) = (size_of::<Expression>(), 0);
        for (key, value) in entries {
            if key.contains([START, END]) {
                let message = format!(
                    "The key `{}` holds a reference: references may be values, not keys.",
                    self.tokens.describe(key)
                );
                self.report("reference-in-key", message);
                continue;
            }
            let value = self.inside(Segment::Key(key.clone()), value);
            cost += value.cost + key.len();
            depth = depth.max(value.depth);
            map.push((key.clone(), value.expression));
        }
        Weighed { expression: Expression::Map(map.into_iter().collect()), cost, depth: depth + 1 }
    }

    fn text(&mut self, text: &str) -> Weighed {
        let tokens = self.tokens;
        let Some(parts) = tokens.read(text) else { return self.mangled() };
        if parts.contains(&Part::Nothing) && !self.may_be_empty {
            return self.mangled();
        }
        let meant = parts.iter().map(|part| if let Part::Token(meaning) = part { meaning.cost } else { 0 });
        let Some(rest) = self.budget.checked_sub(meant.sum()) else {
            self.report("too-large", "It refers to more than a stack may declare: split it.");
            return Weighed::leaf(Expression::Concatenation(Vec::new()), 0);
        };
        self.budget = rest;
        let mut parts: Vec<Weighed> = parts
            .into_iter()
            .map(|part| match part {
                Part::Text(text) => Weighed::leaf(Expression::String(text.to_owned()), text.len()),
                Part::Token(meaning) => meaning.clone(),
                Part::Nothing => Weighed::leaf(Expression::Concatenation(Vec::new()), 0),
            })
            .collect();
        match (parts.pop(), parts.is_empty()) {
            (Some(single), true) => single,
            (last, _) => {
                parts.extend(last);
                gathered(parts, Expression::Concatenation)
            }
        }
    }

    fn mangled(&mut self) -> Weighed {
        self.report(
            "mangled-reference",
            "It holds a reference that was cut, changed, escaped or made up: put references into strings whole, and use \
             the SDK's function `json` for JSON in a string.",
        );
        Weighed::leaf(Expression::Concatenation(Vec::new()), 0)
    }

    fn report(&mut self, code: &str, message: impl Into<String>) {
        if self.problems.len() == MAXIMUM_PROBLEMS {
            return;
        }
        let path = PropertyPath::from(self.path.clone()).to_string();
        self.problems.push(Diagnostic::error(code, message).at(path));
    }
}

/// One expression made of several.
pub(crate) fn gathered(parts: Vec<Weighed>, make: impl FnOnce(Vec<Expression>) -> Expression) -> Weighed {
    let cost = size_of::<Expression>() + parts.iter().map(|part| part.cost).sum::<usize>();
    let depth = 1 + parts.iter().map(|part| part.depth).max().unwrap_or_default();
    Weighed { expression: make(parts.into_iter().map(|part| part.expression).collect()), cost, depth }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tokens() -> (Tokens, String) {
        let mut tokens = Tokens::new(&[7; 32]);
        let token = tokens.mint(Weighed::leaf(Expression::SecretConfig("k".to_owned()), 1));
        (tokens, token)
    }

    #[test]
    fn a_whole_token_keeps_its_type_and_a_part_becomes_text() {
        let (tokens, token) = tokens();
        let mut converter = Converter::new(&tokens, false, usize::MAX);
        let mut json = json!({"whole": token, "part": format!("x{token}"), "plain": "y", "list": [1, null]});
        let converted = converter.convert(&mut json).expression.to_shown_json();
        assert_eq!(
            converted,
            json!({
                "whole": {"$secretConfig": "k"},
                "part": {"$concatenation": ["x", {"$secretConfig": "k"}]},
                "plain": "y",
                "list": [1, null],
            })
        );
        assert_eq!(json, json!({"whole": OPAQUE, "part": OPAQUE, "plain": "y", "list": [1, null]}));
        assert!(converter.problems.is_empty());
    }

    #[test]
    fn problems_name_their_place() {
        let (tokens, token) = tokens();
        let mut converter = Converter::new(&tokens, false, usize::MAX);
        let broken = &token[..token.len() - 3];
        let mut keyed = serde_json::Map::new();
        keyed.insert(token.clone(), json!(1));
        let mut json = json!({"env": [{"value": broken}], "labels": keyed, "empty": OPAQUE});
        converter.convert(&mut json);
        let problems: Vec<_> = converter.problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "`empty`: It holds a reference that was cut, changed, escaped or made up: put references into strings whole, and use the SDK's function `json` for JSON in a string.",
                "`env[0].value`: It holds a reference that was cut, changed, escaped or made up: put references into strings whole, and use the SDK's function `json` for JSON in a string.",
                "`labels`: The key `${secret:k}` holds a reference: references may be values, not keys.",
            ]
        );
        let mut after_a_problem = Converter::new(&tokens, true, usize::MAX);
        after_a_problem.convert(&mut json!(OPAQUE));
        assert!(after_a_problem.problems.is_empty());
    }

    #[test]
    fn depth_counts_what_lies_behind_tokens() {
        let (mut tokens, mut token) = tokens();
        for _ in 0..MAXIMUM_DEPTH - 1 {
            let inner = Converter::new(&tokens, false, usize::MAX).convert(&mut json!(token));
            token = tokens.mint(gathered(vec![inner], Expression::List));
        }
        let mut converter = Converter::new(&tokens, false, usize::MAX);
        converter.convert(&mut json!(token));
        assert!(converter.problems.is_empty());
        converter.convert(&mut json!([token]));
        assert_eq!(converter.problems[0].code, "too-deep");
    }
}
