"""The wire between two hosts: a thread that carries packets through the weather.

It knows packets as bytes and nothing of what is in them.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import random
import select
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

from .weather import BRIGHT, Weather

if TYPE_CHECKING:
    from types import TracebackType

LONGEST_PACKET = 2**16
# As many as netem keeps under way by default.
LIMIT = 1000
# What one end has to say does not make the other wait for long.
AT_ONCE = 64


class Wire:
    """Carries packets between two TUN devices until it is left; `weather` may change at any time.

    Attributes:
        weather: What happens to the packets from now on.
        fates: How many packets met with what.
    """

    def __init__(self, one: int, other: int) -> None:
        self.weather = BRIGHT
        self.fates: Counter[str] = Counter()
        self._other_end = {one: other, other: one}
        self._under_way: list[tuple[float, int, int, bytes]] = []
        self._numbers = itertools.count()
        self._random = random.Random()
        self._stop_reading, self._stop_writing = os.pipe()
        self._thread = threading.Thread(target=self._carry, daemon=True)

    def __enter__(self) -> Wire:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._stop_writing)
        self._thread.join()
        os.close(self._stop_reading)

    def __str__(self) -> str:
        return ", ".join(f"{count:,} {fate}" for fate, count in sorted(self.fates.items()))

    def _carry(self) -> None:
        poll = select.poll()
        for readable in (*self._other_end, self._stop_reading):
            poll.register(readable, select.POLLIN)
        while True:
            ready = [descriptor for descriptor, _ in poll.poll(self._milliseconds_to_wait())]
            if self._stop_reading in ready:
                return
            for device in ready:
                self._take_from(device)
            self._deliver()

    def _milliseconds_to_wait(self) -> float | None:
        if not self._under_way:
            return None
        # poll() counts whole milliseconds, and one too early would be a busy loop.
        return max(0.0, (self._under_way[0][0] - time.monotonic()) * 1000 + 1)

    def _take_from(self, device: int) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(AT_ONCE):
                self._expose(os.read(device, LONGEST_PACKET), self._other_end[device])

    def _expose(self, packet: bytes, destination: int) -> None:
        weather = self.weather
        if self._happens(weather.loss):
            self.fates["lost"] += 1
            return
        if self._happens(weather.duplicate):
            self.fates["doubled"] += 1
            self._send_off(packet, destination, weather)
        if self._happens(weather.corrupt):
            self.fates["corrupted"] += 1
            packet = self._with_a_bit_turned(packet)
        self._send_off(packet, destination, weather)

    def _send_off(self, packet: bytes, destination: int, weather: Weather) -> None:
        if len(self._under_way) >= LIMIT:
            self.fates["lost for want of room"] += 1
            return
        due = time.monotonic()
        if self._happens(weather.reorder):
            self.fates["sent ahead"] += 1
        else:
            due += weather.delay + self._random.uniform(-weather.jitter, weather.jitter)
        heapq.heappush(self._under_way, (due, next(self._numbers), destination, packet))

    def _deliver(self) -> None:
        now = time.monotonic()
        while self._under_way and self._under_way[0][0] <= now:
            _, _, destination, packet = heapq.heappop(self._under_way)
            # A corrupted header is refused by the device, as by any network card.
            with contextlib.suppress(OSError):
                os.write(destination, packet)
            self.fates["carried"] += 1

    def _happens(self, share: float) -> bool:
        return share > 0 and self._random.random() < share

    def _with_a_bit_turned(self, packet: bytes) -> bytes:
        corrupted = bytearray(packet)
        corrupted[self._random.randrange(len(packet))] ^= 1 << self._random.randrange(8)
        return bytes(corrupted)
