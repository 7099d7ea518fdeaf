"""Clients that change their minds: whatever they do is cancelled at some moment, or let be.

    python -m soak.programs.fickle <kind of loop> <seconds> <tasks> <ws URI> <wss URI>

It says what was cancelled, what was lost or torn, and what was left.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import random
import sys
import time
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any

import aiowebsocket
import event_loops
import faces
from soak import descriptors
from soak.letters import letter, name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

PATIENCE = 60.0
# A call is cancelled within so many rounds of the loop, or within this time.
ROUNDS, MOMENT = 4, 0.02
# Mostly small ones; some fill the socket, so that to send is to wait.
SIZES = (10, 10, 500, 20_000, 200_000)
LETTERS = 12
CANCELLED = object()


class ByConnect(faces.ByConnect):
    """The face for new code."""

    def messages(self) -> AsyncIterator[Any]:
        """What `async for` iterates over."""
        return aiter(self._ws)


class ByAioWebSocket(faces.ByAioWebSocket):
    """The original's face."""

    def messages(self) -> AsyncIterator[Any]:
        """What `async for` iterates over."""
        return aiter(self._aws.manipulator)


FACES: tuple[type[ByConnect | ByAioWebSocket], ...] = (ByConnect, ByAioWebSocket)


class Storm:
    """What all tasks share: how their calls ended, and what was wrong."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.wrongs: Counter[str] = Counter()
        self.letters = 0
        self._packs = itertools.count()

    async def live(self, face: type[ByConnect | ByAioWebSocket], uri: str, until: float) -> None:
        """One task: conversation after conversation."""
        while time.monotonic() < until:
            client = face(uri, open_timeout=PATIENCE, close_timeout=PATIENCE)
            if await self._tempt("connect", client.open()) is CANCELLED:
                continue
            try:
                await asyncio.wait_for(self._converse(client), PATIENCE)
            except (aiowebsocket.AioWebSocketError, asyncio.TimeoutError) as error:
                self.wrongs[f"{type(error).__name__}: {error}"] += 1
            await self._tempt("close", client.close())
            await client.close()

    async def _converse(self, client: ByConnect | ByAioWebSocket) -> None:
        pack = next(self._packs)
        sent, received = await asyncio.gather(self._send(client, pack), self._take(client, pack))
        self.letters += len(received)
        self.wrongs["lost"] += len(sent - set(received))
        self.wrongs["doubled"] += len(received) - len(set(received))
        self.wrongs["out of turn"] += received != sorted(received)

    async def _send(self, client: ByConnect | ByAioWebSocket, pack: int) -> set[int]:
        """Send letters, and tell which were sent for certain; the last always is."""
        sent = {LETTERS}
        for number in range(LETTERS):
            message = letter(pack, number, random.choice(SIZES))
            if await self._tempt("send", client.send(message)) is not CANCELLED:
                sent.add(number)
        await client.send(letter(pack, LETTERS, SIZES[0]))
        return sent

    async def _take(self, client: ByConnect | ByAioWebSocket, pack: int) -> list[int]:
        """Receive what the server echoes, up to the last letter."""
        received: list[int] = []

        def take(message: object) -> None:
            which = name(message)
            if which is None or which.pack != pack:
                self.wrongs["torn"] += 1
            else:
                received.append(which.number)

        while LETTERS not in received:
            if random.random() < 0.5:
                message = await self._tempt("receive", client.receive())
                if message is not CANCELLED:
                    take(message)
            else:
                await self._tempt("async for", take_some(client.messages(), take))
        return received

    async def _tempt(self, what: str, call: Awaitable[Any]) -> Any:
        """The result of a call, or CANCELLED if it was."""
        result = await random.choice((cancelled_soon, cancelled_in_time, let_be))(call)
        self.outcomes[f"{what} {'cancelled' if result is CANCELLED else 'done'}"] += 1
        return result


async def take_some(messages: AsyncIterator[Any], take: Callable[[object], None]) -> None:
    """Iterate, and leave after some messages, the last letter at the latest."""
    async for message in messages:
        take(message)
        which = name(message)
        if random.random() < 0.3 or which is None or which.number == LETTERS:
            return


async def cancelled_soon(call: Awaitable[Any]) -> Any:
    """Cancelled as a task, rounds of the loop later, or a moment."""
    task = asyncio.ensure_future(call)
    if random.random() < 0.5:
        for _ in range(random.randrange(ROUNDS)):
            await asyncio.sleep(0)
    else:
        await asyncio.sleep(random.uniform(0, MOMENT))
    task.cancel()
    await asyncio.wait([task])
    return CANCELLED if task.cancelled() else task.result()


async def cancelled_in_time(call: Awaitable[Any]) -> Any:
    """Cancelled by a timeout."""
    try:
        return await asyncio.wait_for(call, random.choice((0, random.uniform(0, MOMENT))))
    except asyncio.TimeoutError:
        return CANCELLED


async def let_be(call: Awaitable[Any]) -> Any:
    """Not cancelled."""
    return await call


async def main(seconds: float, tasks: int, uris: list[str]) -> None:
    """Warm up, let the storm pass, and see what it left."""
    noises: list[str] = []
    warnings.simplefilter("error")
    sys.unraisablehook = lambda unraisable: noises.append(repr(unraisable.exc_value))
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: noises.append(str(context["message"])))
    pairs = list(itertools.product(FACES, uris))
    # What is kept for the life of a process and of a loop is open before we count.
    await asyncio.gather(*(Storm().live(*pair, time.monotonic() + 0.1) for pair in pairs))
    base = await descriptors.settled(0, 0.5)
    storm = Storm()
    living = (pairs[number % len(pairs)] for number in range(tasks))
    until = time.monotonic() + seconds
    await asyncio.gather(*(storm.live(*pair, until) for pair in living))
    gc.collect()
    left = await descriptors.settled(base, 5.0) - base
    report = {
        "outcomes": storm.outcomes,
        "wrongs": storm.wrongs,
        "letters": storm.letters,
        "left": left,
        "noises": noises,
    }
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    kind, seconds, tasks, *uris = sys.argv[1:]
    event_loops.run(kind, main(float(seconds), int(tasks), uris), float(seconds) + 4 * PATIENCE)
