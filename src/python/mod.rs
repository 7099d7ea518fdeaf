//! The only folder that knows pyo3: what Python sees of the layers below, in rooms of which each knows
//! only those before it: `values`, `waiting`, `asyncio`, `awaitable`, `opening`, `faces`.
//!
//! No rule of the protocol lives here.

mod asyncio;
mod awaitable;
mod faces;
mod opening;
mod values;
mod waiting;

use std::time::Duration;

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::drive;

/// How long interpreter exit waits for a name lookup, which cannot be interrupted.
const EXIT_PATIENCE: Duration = Duration::from_millis(100);

/// The engine. Import `aiowebsocket`, not this module: its names may change in any release.
#[pymodule(gil_used = false)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    check_interpreter()?;
    drive::panics::silence();
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<opening::Opened>()?;
    module.add_class::<faces::Link>()?;
    module.add_class::<faces::ClientConnection>()?;
    module.add_class::<faces::Converse>()?;
    module.add_class::<faces::Messages>()?;
    module.add_class::<awaitable::Operation>()?;
    module.add_function(wrap_pyfunction!(opening::open_connection, module)?)?;
    awaitable::slots::install(&py.get_type::<awaitable::Operation>())?;
    faces::coroutine_method::install(
        &py.get_type::<faces::ClientConnection>(),
        &py.get_type::<faces::Converse>(),
    )?;
    let stop = wrap_pyfunction!(stop_lifeline, module)?;
    py.import("atexit")?.call_method1("register", (stop,))?;
    register_fork_handler(py, module)
}

/// The engine's thread, its pools and its clocks are the process's; a sub-interpreter that ended would take
/// them from the one that uses them.
fn check_interpreter() -> PyResult<()> {
    // SAFETY: a thread that imports is attached to an interpreter, so there is a current one.
    let number = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
    if number == 0 {
        return Ok(());
    }
    Err(PyImportError::new_err(format!(
        "aiowebsocket works in the main interpreter only, and this is sub-interpreter {number}: \
         connect from the main one, or from a process of its own"
    )))
}

/// Ends the engine's thread, so that it leaves no trace at interpreter exit: after that it must not
/// touch Python any more, so it is waited for, without the GIL that it may need to finish.
#[pyfunction(name = "_stop_lifeline")]
fn stop_lifeline(py: Python<'_>) {
    py.detach(|| drive::lifeline::stop(EXIT_PATIENCE));
}

/// Tells the engine that it lives in a new process: masking keys are seeded afresh.
#[pyfunction(name = "_forked")]
fn forked() {
    drive::forked();
    asyncio::forked();
}

fn register_fork_handler(py: Python<'_>, module: &Bound<'_, PyModule>) -> PyResult<()> {
    let os = py.import("os")?;
    if !os.hasattr("register_at_fork")? {
        return Ok(());
    }
    let handlers = pyo3::types::PyDict::new(py);
    handlers.set_item("after_in_child", wrap_pyfunction!(forked, module)?)?;
    os.call_method("register_at_fork", (), Some(&handlers))?;
    Ok(())
}
