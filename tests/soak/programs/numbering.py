"""A client that has numbers echoed, and looks whether each comes back, once, and in its turn.

    python -m soak.programs.numbering <kind of loop> <numbers> <ping_timeout> <URI> ...

It says when a quarter of the numbers is back, and at the end what was wrong with all of them.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass, field

import event_loops
from aiowebsocket import ClientConnection, ConnectionClosed, connect

PATIENCE = 30.0
PING_INTERVAL = 1.0
UNDER_WAY = 500


@dataclass
class Account:
    """What came back of the numbers from 0 on."""

    seen: set[int] = field(default_factory=set)
    doubled: int = 0
    out_of_turn: int = 0
    ending: str = ""

    def enter(self, number: int) -> None:
        """Count a number that has come back."""
        self.doubled += number in self.seen
        self.out_of_turn += number != len(self.seen)
        self.seen.add(number)


async def have_echoed(uri: str, count: int, ping_timeout: float, quarter: asyncio.Event) -> Account:
    """Send the numbers and receive them, a limited number under way."""
    account = Account()
    room = asyncio.Semaphore(UNDER_WAY)
    async with connect(uri, ping_interval=PING_INTERVAL, ping_timeout=ping_timeout) as ws:
        sending = asyncio.ensure_future(send(ws, count, room))
        try:
            while len(account.seen) < count:
                account.enter(int(await asyncio.wait_for(ws.recv(), PATIENCE)))
                room.release()
                if len(account.seen) >= count // 4:
                    quarter.set()
        except (ConnectionClosed, asyncio.TimeoutError) as ending:
            account.ending = f"{type(ending).__name__}: {ending}"
            quarter.set()
            sending.cancel()
        await asyncio.wait([sending])
    return account


async def send(ws: ClientConnection, count: int, room: asyncio.Semaphore) -> None:
    """Send the numbers in turn."""
    for number in range(count):
        await room.acquire()
        await ws.send(str(number))


async def main(count: int, ping_timeout: float, uris: list[str]) -> None:
    """All URIs at once, and the sum of what was wrong."""
    quarters = [asyncio.Event() for _ in uris]
    echoing = [
        asyncio.ensure_future(have_echoed(uri, count, ping_timeout, quarter))
        for uri, quarter in zip(uris, quarters, strict=True)
    ]
    await asyncio.gather(*(quarter.wait() for quarter in quarters))
    print(json.dumps("a quarter"), flush=True)
    accounts = await asyncio.gather(*echoing)
    report = {
        "lost": sum(count - len(account.seen) for account in accounts),
        "doubled": sum(account.doubled for account in accounts),
        "out of turn": sum(account.out_of_turn for account in accounts),
        "disconnects": [account.ending for account in accounts if account.ending],
    }
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    kind, count, ping_timeout, *uris = sys.argv[1:]
    event_loops.run(kind, main(int(count), float(ping_timeout), uris), 1000)
