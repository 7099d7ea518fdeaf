"""`async for` over a connection: it can be ended as an async generator can, and asks an overridden
`recv` or `receive`.
"""

from __future__ import annotations

import contextlib
import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from aiowebsocket import ClientConnection, ConnectionClosedError, Converse, client, converses
from faces import opened
from peers import frames

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.raw import Session


def three(session: Session) -> None:
    session.open()
    session.send(*(frames.text(word) for word in ("a", "b", "c")))
    session.send_close(1000)


def as_text(message: Any) -> str:
    return message if isinstance(message, str) else message.decode()


@pytest.mark.every("face")
async def test_it_can_be_closed_and_the_connection_goes_on(
    raw_peer: MakeRawPeer, face: str
) -> None:
    async with opened(face, raw_peer(three).uri) as on:
        messages = aiter(on.connection)
        async with contextlib.aclosing(messages):
            async for message in messages:
                assert as_text(message) == "a"
                break
        with pytest.raises(StopAsyncIteration):
            await anext(messages)
        await messages.aclose()
        assert as_text(await on.recv()) == "b"
        assert [as_text(message) async for message in on.connection] == ["c"]


class Shouting(ClientConnection):
    """Overrides what `async for` is to use."""

    async def recv(self, decode: bool | None = None) -> Any:
        return as_text(await super().recv(decode)).upper()


class ShoutingConverse(Converse):
    """The same on the original's face."""

    async def receive(self, text: bool = False, mask: bool = False) -> Any:
        return as_text(await super().receive(text, mask)).upper()


@pytest.mark.every("face")
async def test_a_subclass_is_asked(
    raw_peer: MakeRawPeer, face: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "ClientConnection", Shouting)
    monkeypatch.setattr(converses, "Converse", ShoutingConverse)
    async with opened(face, raw_peer(three).uri) as on:
        messages = aiter(on.connection)
        assert await anext(messages) == "A"
        await messages.aclose()
        assert [message async for message in on.connection] == ["B", "C"]


@pytest.mark.every("face")
async def test_one_that_is_put_on_the_connection_is_asked(raw_peer: MakeRawPeer, face: str) -> None:
    async with opened(face, raw_peer(three).uri) as on:

        async def receive() -> str:
            return as_text(await on.recv()) * 2

        name = "recv" if face == "connect" else "receive"
        setattr(on.connection, name, receive)
        try:
            assert [message async for message in on.connection] == ["aa", "bb", "cc"]
        finally:
            delattr(on.connection, name)


@pytest.mark.parametrize("kind", ["plain", "overridden"])
async def test_an_end_in_error_is_raised(
    raw_peer: MakeRawPeer, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(session: Session) -> None:
        session.open()
        session.send(frames.text("a"))
        session.send_close(1011)

    if kind == "overridden":
        monkeypatch.setattr(client, "ClientConnection", Shouting)
    async with opened("connect", raw_peer(fail).uri) as on:
        messages = aiter(on.connection)
        assert as_text(await anext(messages)).lower() == "a"
        with pytest.raises(ConnectionClosedError):
            await anext(messages)


@pytest.mark.every("face")
async def test_a_connection_that_keeps_its_own_iteration_is_collected(
    raw_peer: MakeRawPeer, face: str
) -> None:
    async with opened(face, raw_peer(three).uri) as on:
        assert [as_text(message) async for message in on.connection] == ["a", "b", "c"]
        on.connection.iteration = aiter(on.connection)
        gone = weakref.ref(on.connection.iteration)
    del on
    gc.collect()
    assert gone() is None
