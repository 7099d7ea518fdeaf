"""`ws.stats` and `last_received_at`, against traffic that was counted by hand."""

from __future__ import annotations

import asyncio
import copy
import pickle
import time
from typing import TYPE_CHECKING

import pytest

import aiowebsocket
from aiowebsocket import Stats, connect
from blocking import block_until, sleep, until
from faces import opened
from peers import deflate, frames
from peers.scripts import sends

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.raw import Session


DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"
# What a queued message counts beside its bytes, and what masking adds to a frame of ours.
OVERHEAD, KEY = 32, 4


def received_of(stats: Stats) -> tuple[int, int, int]:
    return stats.messages_received, stats.bytes_received, stats.wire_bytes_received


def sent_of(stats: Stats) -> tuple[int, int, int]:
    return stats.messages_sent, stats.bytes_sent, stats.wire_bytes_sent


@pytest.mark.every("face")
async def test_all_begins_at_nothing(raw_peer: MakeRawPeer, face: str) -> None:
    peer = raw_peer(lambda session: session.open())
    async with opened(face, peer.uri) as ws:
        stats = ws.connection.stats
        assert type(stats) is Stats
        assert stats == Stats(0, 0, 0, 0, 0, 0, 1.0, 1.0, 0, 0, 0, 0, 0.0, 0.0, 0.0, None, 0)
        assert ws.connection.last_received_at is None


@pytest.mark.every("scheme", "face")
async def test_messages_fragments_and_control_frames_are_counted(
    raw_peer: MakeRawPeer, face: str
) -> None:
    pieces = [
        frames.text("\u20ac"),
        frames.binary(bytes(126)),
        frames.text("", fin=True),
        frames.binary(b"ab", fin=False),
        frames.ping(b"between"),
        frames.continuation(b"c", fin=False),
        frames.continuation(b""),
        frames.pong(b"unasked"),
        frames.binary(b"not whole", fin=False),
        frames.ping(b"last"),
    ]

    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        session.send(*pieces)
        for expected in (b"between", b"last", b"sent", b"", b"x" * 126):
            assert session.receive().payload == expected
        session.send(frames.continuation(b"!"))

    peer = raw_peer(script)
    async with opened(face, peer.uri) as ws:
        peer.go.set()
        wire = sum(map(len, pieces))
        await until(lambda: ws.connection.stats.wire_bytes_received == wire)
        stats = ws.connection.stats
        # 3 bytes are the euro's, 126 zeros, none, and "abc".
        assert received_of(stats) == (4, 3 + 126 + 0 + 3, wire)
        assert stats.queued_messages == 4
        # And one byte for each end of a fragment but the last.
        assert stats.queued_bytes == 132 + 4 * OVERHEAD + 2
        pongs = 2 + KEY + len(b"between") + 2 + KEY + len(b"last")
        assert sent_of(stats) == (0, 0, pongs)
        for message in ("sent", "", "x" * 126):
            await ws.send(message)
        stats = ws.connection.stats
        assert sent_of(stats) == (3, 4 + 126, pongs + 6 + 4 + 6 + 8 + 126)
        for _ in range(4):
            await ws.recv()
        stats = ws.connection.stats
        assert (stats.queued_messages, stats.queued_bytes) == (0, 0)
        assert await ws.recv() == b"not whole!"
        assert received_of(ws.connection.stats) == (5, 132 + 10, wire + 2 + 1)
        assert (stats.compression_ratio_received, stats.compression_ratio_sent) == (1.0, 1.0)
    stats = ws.connection.stats
    # The closing handshake is no message, and is on the wire.
    assert received_of(stats) == (5, 142, wire + 3 + 4)
    assert sent_of(stats) == (3, 130, pongs + 150 + 2 + KEY + 2)


@pytest.mark.every("face")
async def test_compressed_traffic_tells_its_ratio(raw_peer: MakeRawPeer, face: str) -> None:
    message = b"again and again " * 100
    compressed, plain = deflate.binary(message), frames.binary(b"short")

    def script(session: Session) -> list[int]:
        session.open(DEFLATE)
        session.send(compressed, plain)
        return [len(session.receive().payload) for _ in range(2)]

    peer = raw_peer(script)
    async with opened(face, peer.uri, compression="deflate") as ws:
        assert await ws.recv() == message
        assert await ws.recv() == b"short"
        await ws.send(message)
        await ws.send(b"short")
        stats = ws.connection.stats
    payloads = await peer.report()
    size = len(message) + 5
    assert received_of(stats) == (2, size, len(compressed) + len(plain))
    assert stats.compression_ratio_received == pytest.approx(size / (len(compressed) - 2 + 5))
    assert sent_of(stats) == (2, size, sum(payloads) + 2 * (2 + KEY))
    assert stats.compression_ratio_sent == pytest.approx(size / sum(payloads))
    assert stats.compression_ratio_sent > 5


async def test_a_message_that_is_streamed_in_or_out_is_one(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send(frames.text("ab", fin=False))
        session.wait_for_go()
        session.send(frames.continuation(b"cd", fin=False), frames.continuation(b"ef"))
        while not session.receive().fin:
            pass

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        parts = []
        async for part in ws.recv_streaming():
            parts.append(part)
            peer.go.set()
        assert "".join(map(str, parts)) == "abcdef"
        assert received_of(ws.stats) == (1, 6, 3 * (2 + 2))
        assert ws.stats.queued_messages == 0
        await ws.send(["uvw", "xyz"])
        # And an empty last frame.
        assert sent_of(ws.stats) == (1, 6, 3 * (2 + KEY) + 6)


@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_a_streamed_message_may_be_compressed(
    raw_peer: MakeRawPeer, compression: str | None
) -> None:
    message = b"again and again " * 100

    def script(session: Session) -> None:
        session.open(*([DEFLATE] if compression else []))
        frame = deflate.binary(message, size=10) if compression else frames.binary(message)
        session.send(frame)

    async with connect(raw_peer(script).uri, compression=compression) as ws:
        parts = [part async for part in ws.recv_streaming()]
        assert b"".join(p if isinstance(p, bytes) else p.encode() for p in parts) == message
        stats = ws.stats
        assert (stats.messages_received, stats.bytes_received) == (1, len(message))
        if compression:
            assert stats.compression_ratio_received > 5
        else:
            assert stats.compression_ratio_received == 1.0


async def test_output_that_the_network_has_not_taken_is_the_backlog(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        while session.receive().payload != b"end":
            pass

    peer = raw_peer(script)
    async with connect(peer.uri, write_limit=2**25) as ws:
        await ws.send(bytes(2**24))
        backlog = ws.stats.write_backlog
        assert 0 < backlog <= 2**24 + 14
        assert ws.stats.wire_bytes_sent == 2**24 + 14 - backlog
        peer.go.set()
        await ws.send("end")
        await asyncio.wait_for(until(lambda: ws.stats.write_backlog == 0), 10)
        assert sent_of(ws.stats) == (2, 2**24 + 3, 2**24 + 14 + 2 + KEY + 3)


async def test_a_users_pings_are_round_trips_too(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        for late in (0.02, 0):
            ping = session.receive()
            time.sleep(late)
            session.send(frames.pong(ping.payload))

    async with connect(raw_peer(script).uri, ping_interval=None) as ws:
        trips = []
        for _ in range(2):
            pong = await ws.ping()
            trips.append(await asyncio.wait_for(pong, 5))
            assert ws.latency == ws.stats.latency == trips[-1]
        assert ws.stats.min_latency == min(trips)
        assert ws.stats.mean_latency == pytest.approx(sum(trips) / 2)
        assert trips[0] >= 0.02


async def test_the_time_since_the_last_byte_grows_until_one_comes(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send(frames.ping())
        session.wait_for_go()
        session.send(frames.ping())

    peer = raw_peer(script)
    began = time.monotonic()
    async with connect(peer.uri) as ws:
        await until(lambda: ws.stats.wire_bytes_received == 2)
        await asyncio.sleep(0.2)
        idle = ws.stats.idle_seconds
        assert idle is not None
        assert 0.2 <= idle <= time.monotonic() - began
        went = time.monotonic()
        peer.go.set()
        await until(lambda: ws.stats.wire_bytes_received == 4)
        after = ws.stats.idle_seconds
        assert after is not None
        assert after <= time.monotonic() - went


@pytest.mark.every("scheme", "face")
async def test_the_arrival_of_a_message_is_taken_at_the_socket(
    raw_peer: MakeRawPeer, face: str
) -> None:
    """However long it waits to be received."""
    moments: list[float] = []

    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        moments.append(time.monotonic())
        session.send(frames.text("waits"))

    peer = raw_peer(script)
    async with opened(face, peer.uri) as ws:
        peer.go.set()
        await until(lambda: ws.connection.stats.queued_messages == 1)
        moments.append(time.monotonic())
        await asyncio.sleep(0.3)
        await ws.recv()
        at = ws.connection.last_received_at
        # Two clocks are read one after the other, which may be a moment apart.
        assert moments[0] - 0.01 <= at <= moments[1] + 0.01
        assert time.monotonic() - at >= 0.29


async def test_each_message_of_one_read_has_that_arrival_and_a_later_one_its_own(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        session.go.clear()
        session.send(frames.text("1"), frames.text("2"))
        session.wait_for_go()
        session.send(frames.text("3"))

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        peer.go.set()
        await until(lambda: ws.stats.queued_messages == 2)
        await asyncio.sleep(0.1)
        peer.go.set()
        await until(lambda: ws.stats.queued_messages == 3)
        arrivals = []
        for _ in range(3):
            await ws.recv()
            assert ws.last_received_at is not None
            arrivals.append(ws.last_received_at)
    assert arrivals[1] - arrivals[0] == pytest.approx(0, abs=0.02)
    assert arrivals[2] - arrivals[1] >= 0.08


async def test_arrivals_are_told_of_a_stall_too(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        session.send(frames.text("early"))

    peer = raw_peer(script)
    async with connect(peer.uri, ping_interval=3600, ping_timeout=0.2) as ws:
        peer.go.set()
        block_until(lambda: ws.stats.queued_messages == 1)
        arrived = time.monotonic()
        sleep(0.2)
        assert await ws.recv() == "early"
        assert ws.last_received_at is not None
        assert ws.last_received_at <= arrived + 0.01


async def test_a_compressed_message_has_arrived_before_there_is_room_to_inflate_it(
    raw_peer: MakeRawPeer,
) -> None:
    message = bytes(100_000)

    def script(session: Session) -> None:
        session.open(DEFLATE)
        session.send(*[deflate.binary(message)] * 3)

    async with connect(raw_peer(script).uri, max_buffered=50_000) as ws:
        await until(lambda: ws.stats.queued_messages == 1)
        await asyncio.sleep(0.1)
        before = time.monotonic()
        for _ in range(3):
            assert await ws.recv() == message
            assert ws.last_received_at is not None
            assert ws.last_received_at < before - 0.08
        idle = ws.stats.idle_seconds
        assert idle is not None
        assert idle > 0.08


async def test_a_snapshot_is_a_value(raw_peer: MakeRawPeer) -> None:
    async with connect(raw_peer(sends(frames.text("x"))).uri) as ws:
        await ws.recv()
        before = ws.stats
        await ws.send("y")
        assert (before.messages_sent, ws.stats.messages_sent) == (0, 1)
    assert repr(before).startswith("Stats(messages_received=1, messages_sent=0, ")
    assert "takeovers=0)" in repr(before)
    with pytest.raises(AttributeError, match="immutable"):
        before.messages_sent = 1
    with pytest.raises(AttributeError):
        ws.stats = before  # type: ignore[misc]
    for same in (copy.copy(before), pickle.loads(pickle.dumps(before))):
        assert same == before
        assert hash(same) == hash(before)
    assert "Stats" in aiowebsocket.__all__


def test_its_fields_are_those_that_are_documented() -> None:
    assert list(Stats.__annotations__) == list(Stats.__match_args__)
    for name in Stats.__match_args__:
        assert f"{name}: " in (Stats.__doc__ or "")
