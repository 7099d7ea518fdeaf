"""websockets where its C extension could not be built: masks are applied by Python."""

from __future__ import annotations

from websockets import frames, utils

from . import Peer, websockets_connect

IN_USE = vars(frames)
ACCELERATED = IN_USE["apply_mask"]


class Client(websockets_connect.Client):
    """Every job by `await send` and `await recv`."""

    async def close(self) -> None:
        """Says goodbye, and lets other connections have their C back."""
        await super().close()
        IN_USE["apply_mask"] = ACCELERATED


async def open_deflating(uri: str) -> Client:
    """A connection that compresses as it does by default."""
    accelerated = await websockets_connect.open_deflating(uri)
    IN_USE["apply_mask"] = utils.apply_mask
    return Client(accelerated.connection)


PEERS = (
    Peer(
        "websockets without C",
        ("websockets",),
        "from websockets.asyncio.client import connect",
        websockets_connect.open_client,
        jobs=frozenset(("receive deflated", "send deflated")),
        open_deflating=open_deflating,
    ),
)
