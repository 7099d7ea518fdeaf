"""A server that leaves the end of TCP to us: after 2 s it has ours, long before `close_timeout`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

import aiowebsocket
import clock
from aiowebsocket import connect
from peers.frames import CLOSE

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.raw import Session

PATIENCE = 2
CLOSE_TIMEOUT = 10


@pytest.mark.every("scheme")
@pytest.mark.parametrize("driver", ["auto", "lifeline"])
async def test_a_server_that_answers_our_close_and_reads_on_has_our_end(
    raw_peer: MakeRawPeer, driver: str
) -> None:
    def script(session: Session) -> str:
        session.open()
        frame = session.receive()
        assert frame.opcode == CLOSE
        session.send_close(frame.close_code)
        return session.receive_ending()

    peer = raw_peer(script)
    ws = await connect(peer.uri, close_timeout=CLOSE_TIMEOUT, driver=driver)
    with clock.measuring() as took:
        await ws.close()
    assert await peer.report() == "FIN"
    with pytest.raises(aiowebsocket.ConnectionClosedOK):
        await ws.recv()
    assert ws.close_code == 1000
    assert took.seconds >= PATIENCE
    assert took.late(PATIENCE) < clock.SLACK


@pytest.mark.every("scheme")
async def test_a_server_that_closes_and_reads_on_has_our_end(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> str:
        session.open()
        session.send_close(1001)
        assert session.receive().opcode == CLOSE
        return session.receive_ending()

    peer = raw_peer(script)
    async with connect(peer.uri, close_timeout=CLOSE_TIMEOUT) as ws:
        with clock.measuring() as took:
            await asyncio.wait_for(ws.wait_closed(), 20)
    assert await peer.report() == "FIN"
    assert (ws.close_code, ws.close_reason) == (1001, "")
    assert took.late(PATIENCE) < clock.SLACK


async def test_a_server_that_does_not_end_for_that_either_is_left_at_the_deadline(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> str:
        session.open()
        session.send_close(session.receive().close_code)
        assert session.receive_ending() == "FIN"
        session.wait_for_go()
        return session.receive_ending()

    peer = raw_peer(script)
    ws = await connect(peer.uri, close_timeout=PATIENCE + 1)
    with clock.measuring() as took:
        await ws.close()
    peer.go.set()
    assert took.late(PATIENCE + 1) < clock.SLACK
    assert took.seconds >= PATIENCE + 1
    with pytest.raises(aiowebsocket.ConnectionClosed):
        await ws.recv()
    assert ws.close_code == 1000
