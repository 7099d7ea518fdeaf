"""The closing handshake, and every other way in which a connection ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket
import clock
from aiowebsocket import Close, connect
from peers import frames
from peers.raw import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from conftest import MakeRawPeer


@pytest.mark.every("scheme")
async def test_close_sends_its_code_and_reason_and_waits_for_the_answer(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(Session.open)
    ws = await connect(peer.uri)
    await ws.close(4000, "b\u00e9")
    assert (ws.close_code, ws.close_reason) == (4000, "")
    with pytest.raises(aiowebsocket.ConnectionClosedError) as raised:
        await ws.recv()
    error = raised.value
    assert (error.sent, error.rcvd) == (Close(4000, "b\u00e9"), Close(4000, ""))
    assert error.rcvd_then_sent is False
    assert (error.code, error.reason) == (4000, "")
    assert str(error) == "sent 4000 (private use) b\u00e9; then received 4000 (private use)"
    await peer.report()
    (frame,) = peer.sessions[0].frames
    assert (frame.close_code, frame.close_reason) == (4000, "b\u00e9")


@pytest.mark.every("scheme")
@pytest.mark.parametrize(
    ("code", "error"),
    [
        (1000, aiowebsocket.ConnectionClosedOK),
        (1001, aiowebsocket.ConnectionClosedOK),
        (1002, aiowebsocket.ConnectionClosedError),
        (1011, aiowebsocket.ConnectionClosedError),
        (1012, aiowebsocket.ConnectionClosedError),
        (3000, aiowebsocket.ConnectionClosedError),
        (4999, aiowebsocket.ConnectionClosedError),
    ],
)
async def test_a_close_of_the_peer_is_answered_with_its_code(
    raw_peer: MakeRawPeer, code: int, error: type[aiowebsocket.ConnectionClosed]
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send_close(code, "go away")

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        with pytest.raises(error) as raised:
            await ws.recv()
        assert type(raised.value) is error
        assert raised.value.rcvd == Close(code, "go away")
        assert raised.value.rcvd_then_sent is True
        assert (raised.value.code, raised.value.reason) == (code, "go away")
        assert (ws.close_code, ws.close_reason) == (code, "go away")
    await peer.report()
    answers = peer.sessions[0].frames
    assert [(frame.opcode, frame.close_code) for frame in answers] == [(frames.CLOSE, code)]


async def test_a_close_without_a_code_is_told_as_1005(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send_close(None)

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        with pytest.raises(aiowebsocket.ConnectionClosedOK) as raised:
            await ws.recv()
        assert raised.value.rcvd == Close(1005, "")
        assert (ws.close_code, ws.close_reason) == (1005, "")
    await peer.report()
    assert peer.sessions[0].frames[0].close_code in (None, 1000)


@pytest.mark.every("scheme")
async def test_a_parked_recv_ends_when_another_task_closes(raw_peer: MakeRawPeer) -> None:
    ws = await connect(raw_peer(Session.open).uri)
    receiving = asyncio.ensure_future(ws.recv())
    await asyncio.sleep(0.02)
    await ws.close()
    with pytest.raises(aiowebsocket.ConnectionClosedOK):
        await receiving


async def test_messages_that_come_after_our_close_do_not_hold_it_up(raw_peer: MakeRawPeer) -> None:
    """The peer may send on until it has read our Close; its own Close must still be found."""

    def script(session: Session) -> None:
        session.open()
        assert session.receive().opcode == frames.CLOSE
        session.send(*(frames.binary(bytes(1000)) for _ in range(1000)), frames.ping(b"late"))
        session.send_close(1000)
        session.hang_up()

    ws = await connect(raw_peer(script).uri, close_timeout=5)
    with clock.measuring() as took:
        await ws.close()
    assert took.own < 1
    assert ws.close_code == 1000


async def test_what_follows_the_peers_close_is_ignored(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        after = frames.text("after") + frames.close(4000) + b"\xff\xff\xff"
        session.send(frames.text("before"), frames.close(1000), after)
        assert session.receive().close_code == 1000
        session.hang_up()

    async with connect(raw_peer(script).uri) as ws:
        assert await ws.recv() == "before"
        with pytest.raises(aiowebsocket.ConnectionClosedOK) as raised:
            await ws.recv()
        assert raised.value.rcvd == Close(1000, "")


@pytest.mark.every("scheme")
async def test_close_is_repeatable_and_does_nothing_the_second_time(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(Session.open)
    ws = await connect(peer.uri)
    await asyncio.gather(ws.close(1000, "first"), ws.close(1001, "second"))
    await ws.close(1002)
    await peer.report()
    assert [frame.close_reason for frame in peer.sessions[0].frames] == ["first"]


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65536])
async def test_a_code_that_may_not_be_sent_is_refused_and_harms_nothing(
    raw_peer: MakeRawPeer, code: int
) -> None:
    peer = raw_peer(Session.open)
    async with connect(peer.uri) as ws:
        with pytest.raises((aiowebsocket.ProtocolError, ValueError)):
            await ws.close(code)
        await ws.send("still open")
    await peer.report()
    assert [frame.close_code for frame in peer.sessions[0].frames[1:]] == [1000]


async def test_a_reason_over_123_bytes_is_refused_and_harms_nothing(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(Session.open)
    async with connect(peer.uri) as ws:
        with pytest.raises((aiowebsocket.ProtocolError, ValueError)):
            await ws.close(1000, "\u20ac" * 42)
        await ws.close(1000, "\u20ac" * 41)
    await peer.report()
    assert [len(frame.payload) for frame in peer.sessions[0].frames] == [125]


def end_with_fin(session: Session) -> None:
    session.finish()


def end_in_mid_frame(session: Session) -> None:
    session.send(frames.binary(bytes(1000))[:500])
    session.finish()


def end_with_reset(session: Session) -> None:
    session.reset()


@pytest.mark.every("scheme")
@pytest.mark.parametrize("end", [end_with_fin, end_in_mid_frame, end_with_reset])
async def test_a_connection_broken_off_is_1006_at_once(
    raw_peer: MakeRawPeer, end: Callable[[Session], Any]
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send(frames.text("last"))
        session.wait_for_go()
        end(session)

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        assert await ws.recv() == "last"
        with clock.measuring() as took:
            peer.go.set()
            for _ in range(2):
                with pytest.raises(aiowebsocket.ConnectionClosedError) as raised:
                    await ws.recv()
        assert took.own < clock.SLACK
        error = raised.value
        assert error.rcvd is None
        assert error.rcvd_then_sent is None
        assert (error.code, error.reason) == (1006, "")
        assert str(error) in (
            "no close frame received or sent",
            "sent 1002 (protocol error); no close frame received",
        )
        assert ws.close_code == 1006
        assert ws.state.name == "CLOSED"
    await peer.report()


@pytest.mark.every("scheme")
async def test_the_client_ends_its_side_too_when_the_peer_half_closes(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> str:
        session.open()
        session.finish()
        return session.receive_ending()

    peer = raw_peer(script)
    async with connect(peer.uri):
        assert await peer.report() in ("FIN", "RST")


async def test_close_gives_up_after_close_timeout_when_no_close_answers(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> str:
        session.open()
        return session.receive_ending()

    peer = raw_peer(script)
    ws = await connect(peer.uri, close_timeout=0.3)
    with clock.measuring() as took:
        await ws.close(1000)
    assert took.seconds >= 0.3
    assert took.late(0.3) < clock.SLACK
    with pytest.raises(aiowebsocket.ConnectionClosedError) as raised:
        await ws.recv()
    assert (raised.value.sent, raised.value.rcvd) == (Close(1000, ""), None)
    assert ws.close_code == 1006
    assert await peer.report() in ("FIN", "RST")


async def test_close_gives_up_after_close_timeout_when_the_peer_keeps_tcp_open(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> str:
        session.open()
        session.receive()
        session.send(frames.close(1000))
        return session.receive_ending()

    peer = raw_peer(script)
    ws = await connect(peer.uri, close_timeout=1.5)
    with clock.measuring() as took:
        await ws.close()
    assert took.seconds >= 1.5
    assert took.late(1.5) < clock.SLACK
    assert ws.close_code == 1000
    assert await peer.report() in ("FIN", "RST")


async def test_a_close_of_the_peer_starts_the_deadline_though_nobody_calls_close(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> str:
        session.open()
        session.send(frames.close(1000))
        return session.receive_ending()

    peer = raw_peer(script)
    ws = await connect(peer.uri, close_timeout=0.3)
    with clock.measuring() as took:
        with pytest.raises(aiowebsocket.ConnectionClosed):
            await ws.recv()
        await ws.wait_closed()
    assert took.late(0.3) < clock.SLACK
    assert await peer.report() in ("FIN", "RST")


async def test_the_deadline_of_closing_holds_while_the_peer_sends_on_and_on(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> None:
        session.open()
        try:
            while True:
                session.send(frames.binary(bytes(2**16)))
        except OSError:
            session.close()

    ws = await connect(raw_peer(script).uri, close_timeout=0.3)
    with clock.measuring() as took:
        await ws.close()
    assert took.late(0.3) < clock.SLACK
    assert ws.close_code == 1006


@pytest.mark.every("scheme")
async def test_wait_closed_ends_with_the_connection(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        session.send_close(1000)

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        waiting = asyncio.ensure_future(ws.wait_closed())
        await asyncio.sleep(0.02)
        assert not waiting.done()
        peer.go.set()
        await waiting
        assert ws.state.name == "CLOSED"
        await ws.wait_closed()


async def test_cancelling_wait_closed_leaves_the_connection_open(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send(frames.text("still open"))

    async with connect(raw_peer(script).uri) as ws:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(ws.wait_closed(), 0.02)
        assert ws.state.name == "OPEN"
        assert await ws.recv() == "still open"


async def test_close_in_the_middle_of_a_fragmented_message_is_1011(raw_peer: MakeRawPeer) -> None:
    never = asyncio.Event()

    async def endless() -> AsyncIterator[str]:
        yield "one "
        await never.wait()

    peer = raw_peer(Session.open)
    ws = await connect(peer.uri)
    sending = asyncio.ensure_future(ws.send(endless()))
    await asyncio.sleep(0.02)
    await ws.close()
    sending.cancel()
    with pytest.raises((asyncio.CancelledError, aiowebsocket.ConnectionClosed)):
        await sending
    await peer.report()
    received = [(frame.opcode, frame.close_code) for frame in peer.sessions[0].frames[1:]]
    assert received == [(frames.CLOSE, 1011)]


@pytest.mark.every("scheme")
async def test_the_peer_sees_our_close_and_then_the_end_of_tcp(raw_peer: MakeRawPeer) -> None:
    """The server closes TCP first (RFC 6455 7.1.1), so the client's end is a FIN, not a reset."""
    peer = raw_peer(Session.open)
    ws = await connect(peer.uri)
    await ws.close()
    await peer.report()
    assert peer.sessions[0].ending in (None, "FIN")


async def test_every_call_after_the_end_raises_the_same_story(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send_close(4001, "why")

    async with connect(raw_peer(script).uri) as ws:
        await ws.wait_closed()
        calls: list[Callable[[], Any]] = [ws.recv, lambda: ws.send("x"), ws.ping, ws.pong]
        for call in calls:
            with pytest.raises(aiowebsocket.ConnectionClosedError) as raised:
                await call()
            assert raised.value.rcvd == Close(4001, "why")
            assert "received 4001 (private use) why" in str(raised.value)
