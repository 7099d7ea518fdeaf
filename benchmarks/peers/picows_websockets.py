"""picows in the shape of websockets: its own answer to people who like `await recv`."""

from __future__ import annotations

from picows.websockets import connect

from . import DEFLATING, Peer, Trust
from .picows_callbacks import ASYNCIOS
from .websockets_connect import Client


async def open_client(uri: str, trust: Trust | None) -> Client:
    """A connection that does nothing but what is measured."""
    context = None if trust is None else trust.context
    return Client(
        await connect(
            uri, ssl=context, compression=None, ping_interval=None, max_size=None, proxy=None
        )
    )


async def open_deflating(uri: str) -> Client:
    """A connection that compresses as it does by default."""
    return Client(await connect(uri, ping_interval=None, max_size=None, proxy=None))


PEERS = (
    Peer(
        "picows.websockets",
        ("picows", "aiofastnet"),
        "from picows.websockets import connect",
        open_client,
        jobs=DEFLATING,
        open_deflating=open_deflating,
        never_resumes=ASYNCIOS,
    ),
)
