//! Names of Google's in the style of a language.

/// Words that Rust keeps for itself.
const RUST_KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
    "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static",
    "struct", "super", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual",
    "where", "while", "yield",
];

/// The words of a name: `IPAddress` is `IP` and `Address`, `RUN_ONCE` is `RUN` and `ONCE`.
pub(crate) fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for (at, &letter) in letters.iter().enumerate() {
        if !letter.is_ascii_alphanumeric() {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
            continue;
        }
        let before = at.checked_sub(1).map(|at| letters[at]);
        let after = letters.get(at + 1);
        let starts = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                before.is_ascii_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_ascii_uppercase() && after.is_some_and(char::is_ascii_lowercase))
            });
        if starts && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        word.push(letter);
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

/// `maxInstanceCount` as `max_instance_count`; a keyword, or a name in `taken`, gets an underscore.
pub(crate) fn snake(name: &str, taken: &[&str]) -> String {
    let snake = words(name).iter().map(|word| word.to_lowercase()).collect::<Vec<_>>().join("_");
    if RUST_KEYWORDS.contains(&snake.as_str()) || taken.contains(&snake.as_str()) {
        format!("{snake}_")
    } else {
        snake
    }
}

/// `maxInstanceCount` and `MAX_INSTANCE_COUNT` as `MaxInstanceCount`.
pub(crate) fn camel(name: &str) -> String {
    let capital = |word: &String| {
        let (first, rest) = word.split_at(1);
        format!("{}{}", first.to_uppercase(), rest.to_lowercase())
    };
    let camel: String = words(name).iter().map(capital).collect();
    if camel.starts_with(|first: char| first.is_ascii_digit()) { format!("V{camel}") } else { camel }
}

/// The name of a schema without the API that it repeats: `GoogleCloudRunV2Container` as `Container`.
pub(crate) fn schema(name: &str) -> String {
    let words = words(name);
    let is_version = |word: &String| {
        let digits = word.strip_prefix('V').unwrap_or_default();
        !digits.is_empty() && digits.starts_with(|first: char| first.is_ascii_digit())
    };
    let short = match words.iter().position(is_version) {
        Some(at) if words[0] == "Google" && at + 1 < words.len() => words[at + 1..].concat(),
        _ => words.concat(),
    };
    short[..1].to_uppercase() + &short[1..]
}

/// A summary as a sentence.
pub(crate) fn sentence(summary: &str) -> String {
    let summary = summary.trim();
    let (first, rest) = summary.split_at(summary.chars().next().map_or(0, char::len_utf8));
    let end = if summary.ends_with('.') { "" } else { "." };
    format!("{}{rest}{end}", first.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_at_words() {
        let cases = [
            ("maxInstanceCount", "max_instance_count", "MaxInstanceCount"),
            ("IPAddress", "ip_address", "IpAddress"),
            ("ipv4Enabled", "ipv4_enabled", "Ipv4Enabled"),
            ("POSTGRES_17", "postgres_17", "Postgres17"),
            ("type", "type_", "Type"),
            ("logging.read", "logging_read", "LoggingRead"),
        ];
        for (name, in_snake, in_camel) in cases {
            assert_eq!(snake(name, &[]), in_snake);
            assert_eq!(camel(name), in_camel);
        }
        assert_eq!(snake("parent", &["parent"]), "parent_");
    }

    #[test]
    fn schemas_lose_the_name_of_their_api() {
        assert_eq!(schema("GoogleCloudRunV2Container"), "Container");
        assert_eq!(schema("GoogleDevtoolsCloudbuildV1Build"), "Build");
        assert_eq!(schema("DatabaseInstance"), "DatabaseInstance");
        assert_eq!(schema("IpConfiguration"), "IpConfiguration");
    }
}
