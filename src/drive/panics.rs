//! A panic is a bug of ours, and not to be seen as one by whoever uses us: it is caught at every door and
//! told in words. Nothing is written to the user's terminal.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, MutexGuard, PoisonError};

static LAST: Mutex<String> = Mutex::new(String::new());

/// From here on panics are remembered, and not printed. This library's own ones: each has a hook of its own.
pub fn silence() {
    panic::set_hook(Box::new(|panic| {
        let said = words(panic.payload());
        let told = match panic.location() {
            Some(place) => format!("{said} ({}:{})", place.file(), place.line()),
            None => said,
        };
        *remembered() = told;
    }));
}

/// What `work` gives, or the panic that ended it, in words.
pub fn caught<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let last = last();
        if last.is_empty() { words(&*payload) } else { last }
    })
}

/// The last panic, in words.
#[must_use]
pub fn last() -> String {
    remembered().clone()
}

fn remembered() -> MutexGuard<'static, String> {
    LAST.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was said with a panic that somebody else has caught.
#[must_use]
pub fn words(payload: &(dyn Any + Send)) -> String {
    let said = payload.downcast_ref::<&str>().map(ToString::to_string);
    said.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()
}
