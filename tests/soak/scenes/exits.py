"""The end of a program at any moment, in any way: its exit code, its silence, and how soon."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import event_loops
from faces import FACES
from peers.authority import Authority
from soak.child import TESTS, Child
from soak.programs.leaving import ACTIVITIES, EXPECTED, TASKLESS, WITHOUT_TASKS, Order
from soak.scene import Row, Scene

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

EXITS, FEWER_EXITS = 1000, 40
# One in so many is of a program without the package: it tells what this machine needs.
CONTROL = 5
# One in so many has the warnings enabled that Python shows to developers.
WARNED = 5
AT_ONCE = 3
LONGEST_MOMENT = 0.15
WITHIN = 0.2
PATIENCE = 20.0
SIGNALS = {
    "SIGINT": signal.SIGINT,
    "SIGTERM": signal.SIGTERM,
    "SIGTERM, handled": signal.SIGTERM,
}
# Python shows the source line after a warning, indented, and may advise on how to learn more.
DOCUMENTED = re.compile(
    r"(.*: )?ResourceWarning: (unclosed (connection|event loop) <.*|Enable tracemalloc .*)|  .*"
)


@dataclass(frozen=True)
class End:
    """How one program ended, and how many seconds after its moment."""

    order: Order
    code: int
    complaint: str
    seconds: float

    @property
    def is_control(self) -> bool:
        """Whether it did without the package."""
        return self.order.activity == "nothing"

    @property
    def fault(self) -> str:
        """What was not as expected, but for the time."""
        if self.code != EXPECTED[self.order.way]:
            return f"exit code {self.code} {self.complaint}"
        return self.complaint


def leave(short: bool) -> list[Row]:
    """Many programs, some at once; a row for each way to end."""
    # A shell's background jobs ignore Ctrl-C, and so would the programs that we interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    count = FEWER_EXITS if short else EXITS
    with somewhere_to_connect() as (uris, ca_file), ThreadPoolExecutor(AT_ONCE) as pool:
        stalled_uri = uris["stalled"]
        choices = orders(count, [uris["ws"], uris["wss"]], stalled_uri)
        ends = list(pool.map(lambda order: end_of(order, ca_file), choices))
    by_way = defaultdict(list)
    for end in ends:
        by_way[end.order.way].append(end)
    slowest_control = max(end.seconds for end in ends if end.is_control)
    return [row(way, ended, slowest_control, short) for way, ended in by_way.items()]


def orders(count: int, uris: list[str], stalled_uri: str) -> Iterator[Order]:
    """So many that use the package, each way as often, the rest by chance; and controls."""
    ways = itertools.cycle(EXPECTED)
    for number in range(count):
        way = next(ways)
        order = Order(
            way,
            random.choice([*event_loops.KINDS]),
            random.choice(activities(way)),
            random.choice([*FACES]),
            random.choice(uris),
            stalled_uri,
            random.uniform(0, LONGEST_MOMENT),
        )
        yield order
        if number % CONTROL == 0:
            yield Order(**{**asdict(order), "activity": "nothing"})


def activities(way: str) -> list[str]:
    """What a program that ends in this way can be doing."""
    if way in WITHOUT_TASKS:
        return [*TASKLESS]
    possible = [activity for activity in ACTIVITIES if activity != "nothing"]
    if way == "SIGINT" and sys.version_info < (3, 11):
        # The exception may come up in a __del__, where Python drops it, whoever wrote that.
        possible.remove("opening")
    return possible


def end_of(order: Order, ca_file: Path) -> End:
    """Run one program to its end."""
    warned = random.randrange(WARNED) == 0
    options = ["-W", "default::ResourceWarning"] if warned else []
    process = subprocess.Popen(
        [sys.executable, *options, "-m", "soak.programs.leaving", json.dumps(asdict(order))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(TESTS), "SSL_CERT_FILE": str(ca_file)},
        text=True,
    )
    watchdog = threading.Timer(PATIENCE, process.kill)
    watchdog.start()
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        moment = end_it(order, process)
        process.wait()
        ended = time.monotonic()
        complaint = undocumented(process.stderr.read(), warned)
    watchdog.cancel()
    return End(order, process.returncode, complaint, ended - moment)


def end_it(order: Order, process: subprocess.Popen[str]) -> float:
    """When the program began to end: by a signal of ours, or as it says."""
    assert process.stdout is not None
    moment = time.monotonic()
    for line in process.stdout:
        what, moment = json.loads(line)
        if what == "busy" and order.way in SIGNALS:
            time.sleep(order.moment)
            moment = time.monotonic()
            process.send_signal(SIGNALS[order.way])
            break
        if what == "leaves":
            break
    return moment


def undocumented(complaints: str, warned: bool) -> str:
    """What stands on standard error and is not a warning that was asked for."""
    lines = complaints.splitlines()
    if warned:
        lines = [line for line in lines if not DOCUMENTED.fullmatch(line)]
    return "\n".join(lines)


def row(way: str, ended: Iterable[End], slowest_control: float, short: bool) -> Row:
    """One way to end, in words; a fault is told with what it takes to see it again.

    The few controls of the short form do not tell how slow this machine can be: there only a
    program that does not end at all is a fault, for it is killed.
    """
    ours = [end for end in ended if not end.is_control]
    limit = WITHIN + slowest_control
    faults = [(end, end.fault) for end in ours if end.fault]
    late = [end for end in ours if end.seconds > limit]
    slowest = max(end.seconds for end in ours)
    seen = (
        f"{len(ours)} ended, {len(faults)} with another code or with noise, {len(late)} late: "
        f"the slowest took {slowest * 1000:.0f} ms,"
        f" of those without the package {slowest_control * 1000:.0f} ms"
    )
    for end, fault in [*faults, *((end, f"{end.seconds:.3f} s") for end in late)][:3]:
        seen += f"; {json.dumps(asdict(end.order))}: {fault}"
    return Row(f"{way}: exit code {EXPECTED[way]}", seen, not faults and (short or not late))


@contextlib.contextmanager
def somewhere_to_connect() -> Iterator[tuple[dict[str, str], Path]]:
    """A server on ws and wss, a listener that never answers, and whom to trust."""
    with contextlib.ExitStack() as stack:
        authority = Authority(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        certificate = str(authority.server_files)
        server = Child("soak.letters_server", certificate, ca_file=authority.ca_file)
        ports = stack.enter_context(server).next_line(PATIENCE)
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=EXITS))
        uris = {scheme: f"{scheme}://127.0.0.1:{port}/" for scheme, port in ports.items()}
        uris["stalled"] = f"ws://127.0.0.1:{listener.getsockname()[1]}/"
        yield uris, authority.ca_file


SCENE = Scene(
    "exits",
    "1,000 random moments (sys.exit, SIGINT, SIGTERM, loop stopped, unclosed, threads): "
    "1,000 expected exit codes, stderr empty but for documented warnings, within 200 ms",
    leave,
)
