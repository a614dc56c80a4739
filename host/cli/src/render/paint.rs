//! Colours, where they are wanted.

use mlflow_host_engine::Action;
use owo_colors::{OwoColorize as _, Style};

/// Paints text, or leaves it as it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    colours: bool,
}

impl Paint {
    pub(crate) const fn new(colours: bool) -> Self {
        Self { colours }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.styled(text, Style::new().bold())
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.styled(text, Style::new().dimmed())
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.styled(text, Style::new().green())
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.styled(text, Style::new().red().bold())
    }

    pub(crate) fn careful(self, text: &str) -> String {
        self.styled(text, Style::new().yellow())
    }

    pub(crate) fn action(self, action: Action, text: &str) -> String {
        let style = match action {
            Action::Create => Style::new().green(),
            Action::Update => Style::new().yellow(),
            Action::Replace => Style::new().magenta(),
            Action::Delete | Action::DeleteReplaced => Style::new().red(),
            Action::Adopt | Action::Forget => Style::new().blue(),
        };
        self.styled(text, style)
    }

    fn styled(self, text: &str, style: Style) -> String {
        if self.colours { text.style(style).to_string() } else { text.to_owned() }
    }
}
