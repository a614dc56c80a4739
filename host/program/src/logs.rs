//! What a program says, kept within bounds and safe to print.

use serde::Serialize;

/// How much a message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Shown when asked for.
    Debug,
    /// Good to know.
    Info,
    /// Worth a look.
    Warning,
    /// Something failed.
    Error,
}

/// A message of a program. It holds no control characters but line ends and tabs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub message: String,
}

/// The messages of a run, up to a number of bytes.
#[derive(Debug)]
pub(crate) struct Logs {
    lines: Vec<LogLine>,
    remaining: usize,
    full: bool,
    /// The standard output and error of language runtimes arrive in pieces.
    open: [String; 2],
}

impl Logs {
    pub(crate) fn new(bytes: usize) -> Self {
        Self { lines: Vec::new(), remaining: bytes, full: false, open: Default::default() }
    }

    pub(crate) fn write(&mut self, level: Level, message: &str) {
        if self.full {
            return;
        }
        // A line costs at least what it takes to keep it.
        let cost = message.len() + size_of::<LogLine>();
        if cost > self.remaining {
            self.full = true;
            let message = "The program writes too much: further messages are left out.".to_owned();
            self.lines.push(LogLine { level: Level::Warning, message });
            return;
        }
        self.remaining -= cost;
        self.lines.push(LogLine { level, message: printable(message) });
    }

    /// Takes a piece of the standard output, or error, and writes its finished lines.
    pub(crate) fn write_piece(&mut self, is_error: bool, piece: &[u8]) {
        if self.full {
            return;
        }
        let level = if is_error { Level::Warning } else { Level::Info };
        let mut text = std::mem::take(&mut self.open[usize::from(is_error)]);
        text.push_str(&String::from_utf8_lossy(piece));
        let mut rest = text.as_str();
        while let Some((line, after)) = rest.split_once('\n') {
            self.write(level, line);
            rest = after;
        }
        if rest.len() > self.remaining {
            self.write(level, rest);
        } else {
            self.open[usize::from(is_error)] = rest.to_owned();
        }
    }

    /// All lines, unfinished ones included.
    pub(crate) fn finish(&mut self) -> Vec<LogLine> {
        for (position, level) in [Level::Info, Level::Warning].into_iter().enumerate() {
            let rest = std::mem::take(&mut self.open[position]);
            if !rest.is_empty() {
                self.write(level, &rest);
            }
        }
        std::mem::take(&mut self.lines)
    }
}

/// The text without what could move the cursor, change colours or reorder other text of a terminal.
pub(crate) fn printable(text: &str) -> String {
    let safe = |character: char| match character {
        '\n' | '\t' => character,
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}' => '\u{FFFD}',
        control if control.is_control() => '\u{FFFD}',
        other => other,
    };
    text.trim_end_matches(['\r', '\n']).chars().map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(logs: &mut Logs) -> Vec<String> {
        logs.finish().into_iter().map(|line| line.message).collect()
    }

    #[test]
    fn escape_sequences_are_taken_apart() {
        let mut logs = Logs::new(1000);
        logs.write(Level::Info, "a\x1b[31mb\u{9b}c\u{202e}d\te\n");
        assert_eq!(messages(&mut logs), ["a\u{FFFD}[31mb\u{FFFD}c\u{FFFD}d\te"]);
    }

    #[test]
    fn a_flood_ends_in_one_note() {
        let mut logs = Logs::new(1000);
        (0..1000).for_each(|_| logs.write(Level::Info, "again"));
        let messages = messages(&mut logs);
        assert!(messages.len() < 100);
        assert!(messages.last().unwrap().contains("further messages are left out"));
    }

    #[test]
    fn pieces_become_lines() {
        let mut logs = Logs::new(1000);
        logs.write_piece(true, b"Trace");
        logs.write_piece(false, b"out\n");
        logs.write_piece(true, b"back\nValue");
        logs.write_piece(true, b"Error");
        assert_eq!(messages(&mut logs), ["out", "Traceback", "ValueError"]);
    }

    #[test]
    fn an_endless_line_is_not_kept() {
        let mut logs = Logs::new(1000);
        (0..1000).for_each(|_| logs.write_piece(false, &[b'x'; 100]));
        assert!(messages(&mut logs).iter().map(String::len).sum::<usize>() < 2000);
    }
}
