"""Bombs that each keep to max_size, hundreds in one segment: nothing is lost, and nothing hangs.

What they cost in memory is in the table of attacks.
"""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING

import pytest

import aiowebsocket
import clock
from faces import FACES, as_bytes
from peers import deflate, frames

from .bombs import AGREED, IN_ONE_READ

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeRawPeer
    from faces import Client
    from peers.raw import Session

pytestmark = pytest.mark.every("scheme", "face")

MAX_SIZE = 2**20
UNREAD = 0.3  # seconds: as long as it takes to inflate all of it, if nothing held that back


def nth(number: int) -> bytes:
    return bytes([number]) * (MAX_SIZE - 1)


@functools.cache
def wire() -> bytes:
    return b"".join(deflate.binary(nth(number)) for number in range(IN_ONE_READ))


async def unread(raw_peer: MakeRawPeer, face: str, script: Callable[[Session], object]) -> Client:
    """A client that has them all, and that nobody has asked for one."""
    client = FACES[face](
        raw_peer(script).uri, compression="deflate", max_size=MAX_SIZE, close_timeout=15
    )
    await client.open()
    await asyncio.sleep(UNREAD)
    return client


async def assert_whole(client: Client) -> None:
    for number in range(IN_ONE_READ):
        message = as_bytes(await client.receive())
        assert message == nth(number), f"message {number} has {len(message)} bytes"


async def test_what_was_long_unread_is_received_whole(raw_peer: MakeRawPeer, face: str) -> None:
    def script(session: Session) -> None:
        session.open(AGREED)
        session.send(wire(), frames.text("last"))

    client = await unread(raw_peer, face, script)
    await assert_whole(client)
    assert as_bytes(await client.receive()) == b"last"
    await client.close()
    assert client.close_code == 1000


async def test_the_servers_close_comes_after_what_was_long_unread(
    raw_peer: MakeRawPeer, face: str
) -> None:
    def script(session: Session) -> None:
        session.open(AGREED)
        session.send(wire())
        session.send_close(1001)

    client = await unread(raw_peer, face, script)
    await assert_whole(client)
    with pytest.raises(aiowebsocket.ConnectionClosedOK):
        await client.receive()
    assert client.close_code == 1001


def finish_without_close(session: Session) -> None:
    """Send it all, then end TCP."""
    session.open(AGREED)
    session.send(wire())
    session.finish()
    session.receive_ending()


async def test_the_end_of_tcp_comes_after_what_was_long_unread(
    raw_peer: MakeRawPeer, face: str
) -> None:
    client = await unread(raw_peer, face, finish_without_close)
    await assert_whole(client)
    with pytest.raises(aiowebsocket.ConnectionClosedError):
        await client.receive()
    assert client.close_code == 1006
    await client.close()


async def test_closing_finds_the_servers_close_behind_what_is_unread(
    raw_peer: MakeRawPeer, face: str
) -> None:
    def script(session: Session) -> None:
        session.open(AGREED)
        session.send(wire())

    client = await unread(raw_peer, face, script)
    await client.close()
    assert client.close_code == 1000


async def test_closing_ends_though_tcp_has_ended_behind_what_is_unread(
    raw_peer: MakeRawPeer, face: str
) -> None:
    client = await unread(raw_peer, face, finish_without_close)
    with clock.measuring() as took:
        await client.close()
    assert client.close_code == 1006
    assert took.own < 1, "the deadline of closing ended it"


async def test_bad_data_behind_what_is_unread_is_found_when_it_is_reached(
    raw_peer: MakeRawPeer, face: str
) -> None:
    def script(session: Session) -> int | None:
        session.open(AGREED)
        session.send(wire(), deflate.message(b"\xff"), frames.text("behind"))
        return session.receive().close_code

    peer = raw_peer(script)
    client = FACES[face](peer.uri, compression="deflate", max_size=MAX_SIZE)
    await client.open()
    await asyncio.sleep(UNREAD)
    await assert_whole(client)
    with pytest.raises(aiowebsocket.ConnectionClosedError):
        await client.receive()
    assert await peer.report() == 1007
    await client.close()
