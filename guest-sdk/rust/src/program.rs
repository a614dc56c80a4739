//! The way into a stack.

use std::panic;

use crate::log::{self, Level};
use crate::{Result, author};

/// Names the function that declares the stack: `stack!(run)` for `fn run() -> Result<()>`.
#[cfg(feature = "stack")]
#[macro_export]
macro_rules! stack {
    ($run:path) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Program;
            impl $crate::__private::Guest for Program {
                fn run() -> ::std::result::Result<(), ::std::string::String> {
                    $crate::__private::start($run)
                }
            }
    $crate::__private::export!(Program with_types_in $crate::__private::bindings);
        };
        // Used from tests only, outside Wasm.
        #[cfg(not(target_family = "wasm"))]
        #[allow(dead_code)]
        const _: fn() -> $crate::Result<()> = $run;
    };
}

/// Runs a stack so that a panic reaches the host as words, not only as a trap, and what is wrong with the lines that it
/// comes from.
#[doc(hidden)]
pub fn start(run: fn() -> Result<()>) -> std::result::Result<(), String> {
    panic::set_hook(Box::new(|panic| log::write(Level::Error, panic.to_string())));
    let result = run();
    let refused = author::refused();
    let mut lines = Vec::new();
    match result {
        Ok(()) if refused.is_empty() => return Ok(()),
        Ok(()) => {
            lines.push("the host refused what these lines declare".to_owned());
            lines.extend(refused.iter().map(|place| format!("    {place}")));
        }
        Err(error) => {
            lines.push(error.message().to_owned());
            lines.push(format!("    {}", error.place()));
            lines.extend(refused.iter().map(|place| format!("    before that, the host refused {place}")));
        }
    }
    Err(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::start;
    use crate::{Error, author};

    #[test]
    fn errors_name_the_line_that_they_come_from() {
        assert_eq!(start(|| Ok(())), Ok(()));
        let line = line!() + 1;
        let said = start(|| Err(Error::new("Set it."))).unwrap_err();
        assert!(said.starts_with(&format!("Set it.\n    {}:{line}:", file!())), "{said}");
        let line = line!() + 2;
        let said = start(|| {
            let _: u8 = "many".parse()?;
            Ok(())
        });
        let said = said.unwrap_err();
        assert!(
            said.starts_with("invalid digit") && said.contains(&format!("    {}:{line}:", file!())),
            "{said}"
        );
    }

    #[test]
    fn what_is_refused_is_told_at_the_end() {
        let line = line!() + 2;
        let said = start(|| {
            author::noted(None::<u32>);
            Ok(())
        });
        let said = said.unwrap_err();
        let place = format!("{}:{line}:", file!());
        assert!(
            said.starts_with(&format!("the host refused what these lines declare\n    {place}")),
            "{said}"
        );
        let said = start(|| {
            author::noted(None::<u32>);
            Err(Error::new("Set it."))
        });
        assert!(said.unwrap_err().contains("\n    before that, the host refused "));
        assert_eq!(start(|| Ok(())), Ok(()), "nothing is left of the run before");
    }
}
