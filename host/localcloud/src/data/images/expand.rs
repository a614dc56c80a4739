//! Variables and quotes in instructions, as Docker's own small shell language has them.

use std::collections::BTreeMap;

/// Splits `text` into words at unquoted spaces, removes quotes, and puts variables in.
///
/// Knows `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME:+alternative}`; nothing is put in
/// between single quotes. An unknown variable is empty.
pub(super) fn words(text: &str, variables: &BTreeMap<String, String>) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('\'' | '"', None) => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (_, Some(open)) if character == open => quote = None,
            ('\\', None | Some('"')) => {
                let word = word.get_or_insert_default();
                match characters.next() {
                    Some(next @ ('"' | '\\' | '$')) => word.push(next),
                    Some(next) if quote.is_none() => word.push(next),
                    Some(next) => word.extend(['\\', next]),
                    None => word.push('\\'),
                }
            }
            ('$', None | Some('"')) => {
                let value = variable(&mut characters, variables)?;
                word.get_or_insert_default().push_str(&value);
            }
            (space, None) if space.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    if let Some(quote) = quote {
        return Err(format!("the quote {quote} is not closed"));
    }
    words.extend(word);
    Ok(words)
}

/// [`words`] as one text, for instructions with a single argument.
pub(super) fn text(text: &str, variables: &BTreeMap<String, String>) -> Result<String, String> {
    Ok(words(text, variables)?.join(" "))
}

/// `NAME=VALUE` words.
pub(super) fn assignments(
    text: &str,
    variables: &BTreeMap<String, String>,
) -> Result<Vec<(String, String)>, String> {
    words(text, variables)?
        .into_iter()
        .map(|word| match word.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(format!("{word} must be NAME=VALUE")),
        })
        .collect()
}

fn variable(
    characters: &mut std::iter::Peekable<std::str::Chars<'_>>,
    variables: &BTreeMap<String, String>,
) -> Result<String, String> {
    let is_name = |character: &char| character.is_ascii_alphanumeric() || *character == '_';
    let value = |name: &str| variables.get(name).cloned().unwrap_or_default();
    if characters.peek() != Some(&'{') {
        let mut name = String::new();
        while let Some(character) = characters.next_if(is_name) {
            name.push(character);
        }
        return Ok(if name.is_empty() { "$".to_owned() } else { value(&name) });
    }
    characters.next();
    let mut inside = String::new();
    loop {
        match characters.next() {
            Some('}') => break,
            Some(character) => inside.push(character),
            None => return Err(format!("${{{inside} is not closed")),
        }
    }
    let end = inside.find(|character| !is_name(&character)).unwrap_or(inside.len());
    let (name, operation) = inside.split_at(end);
    let value = value(name);
    match operation.get(..2) {
        _ if name.is_empty() => Err(format!("${{{inside}}} has no name")),
        None if operation.is_empty() => Ok(value),
        Some(":-") if value.is_empty() => Ok(operation[2..].to_owned()),
        Some(":-") => Ok(value),
        Some(":+") if value.is_empty() => Ok(String::new()),
        Some(":+") => Ok(operation[2..].to_owned()),
        _ => Err(format!("${{{inside}}} is not supported: only :- and :+ are")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(input: &str) -> Result<Vec<String>, String> {
        let variables =
            BTreeMap::from([("A".to_owned(), "one two".to_owned()), ("EMPTY".to_owned(), String::new())]);
        words(input, &variables)
    }

    #[test]
    fn variables_and_quotes() {
        for (input, expected) in [
            ("a  b", vec!["a", "b"]),
            ("X=$A Y=${A}!", vec!["X=one two", "Y=one two!"]),
            ("'$A' \"$A\" \\$A", vec!["$A", "one two", "$A"]),
            ("${EMPTY:-d} ${NO:-d} ${A:-d}", vec!["d", "d", "one two"]),
            ("${A:+x}${NO:+y}", vec!["x"]),
            ("\"a \\\" b\" ''", vec!["a \" b", ""]),
            ("100$ a\\ b", vec!["100$", "a b"]),
        ] {
            assert_eq!(expand(input).unwrap(), expected, "{input}");
        }
        for (input, message) in [
            ("\"a", "the quote \" is not closed"),
            ("${A", "${A is not closed"),
            ("${A%x}", "${A%x} is not supported: only :- and :+ are"),
        ] {
            assert_eq!(expand(input).unwrap_err(), message);
        }
    }
}
