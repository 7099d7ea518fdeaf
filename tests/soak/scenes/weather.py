"""Bad weather on the way: all packets lost for a while, or a storm that mistreats some of them."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from soak.network import BLACKOUT, BRIGHT, STORM, NotPermittedError
from soak.network.apart import apart
from soak.scene import Row, Scene

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMES = ("ws", "wss")
NUMBERS = 10**5
PING_TIMEOUT = 10
STORM_SECONDS = float(os.environ.get("SOAK_STORM_SECONDS", "600"))
# What a plain socket does in the same time, less what the weather alone may make of it.
THROUGHPUT = 0.9
PATIENCE = 300.0


def lose_all_for_a_while(short: bool) -> list[Row]:
    """The wire goes dead while numbers are under way, and comes back."""
    seconds, count = (1.0, NUMBERS // 40) if short else (3.0, NUMBERS)
    try:
        with apart(
            "soak.programs.numbering",
            lambda far: (str(count), str(PING_TIMEOUT), *map(far.uri, SCHEMES)),
        ) as (echoing, wire):
            for child in echoing.values():
                child.next_line(PATIENCE)
            wire.weather = BLACKOUT
            time.sleep(seconds)
            wire.weather = BRIGHT
            reports = {kind: child.next_line(PATIENCE) for kind, child in echoing.items()}
            lost = wire.fates["lost"]
    except NotPermittedError as reason:
        return [Row("all packets lost for a while", f"not tried: {reason}")]
    return [
        row_of_numbers(f"{seconds:.0f} s of packet loss, {kind}", report, count, lost)
        for kind, report in reports.items()
    ]


def row_of_numbers(what: str, report: Mapping[str, Any], count: int, lost: int) -> Row:
    """What became of the numbers, in words; a wire that lost nothing proves nothing."""
    wrongs = {name: report[name] for name in ("lost", "doubled", "out of turn")}
    disconnects = report["disconnects"]
    seen = (
        f"{len(disconnects)} disconnects, of {count * len(SCHEMES):,} numbers "
        + ", ".join(f"{number} {name}" for name, number in wrongs.items())
        + f"; {lost} packets lost"
        + "".join(f"; {ending}" for ending in disconnects)
    )
    return Row(what, seen, lost > 0 and not disconnects and not any(wrongs.values()))


def weather_the_storm(short: bool) -> list[Row]:
    """Letters through the storm, beside the same letters on nothing but TLS."""
    seconds, count = (4.0, 4) if short else (STORM_SECONDS, 25)
    try:
        with apart(
            "soak.programs.lettering",
            lambda far: (
                *(str(seconds), str(count)),
                *(far.uri("wss", "/letters"), str(far.ports["tls"])),
            ),
            STORM,
        ) as (lettering, wire):
            patience = seconds + PATIENCE
            reports = {kind: child.next_line(patience) for kind, child in lettering.items()}
            fates = str(wire)
    except NotPermittedError as reason:
        return [Row("a storm", f"not tried: {reason}")]
    rows = []
    for kind, report in reports.items():
        rows += rows_of_letters(f"storm, wss, {kind}", report, short)
    return [*rows, Row("the storm itself, in packets", fates)]


def rows_of_letters(what: str, report: Mapping[str, Any], short: bool) -> list[Row]:
    """What became of the letters, and how long they took; a short storm is a matter of luck."""
    size, seconds = report["bytes"], report["seconds"]
    assert size["ours"] == size["plain"], "not the same letters"
    ratio = seconds["plain"] / seconds["ours"]
    speed = {kind: size[kind] / seconds[kind] / 1000 for kind in size}
    whole = f"{report['wrong']} wrong digests in {size['ours'] / 1e6:.1f} MB"
    quick = (
        f"{ratio:.0%} of a plain socket's throughput"
        f" ({speed['ours']:.0f} kB/s and {speed['plain']:.0f} kB/s a connection)"
    )
    return [
        Row(f"{what}: digests", whole, report["wrong"] == 0 and size["ours"] > 0),
        Row(f"{what}: throughput", quick, None if short else ratio >= THROUGHPUT),
    ]


BLACKOUT_SCENE = Scene(
    "blackout",
    "3 s of packet loss 100 %, then healed, ping timeout 10 s:"
    " 0 disconnects, 0 of 10^5 numbers lost or doubled",
    lose_all_for_a_while,
)
STORM_SCENE = Scene(
    "storm",
    "delay 100 ms +- 30, loss 1 %, reorder 5 %, duplicate 1 %, corrupt 0.1 %, wss, 10 min:"
    " 0 wrong digests, at least 90 % of a plain socket's throughput",
    weather_the_storm,
)
