"""websockets and aiohttp on the transports of aiofastnet, which makes both faster as they are."""

from __future__ import annotations

from dataclasses import replace

from aiofastnet import patch_loop

from . import aiohttp_session, websockets_connect

PEERS = tuple(
    replace(
        peer,
        name=f"{peer.name}, aiofastnet",
        packages=(*peer.packages, "aiofastnet"),
        imports=f"{peer.imports}\nimport aiofastnet",
        patch=patch_loop,
        never_resumes="aiofastnet resumes no TLS session",
    )
    for peer in (*websockets_connect.PEERS, *aiohttp_session.PEERS)
)
