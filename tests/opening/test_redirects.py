"""What `connect` does when the server sends it on (RFC 6455 4.1, RFC 9110 15.4).

Redirects that are not followed are errors: `RedirectError`, in test_errors_handshake.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket
import clock
from aiowebsocket import AioWebSocket, connect
from failures import assert_readable, refusal
from peers import frames
from peers.raw import EndOfStreamError, Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeRawPeer
    from peers.raw import RawPeer, Request

SECRET = "s3cret"
SECRETS = {
    "Authorization": f"Bearer {SECRET}",
    "Cookie": f"id={SECRET}",
    "Proxy-Authorization": f"Basic {SECRET}",
    "X-Api-Key": SECRET,
}


def sending_to(location: str, status: int = 302) -> Callable[[Session], Request]:
    def script(session: Session) -> Request:
        request = session.read_request()
        session.send(f"HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\n\r\n".encode())
        session.hang_up()
        return request

    return script


def with_password(peer: RawPeer) -> str:
    return peer.uri.replace("://", f"://user:{SECRET}@")


@pytest.mark.every("scheme")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed_with_a_handshake_of_its_own(
    raw_peer: MakeRawPeer, status: int
) -> None:
    last = raw_peer(Session.open)
    first = raw_peer(sending_to(f"{last.uri}chat?room=1#top", status))
    async with connect(first.uri) as ws:
        assert ws.remote_address[1] == last.port
        assert ws.request.path == "/chat?room=1"
    before, after = await first.report(), await last.report()
    assert after.request_line == "GET /chat?room=1 HTTP/1.1"
    assert (before["Host"], after["Host"]) == (first.host, last.host)
    assert before["Sec-WebSocket-Key"] != after["Sec-WebSocket-Key"]


async def test_a_relative_location_leads_to_the_same_server_with_everything(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(sending_to("../new?x=1"), Session.open)
    options: dict[str, Any] = {"additional_headers": SECRETS, "subprotocols": ["chat"]}
    async with connect(with_password(peer) + "a/b", origin="https://o.example", **options):
        pass
    before, after = await peer.report()
    assert after.request_line == "GET /new?x=1 HTTP/1.1"
    keys = [dict(request.fields).pop("Sec-WebSocket-Key") for request in (before, after)]
    assert len(set(keys)) == 2
    assert [name for name, _ in before.fields] == [name for name, _ in after.fields]
    assert after["Cookie"] == SECRETS["Cookie"]


async def test_another_origin_gets_no_secret(raw_peer: MakeRawPeer) -> None:
    last = raw_peer(Session.open)
    first = raw_peer(sending_to(last.uri))
    headers = {**SECRETS, "Accept-Language": "eo", "Host": "virtual.example"}
    async with connect(
        with_password(first),
        origin="https://o.example",
        user_agent_header="tests/1",
        subprotocols=["chat"],
        additional_headers=headers,
    ):
        pass
    before, after = await first.report(), await last.report()
    assert before["Host"] == "virtual.example"
    for name, value in SECRETS.items():
        assert before[name] == value
    assert {name for name, _ in after.fields} == {
        *("Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"),
        *("Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"),
        *("Accept-Language", "Origin", "User-Agent"),
    }
    assert (after["Host"], after["Sec-WebSocket-Protocol"]) == (last.host, "chat")
    assert SECRET not in after.raw.decode()


async def test_the_password_of_the_uri_is_not_sent_to_another_origin(raw_peer: MakeRawPeer) -> None:
    last = raw_peer(Session.open)
    first = raw_peer(sending_to(last.uri))
    async with connect(with_password(first)):
        pass
    assert (await first.report())["Authorization"].startswith("Basic ")
    assert (await last.report()).all("Authorization") == []


async def test_each_redirect_is_logged_at_debug_without_credentials(
    raw_peer: MakeRawPeer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "aiowebsocket")
    last = raw_peer(Session.open)
    middle = raw_peer(sending_to(last.uri, 307))
    first = raw_peer(sending_to(middle.uri))
    async with connect(with_password(first), additional_headers={"Cookie": f"a={SECRET}"}):
        pass
    lines = [record.getMessage() for record in caplog.records if "redirected" in record.msg]
    assert lines == [
        f"< HTTP/1.1 302, redirected to {middle.uri}",
        f"< HTTP/1.1 307, redirected to {last.uri}",
    ]
    assert SECRET not in caplog.text


async def test_the_error_of_a_later_server_tells_how_we_came_there(
    raw_peer: MakeRawPeer, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(session: Session) -> None:
        session.read_request()
        session.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        session.hang_up()

    caplog.set_level(logging.DEBUG, "aiowebsocket")
    last = raw_peer(refuse)
    first = raw_peer(sending_to(last.uri))
    error = await refusal(with_password(first))
    assert type(error) is aiowebsocket.InvalidStatus
    assert error.redirects == ((302, last.uri),)
    assert_readable(error, last.host, "403", f"after a redirect from {first.host}")
    assert f"redirected to {last.uri}" in caplog.text
    assert SECRET not in caplog.text + str(error)


async def test_all_redirects_share_one_open_timeout(raw_peer: MakeRawPeer) -> None:
    def slowly(session: Session) -> None:
        # The client may give up at any moment.
        with contextlib.suppress(OSError, EndOfStreamError):
            session.read_request()
            session.go.wait(0.4)
            session.send(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n")
            session.hang_up()

    peer = raw_peer(*[slowly] * 6)
    with clock.measuring() as took:
        error = await refusal(peer.uri, open_timeout=1)
    assert type(error) is aiowebsocket.ConnectTimeout
    assert took.seconds >= 1
    assert took.late(1) < clock.SLACK
    assert peer.connections <= 3


async def test_with_max_redirects_0_a_redirect_is_a_refusal(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(sending_to("/again"))
    error = await refusal(peer.uri, max_redirects=0)
    assert type(error) is aiowebsocket.InvalidStatus
    assert (error.response.status_code, error.redirects) == (302, ())
    assert peer.connections == 1


async def test_the_originals_face_follows_no_redirect(raw_peer: MakeRawPeer) -> None:
    last = raw_peer(Session.open)
    first = raw_peer(sending_to(last.uri))
    with pytest.raises(aiowebsocket.HandShakeError) as raised:
        await AioWebSocket(first.uri).create_connection()
    assert type(raised.value) is aiowebsocket.InvalidStatus
    assert_readable(raised.value, first.host, "rejected the opening handshake: HTTP 302 Elsewhere")
    assert last.connections == 0


async def test_connecting_again_begins_at_the_uri_of_the_caller(raw_peer: MakeRawPeer) -> None:
    def serve(session: Session) -> Request:
        request = session.open()
        session.send(frames.text("hello"))
        session.send_close(1000)
        return request

    last = raw_peer(serve, serve)
    first = raw_peer(*[sending_to(last.uri)] * 2)
    seen = []
    async for ws in connect(with_password(first)):
        seen += [message async for message in ws]
        if len(seen) == 2:
            break
    assert seen == ["hello"] * 2
    for request in await first.report():
        assert request["Authorization"].startswith("Basic ")
    assert (first.connections, last.connections) == (2, 2)


async def test_cancelling_connect_closes_the_socket_to_the_next_server(
    raw_peer: MakeRawPeer,
) -> None:
    def stall(session: Session) -> str:
        session.read_request()
        session.go.set()
        return session.receive_ending()

    last = raw_peer(stall)
    first = raw_peer(sending_to(last.uri))
    opening = asyncio.ensure_future(connect(first.uri)._open())
    await asyncio.get_running_loop().run_in_executor(None, last.go.wait, 10)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert await last.report() in ("FIN", "RST")


@pytest.mark.parametrize(
    ("value", "error"),
    [(-1, ValueError), ("5", TypeError), (True, TypeError), (1.5, TypeError), (None, TypeError)],
)
async def test_max_redirects_is_a_number_of_redirects(
    raw_peer: MakeRawPeer, value: Any, error: type[Exception]
) -> None:
    peer = raw_peer(Session.open)
    with pytest.raises(error):
        await connect(peer.uri, max_redirects=value)
    assert peer.connections == 0
