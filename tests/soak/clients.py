"""Ours and others as one client that sends and receives text, so that a scene is the same for all.

Each is used as its documentation says. It knows nothing of scenes.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol, cast

import aiohttp
import websockets.asyncio.client
import websockets.sync.client
from picows import (
    WSAutoPingStrategy,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)

import aiowebsocket

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 20.0
MAX_BUFFERED = 2**22


class Client(Protocol):
    """A connection that is to be opened, used and closed.

    With a keepalive it pings so often, and gives up when a pong takes as long again.
    """

    def __init__(self, uri: str, ca_file: Path, keepalive: float | None) -> None: ...

    async def open(self) -> None: ...

    async def send(self, message: str) -> None: ...

    async def receive(self) -> str: ...

    async def close(self) -> None: ...


class ByConnect:
    """Ours, by the face for new code."""

    def __init__(self, uri: str, ca_file: Path, keepalive: float | None) -> None:
        self._opening = aiowebsocket.connect(
            uri, ssl=trusting(uri, ca_file), open_timeout=PATIENCE, **options(keepalive)
        )

    async def open(self) -> None:
        self._ws = await self._opening

    async def send(self, message: str) -> None:
        await self._ws.send(message)

    async def receive(self) -> str:
        return str(await self._ws.recv())

    async def close(self) -> None:
        await self._ws.close()


class ByAioWebSocket:
    """Ours, by the face of the original, which hands text out as bytes."""

    def __init__(self, uri: str, ca_file: Path, keepalive: float | None) -> None:
        self._aws = aiowebsocket.AioWebSocket(
            uri, ssl=trusting(uri, ca_file), timeout=PATIENCE, **options(keepalive)
        )

    async def open(self) -> None:
        await self._aws.create_connection()

    async def send(self, message: str) -> None:
        await self._aws.manipulator.send(message)

    async def receive(self) -> str:
        message: bytes = await self._aws.manipulator.receive()
        return message.decode()

    async def close(self) -> None:
        await self._aws.close_connection()


class ByWebsockets:
    """websockets on asyncio."""

    def __init__(self, uri: str, ca_file: Path, keepalive: float | None) -> None:
        self._opening = websockets.asyncio.client.connect(
            uri,
            ssl=context(uri, ca_file),
            open_timeout=PATIENCE,
            ping_interval=keepalive,
            ping_timeout=keepalive,
            proxy=None,
        )

    async def open(self) -> None:
        self._ws = await self._opening

    async def send(self, message: str) -> None:
        await self._ws.send(message)

    async def receive(self) -> str:
        return str(await self._ws.recv())

    async def close(self) -> None:
        await self._ws.close()


class ByWebsocketsThreads:
    """websockets with a thread for each connection."""

    def __init__(self, uri: str, ca_file: Path, keepalive: float | None) -> None:
        self._uri = uri
        self._options: dict[str, Any] = {
            "ssl": context(uri, ca_file),
            "open_timeout": PATIENCE,
            "ping_interval": keepalive,
            "ping_timeout": keepalive,
            "proxy": None,
        }

    async def open(self) -> None:
        connect: Any = websockets.sync.client.connect
        self._ws = await asyncio.to_thread(connect, self._uri, **self._options)

    async def send(self, message: str) -> None:
        await asyncio.to_thread(self._ws.send, message)

    async def receive(self) -> str:
        return str(await asyncio.to_thread(self._ws.recv, PATIENCE))

    async def close(self) -> None:
        await asyncio.to_thread(self._ws.close)


class ByPicows:
    """picows by its callbacks; what has not been received waits, and reading pauses as it is much.

    picows itself leaves that to its user; without the pause a slow consumer's memory had no bound.
    """

    def __init__(self, uri: str, ca_file: Path, keepalive: float | None) -> None:
        self._uri = uri
        self._options: dict[str, Any] = {"ssl_context": context(uri, ca_file)}
        if keepalive is not None:
            self._options |= {
                "enable_auto_ping": True,
                "auto_ping_idle_timeout": keepalive,
                "auto_ping_reply_timeout": keepalive,
                "auto_ping_strategy": WSAutoPingStrategy.PING_PERIODICALLY,
            }

    async def open(self) -> None:
        opening = ws_connect(_Listener, self._uri, **self._options)
        _, listener = await asyncio.wait_for(opening, PATIENCE)
        self._listener = cast("_Listener", listener)

    async def send(self, message: str) -> None:
        self._listener.raise_if_ended()
        self._listener.transport.send(WSMsgType.TEXT, message.encode())

    async def receive(self) -> str:
        return (await self._listener.take()).decode()

    async def close(self) -> None:
        self._listener.transport.send_close()
        await self._listener.transport.wait_disconnected()


class _Listener(WSListener):
    """A queue of what came."""

    transport: WSTransport

    def __init__(self) -> None:
        self._messages: deque[bytes] = deque()
        self._size = 0
        self._paused = self._ended = False
        self._news = asyncio.Event()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.CLOSE:
            transport.disconnect()
        if frame.msg_type is not WSMsgType.TEXT:
            return
        message = frame.get_payload_as_bytes()
        self._messages.append(message)
        self._size += len(message)
        self._news.set()
        if self._size > MAX_BUFFERED and not self._paused:
            self._paused = True
            transport.underlying_transport.pause_reading()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._ended = True
        self._news.set()

    async def take(self) -> bytes:
        while not self._messages:
            self.raise_if_ended()
            self._news.clear()
            await self._news.wait()
        message = self._messages.popleft()
        self._size -= len(message)
        if self._paused and self._size < MAX_BUFFERED // 2:
            self._paused = False
            self.transport.underlying_transport.resume_reading()
        return message

    def raise_if_ended(self) -> None:
        if self._ended:
            raise ConnectionError("the connection has ended")


class ByAiohttp:
    """aiohttp; its heartbeat waits for a pong half as long as from one to the next."""

    def __init__(self, uri: str, ca_file: Path, keepalive: float | None) -> None:
        self._uri = uri
        self._context = context(uri, ca_file) or True
        self._heartbeat = None if keepalive is None else 2 * keepalive

    async def open(self) -> None:
        self._session = aiohttp.ClientSession()
        self._ws = await self._session.ws_connect(
            self._uri, ssl=self._context, heartbeat=self._heartbeat
        )

    async def send(self, message: str) -> None:
        await self._ws.send_str(message)

    async def receive(self) -> str:
        return str(await self._ws.receive_str())

    async def close(self) -> None:
        await self._ws.close()
        await self._session.close()


OURS: dict[str, type[Client]] = {"connect": ByConnect, "AioWebSocket": ByAioWebSocket}
OTHERS: dict[str, type[Client]] = {
    "websockets": ByWebsockets,
    "websockets (threads)": ByWebsocketsThreads,
    "picows": ByPicows,
    "aiohttp": ByAiohttp,
}
CLIENTS = {**OURS, **OTHERS}


def options(keepalive: float | None) -> dict[str, Any]:
    """Our options for it, and as much that may wait as with the others."""
    return {
        "ping_interval": keepalive,
        "ping_timeout": keepalive or 20,
        "max_buffered": MAX_BUFFERED,
    }


def trusting(uri: str, ca_file: Path) -> aiowebsocket.TLSConfig | None:
    """Our TLS, where the URI asks for it."""
    return aiowebsocket.TLSConfig(ca_file=ca_file) if uri.startswith("wss:") else None


def context(uri: str, ca_file: Path) -> ssl.SSLContext | None:
    """The others' TLS, where the URI asks for it."""
    return ssl.create_default_context(cafile=str(ca_file)) if uri.startswith("wss:") else None
