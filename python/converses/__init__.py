"""The original documents import their client from here."""

from aiowebsocket.converses import AioWebSocket, Converse

__all__ = ["AioWebSocket", "Converse"]
