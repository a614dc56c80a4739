//! The question before something changes.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::arguments::Global;
use crate::failure::{Failure, Result};

/// Asks whether to go on. Without a terminal nobody is asked, and the answer must have been given.
///
/// # Errors
/// When the answer is no, or nobody can be asked.
pub(crate) fn confirm(question: &str, yes: bool, global: Global) -> Result<()> {
    if yes {
        return Ok(());
    }
    if global.json || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::usage(
            "This needs a yes, and there is no terminal to ask on. Nothing has been changed.",
        )
        .with_hint(
            "Say yes in advance with --yes. To look and change nothing, there are `preview` and `refresh --exit-code`.",
        ));
    }
    let mut terminal = io::stderr().lock();
    let asked = write!(terminal, "{question} [y/N] ").and_then(|()| terminal.flush());
    let mut answer = String::new();
    let answered = asked.and_then(|()| io::stdin().lock().read_line(&mut answer));
    match answered {
        Ok(_) if ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) => Ok(()),
        _ => Err(Failure::new("You did not say yes: nothing has been changed.")),
    }
}
