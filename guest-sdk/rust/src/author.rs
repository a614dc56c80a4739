//! Which lines of the author's own the host refuses.

use std::cell::RefCell;
use std::panic::Location;

thread_local! {
    static REFUSED: RefCell<Vec<&'static Location<'static>>> = const { RefCell::new(Vec::new()) };
}

/// Notes the caller's line if the host has refused what it asks for.
#[track_caller]
pub(crate) fn noted<T>(answer: Option<T>) -> Option<T> {
    if answer.is_none() {
        let place = Location::caller();
        REFUSED.with(|refused| refused.borrow_mut().push(place));
    }
    answer
}

/// The lines that have been refused so far, in order; none of them is left.
pub(crate) fn refused() -> Vec<&'static Location<'static>> {
    REFUSED.with(RefCell::take)
}
