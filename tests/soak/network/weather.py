"""What may happen to a packet on its way. It knows neither packets nor wires."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Weather:
    """Each packet's lot, in each direction; the words and their sense are those of tc-netem(8).

    Attributes:
        delay: Seconds that a packet takes.
        jitter: By so much the delay is more or less, evenly distributed.
        loss: The share of packets that never arrive.
        reorder: The share of packets that are not delayed and so overtake others.
        duplicate: The share of packets that arrive twice.
        corrupt: The share of packets in which a bit is turned.
    """

    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    reorder: float = 0.0
    duplicate: float = 0.0
    corrupt: float = 0.0


BRIGHT = Weather()
BLACKOUT = Weather(loss=1.0)
STORM = Weather(delay=0.1, jitter=0.03, loss=0.01, reorder=0.05, duplicate=0.01, corrupt=0.001)
