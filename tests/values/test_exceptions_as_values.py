"""The exceptions by themselves: what catches them, what they say, and that they travel.

When each one is raised is tested where a peer can provoke it.
"""

import asyncio
import copy
import errno
import pickle
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aiowebsocket import exceptions
from aiowebsocket.exceptions import (
    AioWebSocketError,
    CertificateError,
    ConcurrencyError,
    ConnectError,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    ConnectRefused,
    ConnectTimeout,
    FrameError,
    HandShakeError,
    InvalidHandshake,
    InvalidHeader,
    InvalidMessage,
    InvalidStatus,
    InvalidUpgrade,
    InvalidURI,
    NegotiationError,
    PayloadTooBig,
    ProtocolError,
    RedirectError,
    ResolveError,
    TLSError,
    WebSocketException,
)
from aiowebsocket.frames import Close
from aiowebsocket.handshake import Headers, Response

MESSAGE_ONLY: list[type[Any]] = [
    AioWebSocketError,
    ConnectError,
    ConnectRefused,
    ResolveError,
    TLSError,
    CertificateError,
    ConnectTimeout,
    InvalidHandshake,
    InvalidMessage,
    NegotiationError,
    ProtocolError,
    PayloadTooBig,
    ConcurrencyError,
]
LEGACY_BASES: list[tuple[type[Any], type[Exception]]] = [
    (AioWebSocketError, Exception),
    (InvalidURI, ValueError),
    (ConnectError, ConnectionError),
    (ConnectRefused, ConnectionRefusedError),
    (ResolveError, socket.gaierror),
    (TLSError, ssl.SSLError),
    (CertificateError, ssl.SSLCertVerificationError),
    (CertificateError, ssl.CertificateError),
    (CertificateError, ValueError),
    (ConnectTimeout, TimeoutError),
    (ConnectTimeout, asyncio.TimeoutError),
    (ConnectTimeout, socket.timeout),
    (ConnectionClosed, asyncio.IncompleteReadError),
    (ConnectionClosed, EOFError),
    (ConnectionClosed, ConnectionResetError),
    (ConnectionClosed, OSError),
    (ConcurrencyError, RuntimeError),
]
FORBIDDEN = Response(403, "Forbidden", Headers([("Content-Length", "2")]), b"no")
FOUND = Response(302, "Found", Headers())
GONE = Close(1001, "restart")
BYE = Close(1000, "")


def samples() -> Iterator[AioWebSocketError]:
    for kind in MESSAGE_ONLY:
        yield kind("the fact: 7")
    yield ConnectRefused("127.0.0.1:1 refused the connection", errno=errno.ECONNREFUSED)
    yield ResolveError("no address for nowhere.invalid", errno=socket.EAI_NONAME)
    yield ProtocolError("a text message is not UTF-8", code=1007)
    yield InvalidURI("ws://", "it has no host")
    yield InvalidStatus(FORBIDDEN)
    yield InvalidStatus(FORBIDDEN, message="127.0.0.1:1 answered 403 Forbidden: no")
    yield RedirectError(FOUND, message="127.0.0.1:1 sent a redirect without a Location")
    redirected = ConnectRefused("127.0.0.1:2 refused the connection")
    redirected.redirects = ((302, "ws://127.0.0.1:2/"),)
    yield redirected
    yield InvalidHeader("Sec-WebSocket-Accept")
    yield InvalidHeader("Upgrade", "h2c", message="the server wants h2c")
    yield InvalidUpgrade("Connection", "close", errno=errno.EPROTO)
    for kind in (ConnectionClosed, ConnectionClosedOK, ConnectionClosedError):
        yield kind(GONE, BYE, True)
        yield kind(None, None)
        yield kind(None, BYE, detail="It was closed here.")


SAMPLES = list(samples())


def told(error: AioWebSocketError) -> tuple[object, ...]:
    """All that a user can see of an exception."""
    return (
        type(error),
        str(error),
        repr(error),
        error.args,
        vars(error),
        getattr(error, "errno", None),
        getattr(error, "strerror", None),
        getattr(error, "redirects", None),
    )


@pytest.mark.parametrize("error", SAMPLES, ids=repr)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_exception_survives_pickle(error: AioWebSocketError, protocol: int) -> None:
    assert told(pickle.loads(pickle.dumps(error, protocol))) == told(error)


@pytest.mark.parametrize("error", SAMPLES, ids=repr)
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_an_exception_survives_copy(
    error: AioWebSocketError, duplicate: Callable[[AioWebSocketError], AioWebSocketError]
) -> None:
    assert told(duplicate(error)) == told(error)


def test_what_a_user_adds_to_an_exception_survives_pickle() -> None:
    error: Any = ConnectRefused("refused", errno=errno.ECONNREFUSED)
    error.attempt = 3
    assert pickle.loads(pickle.dumps(error)).attempt == 3


@pytest.mark.parametrize(("kind", "base"), LEGACY_BASES)
def test_what_scripts_catch_still_catches(kind: type[Any], base: type[Exception]) -> None:
    assert issubclass(kind, base)


@pytest.mark.parametrize("error", SAMPLES, ids=repr)
def test_one_base_catches_every_exception(error: AioWebSocketError) -> None:
    assert isinstance(error, AioWebSocketError)


def test_every_exported_exception_is_one_of_ours() -> None:
    for name in exceptions.__all__:
        assert issubclass(getattr(exceptions, name), AioWebSocketError)


def test_names_people_know_are_the_same_classes() -> None:
    assert WebSocketException is AioWebSocketError
    assert HandShakeError is InvalidHandshake
    assert FrameError is ProtocolError


@pytest.mark.parametrize(
    "kind", [InvalidStatus, RedirectError, InvalidHeader, InvalidMessage, NegotiationError]
)
def test_a_wrong_handshake_is_a_handshake_error_and_a_connection_error(kind: type[Any]) -> None:
    assert issubclass(kind, HandShakeError)
    assert issubclass(kind, ConnectionError)


@pytest.mark.parametrize("kind", MESSAGE_ONLY)
def test_the_text_is_exactly_the_message(kind: type[Any]) -> None:
    assert str(kind("wss://example.com: the fact is 7")) == "wss://example.com: the fact is 7"
    assert str(kind()) == ""


@pytest.mark.parametrize("kind", [kind for kind in MESSAGE_ONLY if issubclass(kind, OSError)])
def test_errno_is_set_and_does_not_change_the_text(kind: type[Any]) -> None:
    error = kind("the fact: 7", errno=111)
    assert error.errno == 111
    assert str(error) == error.strerror == "the fact: 7"
    assert error.args == ("the fact: 7",)
    assert kind("the fact: 7").errno is None


def test_a_certificate_error_has_the_attributes_of_the_ssl_module() -> None:
    error = CertificateError("the certificate has expired")
    assert error.library == "rustls"
    assert error.reason == error.verify_message == "the certificate has expired"
    assert error.verify_code == 1


def test_a_refusal_carries_the_response() -> None:
    error = InvalidStatus(FORBIDDEN)
    assert error.response is FORBIDDEN
    assert str(error) == "server rejected WebSocket connection: HTTP 403"


def test_a_redirect_that_is_not_followed_is_a_refusal() -> None:
    error = RedirectError(FOUND)
    assert isinstance(error, InvalidStatus)
    assert (error.response, error.redirects) == (FOUND, ())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "missing Upgrade header"),
        ("", "empty Upgrade header"),
        ("h2c", "invalid Upgrade header: h2c"),
    ],
)
def test_a_wrong_header_names_the_header_and_its_value(value: str | None, text: str) -> None:
    error = InvalidUpgrade("Upgrade", value)
    assert (error.name, error.value, str(error)) == ("Upgrade", value, text)


def test_the_raiser_may_word_a_handshake_error_itself() -> None:
    assert str(InvalidStatus(FORBIDDEN, message="a b c")) == "a b c"
    assert str(InvalidHeader("Upgrade", "h2c", message="a b c")) == "a b c"


def test_an_invalid_uri_is_named_with_the_reason() -> None:
    error = InvalidURI("ftp://host/", "its scheme is unknown")
    assert (error.uri, error.msg) == ("ftp://host/", "its scheme is unknown")
    assert str(error) == "ftp://host/ isn't a valid URI: its scheme is unknown"


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("ws://user:s3cret@host/", "ws://***@host/"),
        ("ws://user:s3c/ret@host/", "ws://***@host/"),
        ("ws://user:s3c#ret@host/", "ws://***@host/"),
        ("ws://user:s3c@ret@host/", "ws://***@host/"),
        ("user:s3cret@host", "***@host"),
        ("ws:/host", "ws:/host"),
    ],
)
def test_an_invalid_uri_never_shows_a_password(uri: str, shown: str) -> None:
    error = InvalidURI(uri, "it is wrong")
    assert error.uri == shown
    assert "s3c" not in str(error) + repr(error) + str(error.args) + str(vars(error))


def test_an_invalid_uri_cannot_forge_a_line_in_a_log() -> None:
    assert str(InvalidURI("ws://ho\r\nst\x1b", "no")) == r"ws://ho\r\nst\x1b isn't a valid URI: no"
    assert str(InvalidURI("ws://bücher/", "no")) == "ws://bücher/ isn't a valid URI: no"


# The texts of websockets, on which people's log filters match.
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((None, None, None), "no close frame received or sent"),
        ((None, BYE, None), "sent 1000 (OK); no close frame received"),
        ((GONE, None, None), "received 1001 (going away) restart; no close frame sent"),
        ((GONE, BYE, True), "received 1001 (going away) restart; then sent 1000 (OK)"),
        ((GONE, BYE, False), "sent 1000 (OK); then received 1001 (going away) restart"),
    ],
)
def test_a_closed_connection_tells_who_closed_it(arguments: tuple[Any, ...], text: str) -> None:
    assert str(ConnectionClosed(*arguments)) == text
    assert str(ConnectionClosed(*arguments, detail="Open it anew.")) == f"{text}. Open it anew."


def test_the_close_code_and_reason_are_those_received() -> None:
    error = ConnectionClosedError(GONE, BYE, True)
    assert (error.code, error.reason) == (1001, "restart")
    assert (error.rcvd, error.sent, error.rcvd_then_sent) == (GONE, BYE, True)


def test_without_a_close_frame_the_code_is_1006() -> None:
    error = ConnectionClosedError(None, Close(1002, "bad opcode"))
    assert (error.code, error.reason) == (1006, "")
    assert type(error.code) is int


def test_a_closed_connection_has_no_partial_message() -> None:
    error = ConnectionClosedOK(BYE, BYE, True)
    assert error.partial == b""
    assert error.expected is None
    assert error.errno is None


def test_a_protocol_error_knows_its_close_code() -> None:
    assert ProtocolError("reserved opcode 0x3").code == 1002
    assert ProtocolError("a text message is not UTF-8", code=1007).code == 1007
    assert PayloadTooBig("a message of 9 bytes exceeds max_size 8").code == 1009


@pytest.mark.parametrize("error", SAMPLES, ids=repr)
def test_an_exception_can_be_raised_from_another(error: AioWebSocketError) -> None:
    cause = ProtocolError("the cause")
    with pytest.raises(AioWebSocketError) as caught:
        raise error from cause
    assert caught.value is error
    assert caught.value.__cause__ is cause
