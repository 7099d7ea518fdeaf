"""What the logger `aiowebsocket` tells, and what no log line, message or repr may ever tell."""

from __future__ import annotations

import base64
import logging
import re
import traceback
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket
from aiowebsocket import AioWebSocket, connect
from peers import frames

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.raw import Session

PASSWORD, TOKEN, COOKIE = "s3cret-password", "s3cret-token", "s3cret-cookie"
BASIC = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
SECRETS = (PASSWORD, TOKEN, COOKIE, BASIC)


def converse(session: Session) -> None:
    session.open("Set-Cookie: session=" + COOKIE)
    session.receive()
    session.send(frames.text("short"), frames.binary(b"\0" * 10_000), frames.ping(b"beat"))
    session.send(frames.text("many words " * 1000))


async def talk(uri: str, **options: Any) -> None:
    async with connect(uri, **options) as ws:
        await ws.send("question " * 1000)
        for _ in range(3):
            await ws.recv()


async def test_frames_and_the_handshake_are_logged_at_debug(
    raw_peer: MakeRawPeer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "aiowebsocket")
    await talk(raw_peer(converse).uri)
    log = caplog.text.lower()
    for word in ("get / http/1.1", "101", "text", "binary", "ping", "pong", "close", "1000"):
        assert word in log
    assert "short" in log
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}
    assert {record.name for record in caplog.records} <= {"aiowebsocket", "asyncio"}


async def test_log_lines_are_cut_and_stay_on_one_line(
    raw_peer: MakeRawPeer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "aiowebsocket")
    await talk(raw_peer(converse).uri)
    messages = [record.getMessage() for record in caplog.records if record.name == "aiowebsocket"]
    assert messages
    assert max(map(len, messages)) < 300
    assert not any(re.search(r"[\x00-\x1f\x7f]", message) for message in messages)


async def test_nothing_is_logged_above_debug_when_all_goes_well(
    raw_peer: MakeRawPeer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await talk(raw_peer(converse).uri)
    assert caplog.records == []


async def test_a_logger_of_the_callers_takes_the_lines(
    raw_peer: MakeRawPeer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await talk(raw_peer(converse).uri, logger=logging.getLogger("mine"))
    names = {record.name for record in caplog.records}
    assert "mine" in names
    assert "aiowebsocket" not in names


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
async def test_credentials_are_in_no_log_line_error_or_repr(
    raw_peer: MakeRawPeer, caplog: pytest.LogCaptureFixture, level: int
) -> None:
    caplog.set_level(level)
    peer = raw_peer(converse)
    uri = peer.uri.replace("://", f"://user:{PASSWORD}@")
    secret_headers = {
        "Cookie": f"id={COOKIE}",
        "Proxy-Authorization": f"Bearer {TOKEN}",
    }
    async with connect(uri, additional_headers=secret_headers) as ws:
        await ws.send("question")
        shown = [repr(ws), repr(ws.request), repr(ws.response), str(ws.state)]
        assert ws.request is not None
        assert BASIC in ws.request.headers["Authorization"]
    request = peer.sessions[0].request
    assert request is not None
    assert request["Cookie"] == f"id={COOKIE}"
    assert_no_secret(caplog, *shown)


@pytest.mark.parametrize("scheme", ["ws", "wss", "nowhere", "ftp"])
async def test_credentials_are_in_no_error_of_opening(
    raw_peer: MakeRawPeer, caplog: pytest.LogCaptureFixture, scheme: str
) -> None:
    def refuse(session: Session) -> None:
        session.read_request()
        session.send(b"HTTP/1.1 401 Unauthorized\r\nSet-Cookie: " + COOKIE.encode() + b"\r\n\r\n")
        session.hang_up()

    caplog.set_level(logging.DEBUG)
    if scheme in ("ws", "wss"):
        uri = raw_peer(refuse).uri
    else:
        uri = "ws://no-such-name.invalid/" if scheme == "nowhere" else "ftp://127.0.0.1/"
    uri = uri.replace("://", f"://user:{PASSWORD}@")
    with pytest.raises(aiowebsocket.AioWebSocketError) as raised:
        await connect(uri, additional_headers={"Authorization": f"Bearer {TOKEN}"})
    error = raised.value
    response = getattr(error, "response", None)
    only_message = traceback.format_exception_only(type(error), error)
    assert_no_secret(caplog, str(error), repr(error), repr(response), *only_message)


async def test_a_wrong_header_value_is_not_shown_in_its_error(raw_peer: MakeRawPeer) -> None:
    with pytest.raises(ValueError, match="Authorization") as raised:
        await connect("ws://127.0.0.1:9/", additional_headers={"Authorization": f"{TOKEN}\r\n"})
    assert TOKEN not in f"{raised.value} {raised.value!r}"


async def test_the_originals_face_keeps_the_secrets_too(
    raw_peer: MakeRawPeer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    uri = raw_peer(converse).uri.replace("://", f"://user:{PASSWORD}@")
    aws = AioWebSocket(uri, union_header={"Cookie": COOKIE, "authorization": f"Bearer {TOKEN}"})
    async with aws:
        assert aws.manipulator is not None
        await aws.manipulator.send("question")
        shown = [repr(aws), repr(aws.manipulator)]
    assert_no_secret(caplog, *shown)


def assert_no_secret(caplog: pytest.LogCaptureFixture, *shown: str) -> None:
    text = "\n".join([caplog.text, *shown])
    for secret in SECRETS:
        assert secret not in text


async def test_payload_of_a_broken_frame_is_not_shown_in_the_error(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send(frames.frame(frames.TEXT, b"s3cret\xff"))

    async with connect(raw_peer(script).uri, close_timeout=0.3) as ws:
        with pytest.raises(aiowebsocket.ConnectionClosedError) as raised:
            await ws.recv()
    assert "s3cret" not in f"{raised.value} {raised.value!r} {raised.value.__cause__!r}"


async def test_a_send_that_is_dropped_is_logged_once_as_a_warning(
    raw_peer: MakeRawPeer, caplog: pytest.LogCaptureFixture
) -> None:
    """COMPAT: until the application has learnt of the end, a send on a dead connection is lost."""

    def script(session: Session) -> None:
        session.open()
        session.send_close(1001, "restart")

    peer = raw_peer(script)
    async with AioWebSocket(peer.uri) as aws:
        assert aws.manipulator is not None
        await peer.report()
        for _ in range(3):
            await aws.manipulator.send("lost")
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [(record.name, record.levelno) for record in warnings] == [
        ("aiowebsocket", logging.WARNING)
    ]
    assert "lost" not in warnings[0].getMessage()
