"""Close (RFC 6455 5.5.1, 7): wrong Close frames, and servers that end otherwise than agreed.

How long it may take them is test_time's affair.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

import pytest

import aiowebsocket
from aiowebsocket import Close
from faces import FACES, as_bytes
from peers import frames
from peers.frames import CLOSE, frame

from . import stalls
from .faults import Fault, judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeRawPeer
    from faces import Client
    from peers.raw import Script, Session

pytestmark = pytest.mark.every("scheme", "face")

RESERVED = (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)

FAULTS = {
    "a body of one byte": Fault(frame(CLOSE, b"\x03"), 1002),
    "a reason that is not UTF-8": Fault(frame(CLOSE, b"\x03\xe8\xff"), 1007),
    "a reason cut within a code point": Fault(frame(CLOSE, b"\x03\xe8\xe2\x82"), 1007),
    **{f"code {code}": Fault(frames.close(code), 1002) for code in RESERVED},
}


@pytest.mark.parametrize("name", FAULTS)
async def test_a_faulty_close_fails_the_connection_with_its_code(
    raw_peer: MakeRawPeer, face: str, name: str
) -> None:
    await judge(raw_peer, face, FAULTS[name])


# What the server sends, what the user sees of it, and what goes back.
GOOD: dict[str, tuple[bytes, Close, set[int | None]]] = {
    "without a code": (frames.close(None), Close(1005, ""), {None, 1000}),
    "with a code": (frames.close(1001, "bye"), Close(1001, "bye"), {1001}),
    "with the last code registered": (frames.close(1014), Close(1014, ""), {1014}),
    "with a library's code": (frames.close(3000), Close(3000, ""), {3000}),
    "with the last code of all": (frames.close(4999), Close(4999, ""), {4999}),
    "with the longest reason": (frames.close(1000, "r" * 123), Close(1000, "r" * 123), {1000}),
    "twice": (frames.close(1000) + frames.close(4000), Close(1000, ""), {1000}),
    "before more data": (
        frames.close(1000) + frames.text("late") + frames.ping(b"late"),
        Close(1000, ""),
        {1000},
    ),
    "before garbage": (frames.close(1000) + b"\xff" * 1000, Close(1000, ""), {1000}),
    "within a message": (
        frames.text("half", fin=False) + frames.close(1000),
        Close(1000, ""),
        {1000},
    ),
}


@pytest.mark.parametrize("name", GOOD)
async def test_a_good_close_is_answered_once_and_ends_the_messages(
    raw_peer: MakeRawPeer, face: str, name: str
) -> None:
    sent, seen, answers = GOOD[name]

    def script(session: Session) -> None:
        session.open()
        session.send(frames.text("before"), sent)
        session.receive()
        session.hang_up()

    peer = raw_peer(script)
    client = FACES[face](peer.uri)
    await client.open()
    assert as_bytes(await client.receive()) == b"before"
    with pytest.raises(aiowebsocket.ConnectionClosed) as raised:
        await client.receive()
    assert raised.value.rcvd == seen
    assert raised.value.rcvd_then_sent is True
    assert client.close_code == seen.code
    await client.close()
    await peer.report()
    (answer,) = peer.sessions[0].frames
    assert answer.opcode == CLOSE
    assert answer.close_code in answers


def fin(session: Session) -> None:
    session.finish()


def fin_in_a_header(session: Session) -> None:
    session.send(frames.binary(bytes(1000))[:3])
    session.finish()


def fin_in_a_frame(session: Session) -> None:
    session.send(frames.binary(bytes(1000))[:500])
    session.finish()


def fin_in_a_message(session: Session) -> None:
    session.send(frames.text("half", fin=False))
    session.finish()


def fin_in_a_close(session: Session) -> None:
    session.send(frames.close(1000, "reason")[:4])
    session.finish()


def reset(session: Session) -> None:
    session.wait_for_go()
    session.reset()


def reset_in_a_frame(session: Session) -> None:
    session.wait_for_go()
    session.send(frames.binary(bytes(1000))[:500])
    session.reset()


BREAKS = (
    fin,
    fin_in_a_header,
    fin_in_a_frame,
    fin_in_a_message,
    fin_in_a_close,
    reset,
    reset_in_a_frame,
)


@pytest.mark.parametrize("break_off", BREAKS, ids=lambda script: script.__name__)
async def test_an_end_without_close_is_1006_at_once_and_loses_nothing(
    raw_peer: MakeRawPeer,
    face: str,
    break_off: Callable[[Session], None],
) -> None:
    """Over TLS none of these says close_notify, so an attacker could have made the end."""

    def script(session: Session) -> str | None:
        session.open()
        session.send(b"".join(frames.text(str(number)) for number in range(100)))
        break_off(session)
        return None if "reset" in break_off.__name__ else session.wait_for_end()

    peer = raw_peer(script)
    client = FACES[face](peer.uri, close_timeout=0.5)
    await client.open()
    for number in range(100):
        assert as_bytes(await client.receive()) == str(number).encode()
    peer.go.set()
    # All that the server does arrives at once, before the loop looks at the socket again.
    time.sleep(0.05)  # noqa: ASYNC251
    try:
        error = await asyncio.wait_for(closed_error(client), 10)
        assert (error.rcvd, error.rcvd_then_sent, error.code) == (None, None, 1006)
        assert client.close_code == 1006
        # The client ends its side too, and by itself: the server has only ended its own.
        assert await peer.report() in ("FIN", "RST", None)
    finally:
        await asyncio.wait_for(client.close(), 10)


async def test_close_notify_without_close_is_1006_too(raw_peer: MakeRawPeer, face: str) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send(frames.text("last"))
        session.hang_up()

    client = FACES[face](raw_peer(script).uri, close_timeout=60)
    await client.open()
    assert as_bytes(await client.receive()) == b"last"
    assert (await closed_error(client)).code == 1006
    await client.close()


# Who keeps the client waiting after its Close, and the code that the user sees of it.
STALLED: dict[Script, int] = {
    stalls.no_answer_to_close: 1006,
    stalls.no_reading: 1006,
    stalls.half_a_close: 1006,
    stalls.data_after_close: 1006,
    stalls.flood_after_close: 1006,
    stalls.flood_without_reading: 1006,
    stalls.close_but_no_end_of_tcp: 1000,
}


@pytest.mark.parametrize("stall", STALLED, ids=lambda script: script.__name__)
async def test_a_close_that_does_not_get_its_end_is_ended_by_the_client(
    raw_peer: MakeRawPeer, face: str, stall: Script
) -> None:
    def script(session: Session) -> str:
        with contextlib.suppress(OSError):  # The client may have lost its patience already.
            stall(session)
        return session.wait_for_end()

    code = STALLED[stall]
    peer = raw_peer(script)
    client = FACES[face](peer.uri, close_timeout=0.2 if code == 1006 else 1.5)
    await client.open()
    await client.close()
    assert client.close_code == code
    error = await closed_error(client)
    assert error.sent == Close(1000, "")
    assert error.rcvd == (Close(1000, "") if code == 1000 else None)
    peer.go.set()
    assert await peer.report() in ("FIN", "RST")


async def test_a_fault_after_our_close_ends_the_wait_for_the_servers(
    raw_peer: MakeRawPeer, face: str
) -> None:
    """One Close has been sent, and there is no second one that could say why."""

    def script(session: Session) -> str:
        stalls.read_close(session)
        session.send(frame(3), frames.close(1000))
        return session.receive_ending()

    peer = raw_peer(script)
    client = FACES[face](peer.uri, close_timeout=60)
    await client.open()
    await client.close()
    assert client.close_code == 1006
    error = await closed_error(client)
    assert (error.sent, error.rcvd) == (Close(1000, ""), None)
    assert isinstance(error.__cause__, aiowebsocket.ProtocolError)
    assert await peer.report() == "FIN"
    assert [frame.opcode for frame in peer.sessions[0].frames] == [CLOSE]


async def closed_error(client: Client) -> aiowebsocket.ConnectionClosed:
    """What is raised once the messages that arrived have been received."""
    while True:
        try:
            await asyncio.wait_for(client.receive(), 5)
        except aiowebsocket.ConnectionClosed as error:
            return error
