//! Commands that mean something else outside a real container.

/// Commands refused in RUN, and why.
const REFUSED: [(&[&str], &str); 3] = [
    (
        &["apt-get", "apt", "apk", "dpkg", "yum", "dnf", "microdnf"],
        "installs system packages, which the local cloud cannot do: use a Python wheel that brings what it needs",
    ),
    (
        &["useradd", "adduser", "groupadd", "addgroup", "usermod"],
        "creates users, which the local cloud cannot do: write USER 1000 instead",
    ),
    (
        &["sudo", "su", "mount", "chroot", "systemctl", "service"],
        "needs the rights of a real container, which the local cloud does not give",
    ),
];

/// Words after which another command follows.
const PREFIXES: [&str; 9] = ["exec", "env", "time", "nice", "if", "then", "else", "do", "!"];

/// Why a shell line is refused, if it is: looks at the first word of each simple command.
pub(super) fn refusal(line: &str) -> Option<String> {
    line.split(['&', '|', ';', '(', ')', '{', '}', '\n']).filter_map(command_word).find_map(|word| {
        REFUSED.iter().find_map(|(words, reason)| words.contains(&word).then(|| format!("{word} {reason}")))
    })
}

fn command_word(command: &str) -> Option<&str> {
    let is_assignment = |word: &str| {
        word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        })
    };
    let word = command.split_whitespace().find(|word| !is_assignment(word) && !PREFIXES.contains(word))?;
    Some(word.rsplit('/').next().unwrap_or(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_command_word_counts() {
        assert_eq!(refusal("echo apt-get && pip install apt-tools"), None);
        assert_eq!(refusal("grep -r sudo ."), None);
        for line in ["cd x && /usr/bin/apt-get update", "A=1 exec su -", "if apt install x; then :; fi"] {
            assert!(refusal(line).is_some(), "{line}");
        }
    }
}
