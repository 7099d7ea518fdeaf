"""How late something ended, less how long the machine itself stood still meanwhile.

    with clock.measuring() as took:
        await ws.close()
    assert took.seconds >= TIMEOUT
    assert took.late(TIMEOUT) < clock.SLACK

A machine that others use too stops a process when it likes, for a second if need be, and an upper
bound that allows for that allows for a deadline twice as late. So a witness, a process of its own,
watches meanwhile: that it is woken in time itself, that no thread of the test's process waits for a
processor, that the process is not stopped, that the machine is not held by its host. What that
costs before a deadline makes nobody late; what it costs after it is left out. What the process does
to itself (a call that keeps the interpreter, work that takes long) is not. `took.own` leaves all of
it out: for what is to be done at once, without a deadline.

Where there is no /proc only the first of the four is seen. Awaits that run side by side have one
measurement around them all, and each its own `Span`.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a deadline may be missed by on a machine that runs. A test's deadline is longer than that, or
# one that is kept twice as late would not be seen.
SLACK = 0.2

TICK = 0.01
# A wake-up that comes so much too late is none that the machine owes to its timers.
NOTICED = 0.002


class Span(NamedTuple):
    """From when to when, as time.monotonic has it."""

    began: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began


class Loss(NamedTuple):
    """What was lost from one look of the witness to the next."""

    span: Span
    seconds: float


class Took:
    """What a measurement has found, once it has ended."""

    def __init__(self) -> None:
        self.span = Span(0, 0)
        self.losses: list[Loss] = []

    @property
    def seconds(self) -> float:
        return self.span.seconds

    @property
    def own(self) -> float:
        """The seconds less all that was lost: for what is to be done at once."""
        return self.seconds - self._lost(self.span)

    def late(self, deadline: float, span: Span | None = None) -> float:
        """By how much the whole, or a span of it, missed its deadline while the machine ran."""
        began, ended = span or self.span
        due = began + deadline
        return ended - due - self._lost(Span(due, ended))

    def _lost(self, span: Span) -> float:
        """What was lost by looks that have seen a part of the span."""
        return sum(
            loss.seconds
            for loss in self.losses
            if loss.span.began < span.ended and span.began < loss.span.ended
        )

    def __repr__(self) -> str:
        return f"{self.seconds:.3f} s, {self.own:.3f} s of them while the machine ran"


@contextlib.contextmanager
def measuring(*others: int) -> Iterator[Took]:
    """Measure what is done within; what other processes (their ids) wait for is left out too."""
    took = Took()
    witness = the_witness()
    witness.begin(os.getpid(), *others)
    began = time.monotonic()
    try:
        yield took
    finally:
        took.span = Span(began, time.monotonic())
        took.losses = witness.end()


class Witness:
    """The other process: it sleeps for a tick at a time, and looks whether that was one."""

    def __init__(self) -> None:
        command = [sys.executable, "-I", "-S", __file__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._begun = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def begin(self, *processes: int) -> None:
        assert not self._begun, "two measurements at the same time"
        self._begun = True
        self._ask(" ".join(map(str, processes)))

    def end(self) -> list[Loss]:
        self._begun = False
        return [Loss(Span(*span), seconds) for span, seconds in json.loads(self._ask("end"))]

    def leave(self) -> None:
        self._process.communicate()

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()
        return self._process.stdout.readline().decode()


_witnesses: dict[int, Witness] = {}


def the_witness() -> Witness:
    """That of this process, which the first measurement starts."""
    pid = os.getpid()
    if pid not in _witnesses:
        _witnesses[pid] = Witness()
        atexit.register(_witnesses[pid].leave)
    return _witnesses[pid]


def witness() -> None:
    """The program of the other process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while line := sys.stdin.readline():
        processes = [int(word) for word in line.split()]
        ended = threading.Event()
        watch = Watch(processes)
        reading = threading.Thread(target=wait_for_a_line, args=[ended], daemon=True)
        reading.start()
        print("begun", flush=True)
        while not ended.wait(TICK):
            watch.look()
        watch.look()
        print(json.dumps(watch.losses), flush=True)


def wait_for_a_line(ended: threading.Event) -> None:
    sys.stdin.readline()
    ended.set()


class Watch:
    """On what processes lose, tick by tick."""

    def __init__(self, processes: list[int]) -> None:
        self.losses: list[Loss] = []
        self._processes = processes
        self._waited = waiting(processes)
        self._witness_waited = own_wait()
        self._stolen = stolen()
        self._stopped = False
        self._looked = time.monotonic()

    def look(self) -> None:
        """Note what the tick has cost: the longest of these times, for they are the same time."""
        now, waited, stolen_now = time.monotonic(), waiting(self._processes), stolen()
        witness_waited, stopped = own_wait(), any(map(is_stopped, self._processes))
        passed = now - self._looked
        # That the witness has to wait for a processor says nothing of the others.
        late = passed - TICK - (witness_waited - self._witness_waited)
        lost = max(
            late if late > NOTICED else 0.0,
            passed if stopped or self._stopped else 0.0,
            *(waited[thread] - self._waited.get(thread, 0.0) for thread in waited),
            *(after - before for after, before in zip(stolen_now, self._stolen, strict=False)),
        )
        if lost > 0:
            self.losses.append(Loss(Span(self._looked, now), lost))
        self._looked, self._waited, self._stolen = now, waited, stolen_now
        self._witness_waited, self._stopped = witness_waited, stopped


def own_wait() -> float:
    """How long this thread has waited for a processor."""
    return waiting_of(threading.get_native_id())


def waiting(processes: list[int]) -> dict[int, float]:
    """How long each thread of them has waited for a processor."""
    found = {}
    for process in processes:
        with contextlib.suppress(OSError):
            for thread in map(int, os.listdir(f"/proc/{process}/task")):
                found[thread] = waiting_of(thread)
    return found


def waiting_of(thread: int) -> float:
    """How long a thread has waited for a processor, if this system tells."""
    try:
        with open(f"/proc/{thread}/schedstat") as file:
            return int(file.read().split()[1]) / 1e9
    except OSError:
        return 0.0


def is_stopped(process: int) -> bool:
    """Whether it has been stopped by a signal."""
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


def stolen() -> list[float]:
    """How long each processor was held by the machine's host."""
    hertz = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
    try:
        with open("/proc/stat") as file:
            lines = [line.split() for line in file if line.startswith("cpu")]
    except OSError:
        return []
    return [int(line[8]) / hertz for line in lines if line[0] != "cpu" and len(line) > 8]


if __name__ == "__main__":
    witness()
