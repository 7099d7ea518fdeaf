//! What the engine takes from Python modules, each named once and looked up once.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// A name in a module, imported when it is first asked for.
pub(crate) struct Import {
    module: &'static str,
    name: &'static str,
    object: PyOnceLock<Py<PyAny>>,
}

impl Import {
    const fn new(module: &'static str, name: &'static str) -> Self {
        Self { module, name, object: PyOnceLock::new() }
    }

    pub(crate) fn get<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyAny>> {
        let object = self.object.get_or_try_init(py, || {
            let module = py.import(self.module)?.into_any();
            let find = |found: Bound<'py, PyAny>, name| found.getattr(name);
            self.name.split('.').try_fold(module, find).map(Bound::unbind)
        })?;
        Ok(object.bind(py))
    }
}

macro_rules! imports {
    ($($place:ident = $module:literal, $name:literal;)*) => {
        $(pub(crate) static $place: Import = Import::new($module, $name);)*
    };
}

imports! {
    GET_RUNNING_LOOP = "asyncio", "get_running_loop";
    CURRENT_TASK = "asyncio", "current_task";
    RUN_FOREVER = "asyncio", "BaseEventLoop.run_forever";
    CANCELLED_ERROR = "asyncio", "CancelledError";
    ENVIRON = "os", "environ";
    FSDECODE = "os", "fsdecode";
    MONOTONIC = "time", "monotonic";

    COROUTINE_TYPE = "types", "CoroutineType";
    FRESH_FRAME = "aiowebsocket.coroutine_functions", "fresh_frame";
    SUSPENDED_FRAME = "aiowebsocket.coroutine_functions", "suspended_frame";
    MODEL_RECV = "aiowebsocket.coroutine_functions", "ClientConnection.recv";
    MODEL_RECV_MANY = "aiowebsocket.coroutine_functions", "ClientConnection.recv_many";
    MODEL_SEND = "aiowebsocket.coroutine_functions", "ClientConnection.send";
    MODEL_SEND_MANY = "aiowebsocket.coroutine_functions", "ClientConnection.send_many";
    MODEL_CONVERSE_RECEIVE = "aiowebsocket.coroutine_functions", "Converse.receive";
    MODEL_CONVERSE_RECEIVE_MANY = "aiowebsocket.coroutine_functions", "Converse.receive_many";
    MODEL_CONVERSE_SEND = "aiowebsocket.coroutine_functions", "Converse.send";
    MODEL_CONVERSE_SEND_MANY = "aiowebsocket.coroutine_functions", "Converse.send_many";

    CLOSE = "aiowebsocket.frames", "Close";
    HEADERS = "aiowebsocket.handshake", "Headers";
    REQUEST = "aiowebsocket.handshake", "Request";
    RESPONSE = "aiowebsocket.handshake", "Response";
    STATS = "aiowebsocket.stats", "Stats";

    CERTIFICATE_ERROR = "aiowebsocket.exceptions", "CertificateError";
    ENGINE_ERROR = "aiowebsocket.exceptions", "EngineError";
    CONCURRENCY_ERROR = "aiowebsocket.exceptions", "ConcurrencyError";
    CONNECTION_CLOSED_ERROR = "aiowebsocket.exceptions", "ConnectionClosedError";
    CONNECTION_CLOSED_OK = "aiowebsocket.exceptions", "ConnectionClosedOK";
    CONNECT_ERROR = "aiowebsocket.exceptions", "ConnectError";
    CONNECT_REFUSED = "aiowebsocket.exceptions", "ConnectRefused";
    CONNECT_TIMEOUT = "aiowebsocket.exceptions", "ConnectTimeout";
    INVALID_HEADER = "aiowebsocket.exceptions", "InvalidHeader";
    INVALID_MESSAGE = "aiowebsocket.exceptions", "InvalidMessage";
    INVALID_PROXY = "aiowebsocket.exceptions", "InvalidProxy";
    INVALID_PROXY_MESSAGE = "aiowebsocket.exceptions", "InvalidProxyMessage";
    INVALID_PROXY_STATUS = "aiowebsocket.exceptions", "InvalidProxyStatus";
    INVALID_STATUS = "aiowebsocket.exceptions", "InvalidStatus";
    INVALID_UPGRADE = "aiowebsocket.exceptions", "InvalidUpgrade";
    INVALID_URI = "aiowebsocket.exceptions", "InvalidURI";
    NEGOTIATION_ERROR = "aiowebsocket.exceptions", "NegotiationError";
    PAYLOAD_TOO_BIG = "aiowebsocket.exceptions", "PayloadTooBig";
    PROTOCOL_ERROR = "aiowebsocket.exceptions", "ProtocolError";
    PROXY_ERROR = "aiowebsocket.exceptions", "ProxyError";
    REDIRECT_ERROR = "aiowebsocket.exceptions", "RedirectError";
    RESOLVE_ERROR = "aiowebsocket.exceptions", "ResolveError";
    TLS_ERROR = "aiowebsocket.exceptions", "TLSError";
}
