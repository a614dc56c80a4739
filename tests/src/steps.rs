//! Steps that build on each other, reported like tests of their own.

use std::fmt::Display;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};

/// What went before: the state that the steps share, and the first step that failed.
struct Story<S> {
    state: Option<S>,
    failed: Option<String>,
}

/// Steps in order, on a shared state.
pub struct Steps<S> {
    story: Arc<Mutex<Story<S>>>,
    trials: Vec<Trial>,
}

impl<S: Send + 'static> Steps<S> {
    /// The first step makes the state.
    pub fn begin(name: &str, make: impl FnOnce() -> Result<S> + Send + 'static) -> Self {
        let mut steps =
            Self { story: Arc::new(Mutex::new(Story { state: None, failed: None })), trials: Vec::new() };
        steps.add(name, move |state| {
            *state = Some(make()?);
            Ok(())
        });
        steps
    }

    /// Adds a step. It fails unseen when one before it has failed.
    #[must_use]
    pub fn then(mut self, name: &str, step: impl FnOnce(&mut S) -> Result<()> + Send + 'static) -> Self {
        self.add(name, move |state| match state {
            Some(state) => step(state),
            None => anyhow::bail!("the first step has not run: run all steps"),
        });
        self
    }

    /// Runs the steps, one after the other, and drops the state.
    pub fn run(self) -> ExitCode {
        let mut arguments = Arguments::from_args();
        arguments.test_threads = Some(1);
        let conclusion = libtest_mimic::run(&arguments, self.trials);
        lock(&self.story).state = None;
        conclusion.exit_code()
    }

    fn add(&mut self, name: &str, step: impl FnOnce(&mut Option<S>) -> Result<()> + Send + 'static) {
        let story = Arc::clone(&self.story);
        let title = name.to_owned();
        self.trials.push(Trial::test(name, move || {
            let mut story = lock(&story);
            if let Some(failed) = &story.failed {
                return Err(Failed::from(format!("not run, because “{failed}” failed")));
            }
            // Also when the step panics.
            story.failed = Some(title.clone());
            let begin = Instant::now();
            step(&mut story.state).map_err(|error| Failed::from(format!("{error:#}")))?;
            story.failed = None;
            eprintln!("      {title}: {:.1} s", begin.elapsed().as_secs_f64());
            Ok(())
        }));
    }
}

fn lock<S>(story: &Mutex<Story<S>>) -> std::sync::MutexGuard<'_, Story<S>> {
    story.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says loudly that something was not tested; `.ci/run` counts these lines.
pub fn skip(what: impl Display) {
    eprintln!("      SKIPPED: {what}");
}
