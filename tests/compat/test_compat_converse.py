"""COMPAT, the table of the manipulator `Converse`: one test or more a row, named after its row."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from typing import TYPE_CHECKING, Any

import pytest

from aiowebsocket.converses import AioWebSocket
from peers import frames
from peers.frames import BINARY, CLOSE, CONTINUATION, PONG, TEXT, Frame
from peers.raw import Session
from peers.scripts import sends

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeRawPeer


async def sent_by(raw_peer: MakeRawPeer, *calls: tuple[Any, dict[str, Any]]) -> list[Frame]:
    """The data frames that the peer got from these calls of send()."""
    peer = raw_peer(Session.open)
    async with AioWebSocket(peer.uri) as aws:
        for message, options in calls:
            await aws.manipulator.send(message, **options)
    await peer.report()
    return [frame for frame in peer.sessions[0].frames if frame.opcode != CLOSE]


def shape(received: list[Frame]) -> list[tuple[int, bytes, bool]]:
    return [(frame.opcode, frame.payload, frame.fin) for frame in received]


async def test_row_send_keeps_its_signature(raw_peer: MakeRawPeer) -> None:
    async with AioWebSocket(raw_peer(Session.open).uri) as aws:
        await aws.manipulator.send("a", True, True)
        await aws.manipulator.send(message="a", fin=True, mask=True)


async def test_row_send_gives_what_asyncio_takes_for_a_coroutine(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(sends(*[frames.text("x")] * 3))
    async with AioWebSocket(peer.uri) as aws:
        converse = aws.manipulator
        calls = [converse.send("1"), converse.send("2"), converse.send("3"), converse.receive()]
        assert all(asyncio.iscoroutine(call) and inspect.isawaitable(call) for call in calls)
        assert not any(asyncio.isfuture(call) for call in calls)
        await asyncio.create_task(calls[0])
        await asyncio.wait_for(calls[1], 5)
        assert list(await asyncio.gather(calls[2], calls[3])) == [None, b"x"]
        loop = asyncio.get_running_loop()
        future = asyncio.run_coroutine_threadsafe(converse.receive(), loop)
        assert await asyncio.wrap_future(future) == b"x"
    await peer.report()
    assert [frame.payload for frame in peer.sessions[0].frames[:-1]] == [b"1", b"2", b"3"]


async def test_row_send_does_nothing_until_it_is_awaited(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(Session.open)
    async with AioWebSocket(peer.uri) as aws:
        later = aws.manipulator.send("later")
        await aws.manipulator.send("now")
        await later
    await peer.report()
    assert [frame.payload for frame in peer.sessions[0].frames[:-1]] == [b"now", b"later"]


@pytest.mark.parametrize("message", [1, None, {"a": 1}, ["a"], 1.5], ids=str)
async def test_row_send_of_anything_else_is_a_type_error(
    raw_peer: MakeRawPeer, message: Any
) -> None:
    async with AioWebSocket(raw_peer(Session.open).uri) as aws:
        with pytest.raises(TypeError):
            await aws.manipulator.send(message)
        await aws.manipulator.send("still open")


@pytest.mark.parametrize(
    ("message", "options", "opcode"),
    [
        ("text", {}, TEXT),
        ("", {}, TEXT),
        (b"valid UTF-8 \xe2\x82\xac", {}, TEXT),
        (b"", {}, TEXT),
        (bytearray(b"valid"), {}, TEXT),
        (memoryview(b"valid"), {}, TEXT),
        (b"\xff\x00", {}, BINARY),
        (bytearray(b"\xff\x00"), {}, BINARY),
        (memoryview(b"\xff\x00"), {}, BINARY),
        (b"valid", {"text": False}, BINARY),
        ("str", {"text": False}, BINARY),
        (b"valid", {"text": True}, TEXT),
    ],
    ids=lambda value: bytes(value).hex() if isinstance(value, memoryview) else str(value),
)
async def test_row_opcode_of_send(
    raw_peer: MakeRawPeer, message: Any, options: dict[str, Any], opcode: int
) -> None:
    payload = message.encode() if isinstance(message, str) else bytes(message)
    assert shape(await sent_by(raw_peer, (message, options))) == [(opcode, payload, True)]


async def test_row_fin_false_makes_the_next_send_continue_the_message(
    raw_peer: MakeRawPeer,
) -> None:
    part: dict[str, Any] = {"fin": False}
    received = await sent_by(raw_peer, ("a", part), ("b", part), ("c", {}), ("next", {}))
    assert shape(received) == [
        (TEXT, b"a", False),
        (CONTINUATION, b"b", False),
        (CONTINUATION, b"c", True),
        (TEXT, b"next", True),
    ]


async def test_row_fin_false_with_a_code_point_cut_in_two(raw_peer: MakeRawPeer) -> None:
    received = await sent_by(
        raw_peer, (b"\xe2\x82", {"fin": False, "text": True}), (b"\xac", {"text": True})
    )
    assert shape(received) == [(TEXT, b"\xe2\x82", False), (CONTINUATION, b"\xac", True)]


async def test_row_mask_false_is_a_value_error(raw_peer: MakeRawPeer) -> None:
    async with AioWebSocket(raw_peer(Session.open).uri) as aws:
        with pytest.raises(ValueError, match="mask"):
            await aws.manipulator.send("a", mask=False)
        await aws.manipulator.send("still open")


@pytest.mark.parametrize("make", [frames.text, lambda message: frames.binary(message.encode())])
async def test_row_receive_is_bytes_for_text_and_binary_alike(
    raw_peer: MakeRawPeer, make: Callable[[str], bytes]
) -> None:
    async with AioWebSocket(raw_peer(sends(make("hello"), make("x" * 70_000))).uri) as aws:
        for expected in (b"hello", b"x" * 70_000):
            message = await aws.manipulator.receive()
            assert type(message) is bytes
            assert message == expected


@pytest.mark.parametrize("text", [False, True])
async def test_row_receive_is_none_for_an_empty_message(raw_peer: MakeRawPeer, text: bool) -> None:
    peer = raw_peer(sends(frames.text(""), frames.binary(b""), frames.text("end")))
    async with AioWebSocket(peer.uri) as aws:
        received = [await aws.manipulator.receive(text=text) for _ in range(3)]
    assert received == [None, None, "end" if text else b"end"]


async def test_row_receive_accepts_mask_and_ignores_it(raw_peer: MakeRawPeer) -> None:
    async with AioWebSocket(raw_peer(sends(*[frames.text("a")] * 3)).uri) as aws:
        assert await aws.manipulator.receive(False, False) == b"a"
        assert await aws.manipulator.receive(text=False, mask=False) == b"a"


async def test_row_receive_text_true_is_str_for_both(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(sends(frames.text("\u20ac"), frames.binary("\u20ac".encode())))
    async with AioWebSocket(peer.uri) as aws:
        assert [await aws.manipulator.receive(text=True) for _ in range(2)] == ["\u20ac"] * 2


async def test_row_receive_text_true_of_invalid_utf_8_leaves_the_connection_up(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(sends(frames.binary(b"\xff"), frames.text("next")))
    async with AioWebSocket(peer.uri) as aws:
        with pytest.raises(UnicodeDecodeError):
            await aws.manipulator.receive(text=True)
        assert await aws.manipulator.receive() == b"next"


async def test_row_pings_are_answered_at_once_and_never_handed_out(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> Frame:
        session.open()
        session.send(frames.ping(b"beat"))
        answer = session.receive()
        session.send(frames.pong(b"unasked"), frames.text("message"))
        return answer

    peer = raw_peer(script)
    async with AioWebSocket(peer.uri) as aws:
        await asyncio.sleep(0.05)
        assert await aws.manipulator.receive() == b"message"
    answer = await peer.report()
    assert (answer.opcode, answer.payload) == (PONG, b"beat")


async def test_row_close_frame_is_answered_and_comes_after_the_messages(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send(frames.text("1"), frames.text("2"))
        session.send_close(1001, "restart")

    peer = raw_peer(script)
    async with AioWebSocket(peer.uri) as aws:
        await peer.report()
        assert [await aws.manipulator.receive() for _ in range(2)] == [b"1", b"2"]
        with pytest.raises(ConnectionError):
            await aws.manipulator.receive()
    assert peer.sessions[0].frames[-1].close_code == 1001


@pytest.mark.parametrize("end", [Session.finish, Session.reset, Session.send_close])
async def test_row_connection_ended_raises_on_every_later_call(
    raw_peer: MakeRawPeer, end: Callable[[Session], None]
) -> None:
    def script(session: Session) -> None:
        session.open()
        end(session)

    async with AioWebSocket(raw_peer(script).uri) as aws:
        for _ in range(3):
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)) as raised:
                await aws.manipulator.receive()
            error: Any = raised.value
            assert (error.partial, error.expected) == (b"", None)
            assert {EOFError, ConnectionError, OSError} <= set(type(error).__mro__)


async def test_row_connection_ended_yields_to_the_loop_so_that_none_is_starved(
    raw_peer: MakeRawPeer,
) -> None:
    """The catch-all loops of old scripts: `while True: try: ... except Exception: continue`."""

    def script(session: Session) -> None:
        session.open()
        session.close()

    async with AioWebSocket(raw_peer(script).uri) as aws:
        with pytest.raises(ConnectionError):
            await aws.manipulator.receive()
        ticks: list[int] = []
        asyncio.get_running_loop().call_soon(ticks.append, 1)
        with pytest.raises(ConnectionError):
            await aws.manipulator.receive()
        assert ticks == [1]


def close_at_once(session: Session) -> None:
    session.open()
    session.send_close(1001)


async def test_row_send_on_a_dead_connection_is_dropped_until_the_end_is_known(
    raw_peer: MakeRawPeer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    peer = raw_peer(close_at_once)
    async with AioWebSocket(peer.uri) as aws:
        converse = aws.manipulator
        await peer.report()
        await asyncio.sleep(0.05)
        for _ in range(3):
            await converse.send("dropped")
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        with pytest.raises(ConnectionError):
            await converse.receive()
        for _ in range(2):
            with pytest.raises(ConnectionError):
                await converse.send("refused")


async def test_row_send_after_closing_it_ourselves_raises(raw_peer: MakeRawPeer) -> None:
    aws = AioWebSocket(raw_peer(Session.open).uri)
    await aws.create_connection()
    await aws.close_connection()
    with pytest.raises(ConnectionError):
        await aws.manipulator.send("refused")


async def test_row_send_without_a_reader_waits_and_reading_goes_on(raw_peer: MakeRawPeer) -> None:
    """Two ends that only send do not wait for each other for ever."""
    count, size = 64, 2**18

    def script(session: Session) -> int:
        session.open()
        for _ in range(count):
            session.send(frames.binary(bytes(size)))
        return sum(len(session.receive().payload) for _ in range(count))

    peer = raw_peer(script)
    async with AioWebSocket(peer.uri) as aws:
        sending = [asyncio.ensure_future(aws.manipulator.send(bytes(size))) for _ in range(count)]
        received = 0
        for _ in range(count):
            received += len(await aws.manipulator.receive())
        await asyncio.gather(*sending)
    assert received == count * size == await peer.report()


async def test_row_send_parks_above_the_high_water_mark(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()

    peer = raw_peer(script)
    async with AioWebSocket(peer.uri) as aws:
        tasks = [asyncio.ensure_future(aws.manipulator.send(bytes(2**22))) for _ in range(8)]
        done, pending = await asyncio.wait(tasks, timeout=0.2)
        assert pending
        peer.go.set()
        await asyncio.wait_for(asyncio.gather(*pending), 10)
        assert done.isdisjoint(pending)


async def test_row_fragments_are_assembled(raw_peer: MakeRawPeer) -> None:
    pieces = [frames.text("a", fin=False), frames.ping(), frames.continuation(b"", fin=False)]
    peer = raw_peer(sends(*pieces, frames.continuation(b"b")))
    async with AioWebSocket(peer.uri) as aws:
        assert await aws.manipulator.receive() == b"ab"


async def test_row_two_receivers_are_served_in_their_order(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        session.send(*(frames.text(str(number)) for number in range(5)))

    peer = raw_peer(script)
    async with AioWebSocket(peer.uri) as aws:
        tasks = [asyncio.ensure_future(aws.manipulator.receive()) for _ in range(5)]
        await asyncio.sleep(0.02)
        peer.go.set()
        assert await asyncio.gather(*tasks) == [b"0", b"1", b"2", b"3", b"4"]


async def test_row_two_receivers_a_cancelled_one_leaves_its_turn_to_the_next(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        session.send(frames.text("0"), frames.text("1"))

    peer = raw_peer(script)
    async with AioWebSocket(peer.uri) as aws:
        tasks = [asyncio.ensure_future(aws.manipulator.receive()) for _ in range(3)]
        await asyncio.sleep(0.02)
        tasks[0].cancel()
        peer.go.set()
        assert await asyncio.gather(*tasks[1:]) == [b"0", b"1"]


async def test_row_cancelling_receive_never_loses_or_splits_a_message(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> None:
        session.open()
        for number in range(100):
            data = frames.text(f"{number:03}")
            session.send(data[:3])
            session.go.wait(0.0005)
            session.send(data[3:])

    received: list[bytes] = []
    async with AioWebSocket(raw_peer(script).uri) as aws:
        while len(received) < 100:
            receiving = asyncio.ensure_future(aws.manipulator.receive())
            await asyncio.sleep(0)
            receiving.cancel()
            try:
                received.append(await receiving)
            except asyncio.CancelledError:
                await asyncio.sleep(0)
    assert received == [f"{number:03}".encode() for number in range(100)]


async def test_row_truth_value_and_len(raw_peer: MakeRawPeer) -> None:
    async with AioWebSocket(raw_peer(Session.open).uri) as aws:
        assert bool(aws) is True
        assert bool(aws.manipulator) is True
        for thing in (aws, aws.manipulator):
            assert not hasattr(thing, "__len__")
            assert not hasattr(thing, "__bool__")


async def test_row_get_queue_size_counts_the_messages_waiting(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(sends(*[frames.text("x")] * 5))
    async with AioWebSocket(peer.uri) as aws:
        assert await aws.manipulator.receive() == b"x"
        deadline = time.monotonic() + 5
        while (  # noqa: ASYNC110 (there is no event for it)
            aws.manipulator.get_queue_size < 4 and time.monotonic() < deadline
        ):
            await asyncio.sleep(0.01)
        assert aws.manipulator.get_queue_size == 4
        assert await aws.manipulator.receive() == b"x"
        assert aws.manipulator.get_queue_size == 3


async def test_row_size_limit_is_64_mib_by_default(raw_peer: MakeRawPeer) -> None:
    limit = 2**26

    def script(session: Session) -> int | None:
        session.open()
        session.send(frames.binary(bytes(limit)))
        session.send(b"\x82\x7f" + (limit + 1).to_bytes(8, "big"))
        return session.receive().close_code

    peer = raw_peer(script)
    async with AioWebSocket(peer.uri, close_timeout=1) as aws:
        assert len(await aws.manipulator.receive()) == limit
        with pytest.raises(ConnectionError):
            await aws.manipulator.receive()
    assert await peer.report() == 1009


async def test_row_size_limit_none_is_no_limit(raw_peer: MakeRawPeer) -> None:
    size = 2**26 + 1
    async with AioWebSocket(raw_peer(sends(frames.binary(bytes(size)))).uri, max_size=None) as aws:
        assert len(await aws.manipulator.receive()) == size


async def test_row_async_for_yields_bytes_until_the_end(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send(frames.text("a"), frames.binary(b"b"))
        session.send_close(1000)

    async with AioWebSocket(raw_peer(script).uri) as aws:
        assert [message async for message in aws.manipulator] == [b"a", b"b"]
