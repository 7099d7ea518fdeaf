"""COMPAT, "small things that scripts use": names of the original's module, and its streams."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket
from aiowebsocket import AioWebSocket, ConnectionClosed, enumerations, parts
from peers import frames

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.process import ServerProcess
    from peers.raw import Session

MIB = 2**20
THE_SAME = {
    "SocketState": enumerations.SocketState,
    "DataFrames": enumerations.DataFrames,
    "ControlFrames": enumerations.ControlFrames,
    "parse_uri": parts.parse_uri,
}


@pytest.mark.parametrize("module_name", ["aiowebsocket.converses", "converses"])
def test_the_originals_names_can_be_imported(module_name: str) -> None:
    module = importlib.import_module(module_name)
    for name, original in THE_SAME.items():
        assert getattr(module, name) is original
    assert module.AioWebSocket is aiowebsocket.AioWebSocket
    assert set(module.__all__) == {*THE_SAME, "AioWebSocket", "Converse", "HandShake"}
    with pytest.raises(AttributeError, match="nothing"):
        module.nothing  # noqa: B018


def test_the_originals_handshake_is_a_name_and_says_so() -> None:
    from aiowebsocket.converses import HandShake  # noqa: PLC0415 - as the scripts write it

    with pytest.raises(TypeError, match="create_connection"):
        HandShake(("ws", "h", 80, "/", False), None, None, headers=[], union_header={})


def greet(session: Session) -> None:
    session.open()
    session.send(frames.text("one"), frames.text("two"))


async def queued(converse: Any, number: int) -> None:
    """Wait until so many messages have arrived; the test has its limit."""
    while converse.message_queue.qsize() < number:  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0.005)


async def test_queue_and_reader_answer_truthfully(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        greet(session)
        session.send_close(1000)

    async with AioWebSocket(raw_peer(script).uri) as aws:
        converse = aws.manipulator
        await queued(converse, 2)
        assert converse.message_queue.qsize() == converse.get_queue_size == 2
        assert not converse.message_queue.empty()
        await converse._until_closed()
        # It has ended, but there is something left.
        assert not converse.reader.at_eof()
        assert [await converse.receive(), await converse.receive()] == [b"one", b"two"]
        assert converse.message_queue.empty()
        assert converse.reader.at_eof()


async def test_an_open_connection_is_not_at_its_end(raw_peer: MakeRawPeer) -> None:
    async with AioWebSocket(raw_peer(greet).uri) as aws:
        assert await aws.manipulator.receive() == b"one"
        assert await aws.manipulator.receive() == b"two"
        assert not aws.manipulator.reader.at_eof()
        assert not aws.manipulator.writer.is_closing()


async def test_drain_waits_for_room(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()

    peer = raw_peer(script)
    async with AioWebSocket(peer.uri) as aws:
        converse = aws.manipulator
        await converse.writer.drain()
        sending = asyncio.create_task(converse.send(bytes(16 * MIB)))
        await asyncio.sleep(0.05)
        draining = asyncio.create_task(converse.writer.drain())
        await asyncio.sleep(0.05)
        assert not draining.done()
        assert not sending.done()
        peer.go.set()
        await asyncio.wait_for(draining, 20)
        await asyncio.wait_for(sending, 20)


async def test_a_drain_that_waits_is_told_of_the_end_or_left_alone(raw_peer: MakeRawPeer) -> None:
    """As `send`: until the application has learnt of the end, there is nothing to raise."""

    def script(session: Session) -> None:
        session.open()
        session.send_close(1001)

    async with AioWebSocket(raw_peer(script).uri) as aws:
        converse = aws.manipulator
        await converse._until_closed()
        await converse.writer.drain()
        with pytest.raises(ConnectionClosed):
            await converse.receive()
        with pytest.raises(ConnectionClosed):
            await converse.writer.drain()


async def test_the_writer_closes_and_may_do_it_again(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(greet)
    async with AioWebSocket(peer.uri) as aws:
        writer = aws.manipulator.writer
        writer.close()
        assert writer.is_closing()
        writer.close()
        await asyncio.wait_for(writer.wait_closed(), 20)
        assert aws.close_code == 1000
        writer.close()
        await writer.wait_closed()
    await peer.report()
    assert peer.sessions[0].frames[-1].opcode == frames.CLOSE


async def test_much_can_be_sent_before_anything_is_received(
    websockets_server: ServerProcess,
) -> None:
    """The server echoes, and reads no more while nobody reads what it echoes."""
    message = bytes(256 * 1024)

    async def converse_with_it() -> None:
        async with AioWebSocket(websockets_server.uri("ws")) as aws:
            converse = aws.manipulator
            for _ in range(160):
                await converse.send(message)
            for _ in range(160):
                assert await converse.receive() == message

    await asyncio.wait_for(converse_with_it(), 35)


def test_max_buffered_is_an_option_of_the_originals_face() -> None:
    AioWebSocket("ws://127.0.0.1:9/", max_buffered=1)
    with pytest.raises(ValueError, match="max_buffered is 0"):
        AioWebSocket("ws://127.0.0.1:9/", max_buffered=0)


async def test_max_buffered_bounds_what_waits(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send(*[frames.binary(bytes(1000))] * 4000)

    async with AioWebSocket(raw_peer(script).uri, max_buffered=100_000) as aws:
        await queued(aws.manipulator, 90)
        await asyncio.sleep(0.1)
        # What one read brings is taken whole.
        assert aws.manipulator.stats.queued_bytes < 100_000 + 2**19
        for _ in range(4000):
            assert await aws.manipulator.receive() == bytes(1000)
