"""The original documents import their client from here."""

from aiowebsocket.converses import (
    AioWebSocket,
    ControlFrames,
    Converse,
    DataFrames,
    HandShake,
    SocketState,
    parse_uri,
)

__all__ = [
    "AioWebSocket",
    "ControlFrames",
    "Converse",
    "DataFrames",
    "HandShake",
    "SocketState",
    "parse_uri",
]
