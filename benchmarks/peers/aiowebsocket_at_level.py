"""Ours, told how thorough to be in compressing: 1 is aiohttp's level, 6 is websockets'."""

from __future__ import annotations

from aiowebsocket import PerMessageDeflate, connect

from .aiowebsocket_connect import Client


class AtLevel:
    """A peer that compresses at a level of zlib's."""

    PACKAGE = "aiowebsocket"

    def __init__(self, level: int) -> None:
        self.NAME = f"aiowebsocket, level {level}"
        self.compression = PerMessageDeflate(level=level)

    async def open_deflating(self, uri: str) -> Client:
        """A connection with that level."""
        return Client(
            await connect(uri, compression=self.compression, ping_interval=None, max_size=None)
        )
