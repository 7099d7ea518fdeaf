"""What fails in the server's response to the opening handshake (RFC 6455 4.1), on a real socket."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

import aiowebsocket
import clock
from aiowebsocket import connect
from failures import assert_readable, refusal
from peers import frames

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeRawPeer
    from peers.raw import Session

GARBAGE = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "HTTP/1.0": b"HTTP/1.0 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
    "HTTP/2": b"HTTP/2 101\r\nUpgrade: websocket\r\n\r\n",
    "no status": b"HTTP/1.1 Switching Protocols\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 1010 Switching Protocols\r\n\r\n",
    "a NUL": b"HTTP/1.1 101 Switching Protocols\r\nX: a\0b\r\n\r\n",
    "a bare CR": b"HTTP/1.1 101 Switching Protocols\r\nX: a\rb\r\n\r\n",
    "a space before the colon": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade : websocket\r\n\r\n",
    "a fold before the first field": b"HTTP/1.1 101 Switching Protocols\r\n a\r\nX: b\r\n\r\n",
    "a line without a colon": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade\r\n\r\n",
    "a huge field": b"HTTP/1.1 101 Switching Protocols\r\nX: " + b"x" * 2**17,
    "a huge status line": b"HTTP/1.1 101 " + b"x" * 2**17,
    "too many fields": b"HTTP/1.1 101 Switching Protocols\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_invalid_message_when_the_response_is_no_http_response(
    raw_peer: MakeRawPeer, name: str
) -> None:
    def script(session: Session) -> str:
        session.read_request()
        session.send(GARBAGE[name])
        return session.receive_ending()

    peer = raw_peer(script)
    error = await refusal(peer.uri)
    assert type(error) is aiowebsocket.InvalidMessage
    assert isinstance(error, aiowebsocket.InvalidHandshake)
    assert isinstance(error, aiowebsocket.ConnectError)
    assert_readable(error, peer.host)
    assert await peer.report() in ("FIN", "RST")


ENDLESS_HEADS = {
    "a field value": (b"X: ", b"x" * 2**16),
    "fields": (b"", b"X: y\r\n" * 2**13),
    "interim responses": (b"\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 2**11),
}


@pytest.mark.every("scheme")
@pytest.mark.parametrize("name", ENDLESS_HEADS)
async def test_a_head_of_many_mebibytes_is_not_read_to_its_end(
    raw_peer: MakeRawPeer, name: str
) -> None:
    """The head may have 64 KiB; what was sent beyond that lies in the sockets' buffers."""
    start, block = ENDLESS_HEADS[name]

    def script(session: Session) -> int:
        session.read_request()
        session.send(b"HTTP/1.1 103 Early Hints\r\n", start)
        sent = 0
        try:
            while sent < 2**26:
                session.send(block)
                sent += len(block)
        except OSError:
            session.close()
        return sent

    peer = raw_peer(script)
    error = await refusal(peer.uri)
    assert type(error) is aiowebsocket.InvalidMessage
    assert_readable(error, peer.host, "has more than")
    assert await peer.report() < 2**24


@pytest.mark.every("scheme")
@pytest.mark.parametrize("part", [b"", b"HTTP/1.1 101 Switching Protocols\r\nUpgr"])
async def test_invalid_message_at_once_when_the_response_ends_early(
    raw_peer: MakeRawPeer, part: bytes
) -> None:
    def script(session: Session) -> None:
        session.read_request()
        session.send(part)
        session.hang_up()

    peer = raw_peer(script)
    with clock.measuring() as took:
        error = await refusal(peer.uri)
    assert took.own < clock.SLACK
    assert type(error) is aiowebsocket.InvalidMessage
    assert_readable(error, peer.host)


@pytest.mark.every("scheme")
@pytest.mark.parametrize("part", [b"", b"HTTP/1.1 101 Switching Protocols\r\nUpgr"])
async def test_connect_error_at_once_when_the_connection_is_reset(
    raw_peer: MakeRawPeer, part: bytes
) -> None:
    def script(session: Session) -> None:
        session.read_request()
        session.send(part)
        session.reset()

    peer = raw_peer(script)
    with clock.measuring() as took:
        error = await refusal(peer.uri)
    assert took.own < clock.SLACK
    assert type(error) in (aiowebsocket.ConnectError, aiowebsocket.InvalidMessage)
    assert isinstance(error, ConnectionError)
    assert_readable(error, peer.host, "reset")


def refuse_with_an_endless_body(session: Session) -> None:
    session.read_request()
    session.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\nstart")
    session.receive_ending()


BODY = "no entry, because it is raining"

REFUSALS = {
    "with a length": f"Content-Length: {len(BODY)}\r\n\r\n{BODY}",
    "until the end": f"Connection: close\r\n\r\n{BODY}",
    "chunked": "Transfer-Encoding: chunked\r\n\r\n"
    f"8\r\n{BODY[:8]}\r\n17\r\n{BODY[8:]}\r\n0\r\n\r\n",
    "broken off": f"Content-Length: 1000\r\n\r\n{BODY}",
}


@pytest.mark.every("scheme")
@pytest.mark.parametrize("name", REFUSALS)
async def test_invalid_status_carries_the_response_and_the_start_of_its_body(
    raw_peer: MakeRawPeer, name: str
) -> None:
    def script(session: Session) -> None:
        session.read_request()
        session.send(f"HTTP/1.1 403 Forbidden\r\nX-Why: rain\r\n{REFUSALS[name]}".encode())
        session.hang_up()

    peer = raw_peer(script)
    error = await refusal(peer.uri)
    assert type(error) is aiowebsocket.InvalidStatus
    assert isinstance(error, aiowebsocket.InvalidHandshake)
    assert (error.response.status_code, error.response.reason_phrase) == (403, "Forbidden")
    assert error.response.headers["x-why"] == "rain"
    assert error.response.body == BODY.encode()
    assert_readable(error, peer.host, "403", "no entry")


async def test_invalid_status_in_time_though_the_body_never_ends(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(refuse_with_an_endless_body)
    with clock.measuring() as took:
        error = await refusal(peer.uri, open_timeout=1.5)
    assert took.late(1.5) < clock.SLACK
    assert type(error) is aiowebsocket.InvalidStatus
    assert error.response.body == b"start"


ENDLESS_BODIES = {
    "until the end": ("Connection: close", b"x" * 2**14),
    "chunked": ("Transfer-Encoding: chunked", b"4000\r\n" + b"x" * 2**14 + b"\r\n"),
    "with a length": ("Content-Length: 99999999999999", b"x" * 2**14),
}


@pytest.mark.parametrize("name", ENDLESS_BODIES)
async def test_the_body_of_a_refusal_is_read_only_so_far(raw_peer: MakeRawPeer, name: str) -> None:
    field, block = ENDLESS_BODIES[name]

    def script(session: Session) -> None:
        session.read_request()
        session.send(f"HTTP/1.1 500 Oops\r\n{field}\r\n\r\n".encode())
        try:
            for _ in range(1024):
                session.send(block)
        except OSError:
            session.close()

    error = await refusal(raw_peer(script).uri)
    assert type(error) is aiowebsocket.InvalidStatus
    assert error.response.body == b"x" * 2**16
    assert_readable(error, "500")


def refuse_with(head: str, body: str = "") -> Callable[[Session], None]:
    def script(session: Session) -> None:
        session.read_request()
        session.send(f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        session.hang_up()

    return script


@pytest.mark.parametrize("status", [200, 204, 300, 304, 401, 404, 426, 503])
async def test_every_final_status_is_invalid_status(raw_peer: MakeRawPeer, status: int) -> None:
    error = await refusal(raw_peer(refuse_with(f"{status} ")).uri)
    assert type(error) is aiowebsocket.InvalidStatus
    assert error.response.status_code == status


async def test_frames_behind_another_status_than_101_are_no_frames(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> str:
        request = session.read_request()
        head = session.response(request).replace(b"101 Switching Protocols", b"200 OK")
        session.send(head, frames.ping(b"answer me"), frames.text("hello"))
        return session.receive_ending()

    peer = raw_peer(script)
    error = await refusal(peer.uri)
    assert type(error) is aiowebsocket.InvalidStatus
    assert await peer.report() in ("FIN", "RST")
    assert peer.sessions[0].frames == []


async def test_a_401_names_the_schemes_asked_for_and_never_our_credentials(
    raw_peer: MakeRawPeer,
) -> None:
    challenge = 'WWW-Authenticate: Digest realm="a, b", Basic realm="c"'
    echo = "you are user:s3cret, dXNlcjpzM2NyZXQ="
    peer = raw_peer(refuse_with(f"401 Unauthorized\r\n{challenge}", echo))
    error = await refusal(peer.uri.replace("://", "://user:s3cret@"))
    assert type(error) is aiowebsocket.InvalidStatus
    assert_readable(
        error, peer.host, "HTTP 401 Unauthorized (it asks for credentials: Digest, Basic)"
    )
    assert error.response.headers["WWW-Authenticate"] == challenge.partition(": ")[2]
    assert error.response.body == echo.encode()
    assert "s3cret" not in f"{error} {error!r}"
    assert "dXNlcjpzM2NyZXQ=" not in f"{error} {error!r}"


async def test_a_426_names_the_versions_of_the_server(raw_peer: MakeRawPeer) -> None:
    """A version that both have (RFC 6455 4.4) there cannot be: this client speaks 13 alone."""
    peer = raw_peer(refuse_with("426 Upgrade Required\r\nSec-WebSocket-Version: 8, 7"))
    error = await refusal(peer.uri)
    assert type(error) is aiowebsocket.InvalidStatus
    assert_readable(error, "426", "version 8, 7", "we speak 13")
    assert error.response.headers["Sec-WebSocket-Version"] == "8, 7"
    assert peer.connections == 1


UNFOLLOWED = {
    "no Location": ((), "there is no Location"),
    "two Locations": (("Location: /a", "Location: /b"), "more than one Location"),
    "an empty Location": (("Location:",), "Location is empty"),
    "another scheme": (("Location: ftp://127.0.0.1/",), "its scheme is not ws, wss, http or https"),
    "no URI": (("Location: ws://[::1/",), "invalid IPv6 address"),
    "a backslash": (("Location: /\\127.0.0.1/",), "a backslash"),
    "a user": (("Location: ws://a:s3cret@127.0.0.1/",), "a user name or password"),
}


@pytest.mark.parametrize("name", UNFOLLOWED)
async def test_redirect_error_when_there_is_no_going_there(
    raw_peer: MakeRawPeer, name: str
) -> None:
    lines, fact = UNFOLLOWED[name]
    peer = raw_peer(refuse_with("\r\n".join(["302 Found", *lines]), "elsewhere"))
    error = await refusal(peer.uri)
    assert type(error) is aiowebsocket.RedirectError
    assert isinstance(error, aiowebsocket.InvalidStatus)
    assert (error.response.status_code, error.response.body) == (302, b"elsewhere")
    assert_readable(error, peer.host, "HTTP 302 Found", fact)
    assert "s3cret" not in f"{error} {error!r}"
    assert peer.connections == 1


@pytest.mark.parametrize("limit", [1, 5])
async def test_redirect_error_when_a_server_leads_in_circles(
    raw_peer: MakeRawPeer, limit: int
) -> None:
    peer = raw_peer(*[refuse_with("302 Found\r\nLocation: /")] * 7)
    error = await refusal(peer.uri, **({} if limit == 5 else {"max_redirects": limit}))
    assert type(error) is aiowebsocket.RedirectError
    assert_readable(error, peer.host, f"the limit of {limit} ")
    assert error.redirects == ((302, peer.uri),) * limit
    assert peer.connections == limit + 1


@pytest.mark.only(scheme="wss")
@pytest.mark.parametrize("target", ["ws", "http"])
async def test_redirect_error_when_tls_would_be_left(raw_peer: MakeRawPeer, target: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:
        plain.settimeout(0)
        port = plain.getsockname()[1]
        location = f"{target}://127.0.0.1:{port}/"
        peer = raw_peer(refuse_with(f"302 Found\r\nLocation: {location}"))
        error = await refusal(peer.uri)
        assert type(error) is aiowebsocket.RedirectError
        both = f"from wss://{peer.host} to ws://127.0.0.1:{port}"
        assert_readable(error, both, "has no TLS")
        with pytest.raises(BlockingIOError):
            plain.accept()


async def test_redirect_error_when_tls_is_switched_off(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(refuse_with("302 Found\r\nLocation: wss://127.0.0.1:9/"))
    error = await refusal(peer.uri, ssl=False)
    assert type(error) is aiowebsocket.RedirectError
    assert_readable(error, "wss://127.0.0.1:9", "TLS is switched off")


async def test_redirect_error_when_a_socket_was_handed_in(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(refuse_with("302 Found\r\nLocation: /again"))
    sock = socket.create_connection(("127.0.0.1", peer.port))
    error = await refusal(peer.uri, sock=sock)
    assert type(error) is aiowebsocket.RedirectError
    assert_readable(error, "a socket was handed in")
    assert peer.connections == 1


async def test_an_interim_response_before_the_101_is_passed_over(raw_peer: MakeRawPeer) -> None:
    """A client MUST be able to parse 1xx responses before the final one (RFC 9110 15.2)."""

    def script(session: Session) -> None:
        request = session.read_request()
        session.send(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n")
        session.send(session.response(request))

    async with connect(raw_peer(script).uri) as ws:
        assert ws.response is not None
        assert ws.response.status_code == 101


RESPONSES: dict[str, tuple[str, tuple[str, ...], str, type[Exception], str]] = {
    "no Accept": (
        "Sec-WebSocket-Accept",
        (),
        "Sec-WebSocket-Accept",
        aiowebsocket.InvalidHeader,
        "missing",
    ),
    "wrong Accept": (
        "Sec-WebSocket-Accept",
        ("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",),
        "Sec-WebSocket-Accept",
        aiowebsocket.InvalidHeader,
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    ),
    "a second Accept": (
        "",
        ("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",),
        "Sec-WebSocket-Accept",
        aiowebsocket.InvalidHeader,
        "Sec-WebSocket-Accept",
    ),
    "no Upgrade": ("Upgrade", (), "Upgrade", aiowebsocket.InvalidUpgrade, "missing"),
    "wrong Upgrade": ("Upgrade", ("Upgrade: h2c",), "Upgrade", aiowebsocket.InvalidUpgrade, "h2c"),
    "no Connection": ("Connection", (), "Connection", aiowebsocket.InvalidUpgrade, "missing"),
    "wrong Connection": (
        "Connection",
        ("Connection: keep-alive",),
        "Connection",
        aiowebsocket.InvalidUpgrade,
        "keep-alive",
    ),
}


@pytest.mark.parametrize("name", RESPONSES)
async def test_a_wrong_field_of_the_response_is_named(raw_peer: MakeRawPeer, name: str) -> None:
    without, extra, field, kind, fact = RESPONSES[name]

    def script(session: Session) -> str:
        session.open(*extra, without=without)
        return session.receive_ending()

    peer = raw_peer(script)
    error = await refusal(peer.uri)
    assert type(error) is kind
    assert isinstance(error, aiowebsocket.InvalidHandshake)
    assert isinstance(error, aiowebsocket.InvalidHeader)
    assert error.name == field
    assert (error.value is None) == (fact == "missing")
    assert_readable(error, peer.host, field, *([] if fact == "missing" else [fact]))
    assert await peer.report() in ("FIN", "RST")
    assert peer.sessions[0].frames == []


@pytest.mark.parametrize(
    "lines",
    [
        ("upgrade: WebSocket", "CONNECTION: keep-alive,  UPGRADE"),
        ("Upgrade:websocket", "Connection:Upgrade"),
        ("Upgrade: \t websocket \t", "Connection: keep-alive", "Connection: upgrade"),
    ],
)
async def test_an_odd_but_legal_response_is_accepted(
    raw_peer: MakeRawPeer, lines: tuple[str, ...]
) -> None:
    def script(session: Session) -> None:
        good = session.response(session.read_request()).decode()
        accept = next(ln for ln in good.split("\r\n") if ln.startswith("Sec-WebSocket-Accept"))
        head = ["HTTP/1.1 101 ", *lines, accept.replace(": ", ": \t") + "  "]
        session.send("\r\n".join(head).encode() + b"\r\n\r\n")

    async with connect(raw_peer(script).uri) as ws:
        assert ws.state.name == "OPEN"


@pytest.mark.parametrize(
    ("extra", "fact"),
    [
        (("Sec-WebSocket-Protocol: superchat",), "superchat"),
        (
            ("Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: chat"),
            "Sec-WebSocket-Protocol",
        ),
        (("Sec-WebSocket-Extensions: permessage-deflate",), "permessage-deflate"),
        (
            ("Sec-WebSocket-Extensions: x", "Sec-WebSocket-Extensions: x"),
            "Sec-WebSocket-Extensions",
        ),
        (("Sec-WebSocket-Extensions: x-unknown; a=1",), "x-unknown"),
    ],
)
async def test_negotiation_error_when_the_server_chose_what_was_not_offered(
    raw_peer: MakeRawPeer, extra: tuple[str, ...], fact: str
) -> None:
    def script(session: Session) -> str:
        session.open(*extra)
        return session.receive_ending()

    peer = raw_peer(script)
    error = await refusal(peer.uri, subprotocols=["chat"], compression=None)
    assert type(error) in (aiowebsocket.NegotiationError, aiowebsocket.InvalidHeader)
    assert isinstance(error, aiowebsocket.InvalidHandshake)
    assert_readable(error, fact)
    assert await peer.report() in ("FIN", "RST")


async def test_a_subprotocol_when_none_was_offered_is_a_negotiation_error(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> str:
        session.open("Sec-WebSocket-Protocol: chat")
        return session.receive_ending()

    error = await refusal(raw_peer(script).uri)
    assert type(error) is aiowebsocket.NegotiationError
    assert_readable(error, "chat")
