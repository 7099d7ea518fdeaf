"""Ping, pong and latency."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

import aiowebsocket
import clock
from aiowebsocket import connect
from peers import frames
from peers.raw import Session

if TYPE_CHECKING:
    from conftest import MakeRawPeer


def type_name(value: object) -> str:
    return type(value).__name__


pytestmark = pytest.mark.every("scheme")


async def test_awaiting_a_ping_gives_the_latency_in_seconds(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> bytes:
        session.open()
        ping = session.receive()
        session.go.wait(0.05)
        session.send(frames.pong(ping.payload))
        return ping.payload

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        with clock.measuring() as took:
            latency = await (await ws.ping())
        assert isinstance(latency, float)
        assert 0.05 <= latency <= took.seconds
        assert ws.latency == latency
    assert len(await peer.report()) == 4


@pytest.mark.parametrize(
    "data", [b"data", bytearray(b"data"), memoryview(b"data"), "data"], ids=type_name
)
async def test_a_ping_carries_the_data_given(raw_peer: MakeRawPeer, data: str | bytes) -> None:
    def script(session: Session) -> bytes:
        session.open()
        ping = session.receive()
        assert ping.opcode == frames.PING
        session.send(frames.pong(ping.payload))
        return ping.payload

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        await (await ws.ping(data))
    assert await peer.report() == b"data"


async def test_a_pong_answers_the_pings_before_its_own_too(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        pings = [session.receive() for _ in range(3)]
        session.send(frames.pong(pings[1].payload))
        session.wait_for_go()
        session.send(frames.pong(pings[2].payload))

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        waiting = [asyncio.ensure_future(await ws.ping()) for _ in range(3)]
        await asyncio.gather(*waiting[:2])
        await asyncio.sleep(0.02)
        assert not waiting[2].done()
        peer.go.set()
        await waiting[2]


async def test_a_pong_that_nobody_asked_for_is_ignored(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        ping = session.receive()
        session.send(frames.pong(), frames.pong(b"not " + ping.payload), frames.text("read on"))
        session.wait_for_go()
        session.send(frames.pong(ping.payload))

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        answered = asyncio.ensure_future(await ws.ping())
        assert await ws.recv() == "read on"
        await asyncio.sleep(0.02)
        assert not answered.done()
        peer.go.set()
        await answered


async def test_the_same_data_twice_is_a_concurrency_error_until_it_is_answered(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> None:
        session.open()
        for _ in range(2):
            ping = session.receive()
            session.wait_for_go()
            session.send(frames.pong(ping.payload))

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        first = await ws.ping(b"id")
        with pytest.raises(aiowebsocket.ConcurrencyError, match="pong"):
            await ws.ping(b"id")
        peer.go.set()
        await first
        await (await ws.ping(b"id"))
    await peer.report()
    assert len(peer.sessions[0].frames) == 3


async def test_pings_of_the_peer_are_answered_though_nobody_receives(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> list[tuple[int, bytes]]:
        session.open()
        answers = []
        for payload in (b"", b"1", b"x" * 125):
            session.send(frames.ping(payload))
            answer = session.receive()
            answers.append((answer.opcode, answer.payload))
        session.send_close()
        return answers

    peer = raw_peer(script)
    async with connect(peer.uri):
        answers = await peer.report()
    assert answers == [(frames.PONG, payload) for payload in (b"", b"1", b"x" * 125)]


async def test_the_last_of_many_pings_is_answered(raw_peer: MakeRawPeer) -> None:
    """An endpoint MAY answer only the most recent ping (RFC 6455 5.5.3)."""

    def script(session: Session) -> None:
        session.open()
        pings = [str(number).encode() for number in range(1000)]
        session.send(*map(frames.ping, pings))
        answers = [session.receive().payload]
        while answers[-1] != pings[-1]:
            answers.append(session.receive().payload)
        assert answers == sorted(answers, key=int)
        session.send(frames.text("still open"))

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        assert await ws.recv() == "still open"


@pytest.mark.parametrize("data", [b"", b"beat", "beat"], ids=["empty", "bytes", "str"])
async def test_pong_sends_an_unasked_pong(raw_peer: MakeRawPeer, data: str | bytes) -> None:
    peer = raw_peer(Session.open)
    async with connect(peer.uri) as ws:
        await ws.pong(data)
    await peer.report()
    payload = data.encode() if isinstance(data, str) else data
    first = peer.sessions[0].frames[0]
    assert (first.opcode, first.payload) == (frames.PONG, payload)


@pytest.mark.parametrize("method", ["ping", "pong"])
@pytest.mark.parametrize("data", [1, 1.5, ["a"]], ids=str)
async def test_control_data_of_a_wrong_type_is_a_type_error(
    raw_peer: MakeRawPeer, method: str, data: object
) -> None:
    async with connect(raw_peer(Session.open).uri) as ws:
        with pytest.raises(TypeError):
            await getattr(ws, method)(data)
        assert ws.state.name == "OPEN"


@pytest.mark.parametrize("method", ["ping", "pong"])
async def test_control_data_over_125_bytes_is_refused_and_harms_nothing(
    raw_peer: MakeRawPeer, method: str
) -> None:
    """All control frames MUST have a payload length of 125 bytes or less (RFC 6455 5.5)."""
    peer = raw_peer(Session.open)
    async with connect(peer.uri) as ws:
        with pytest.raises((aiowebsocket.ProtocolError, ValueError)):
            await getattr(ws, method)(b"x" * 126)
        await ws.send("still open")
    await peer.report()
    opcodes = [frame.opcode for frame in peer.sessions[0].frames]
    assert opcodes == [frames.TEXT, frames.CLOSE]


async def test_a_ping_that_the_end_overtakes_raises_connection_closed(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.receive()
        session.send_close(1001, "going")

    async with connect(raw_peer(script).uri) as ws:
        answered = await ws.ping()
        with pytest.raises(aiowebsocket.ConnectionClosedOK) as raised:
            await answered
        assert raised.value.rcvd == aiowebsocket.Close(1001, "going")


async def test_ping_and_pong_after_the_end_raise_connection_closed(raw_peer: MakeRawPeer) -> None:
    ws = await connect(raw_peer(Session.open).uri)
    await ws.close()
    for act in (ws.ping, ws.pong):
        with pytest.raises(aiowebsocket.ConnectionClosedOK):
            await act()
