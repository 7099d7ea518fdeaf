"""`ping` and `pong` during our own close: they wait, and say what became of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from aiowebsocket import ConnectionClosedError, ConnectionClosedOK, State, connect

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.raw import Session


@pytest.mark.parametrize("name", ["ping", "pong"])
@pytest.mark.parametrize("answered", [True, False])
async def test_they_wait_and_raise_what_the_close_became(
    raw_peer: MakeRawPeer, name: str, answered: bool
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.receive()
        session.wait_for_go()
        if answered:
            session.send_close(1000)
        session.hang_up()

    peer = raw_peer(script)
    ws = await connect(peer.uri)
    closing = asyncio.create_task(ws.close())
    await asyncio.sleep(0)
    assert ws.state == State.CLOSING

    async def call() -> Any:
        return await getattr(ws, name)(b"data")

    calling = asyncio.create_task(call())
    await asyncio.sleep(0.05)
    assert not calling.done()
    peer.go.set()
    with pytest.raises(ConnectionClosedOK if answered else ConnectionClosedError):
        await asyncio.wait_for(calling, 20)
    await closing
