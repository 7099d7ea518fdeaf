"""A storm of cancellations: everything that can be awaited is, and is cancelled at any moment."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import event_loops
from peers.authority import Authority
from soak.child import Child
from soak.scene import Row, Scene

if TYPE_CHECKING:
    from collections.abc import Mapping

TASKS, SECONDS, FEWER_SECONDS = 200, 60.0, 5.0
CALLS = ("connect", "send", "receive", "async for", "close")
PATIENCE = 120.0


def storm(short: bool) -> list[Row]:
    """On one kind of loop after the other, both faces on ws and wss at once."""
    seconds = FEWER_SECONDS if short else SECONDS
    return [row_of(kind, *storm_on(kind, seconds)) for kind in event_loops.KINDS]


def storm_on(kind: str, seconds: float) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What the clients and the server saw."""
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(Path(folder))
        certificate = str(authority.server_files)
        ca_file = authority.ca_file
        with Child("soak.letters_server", certificate, ca_file=ca_file) as server:
            ports = server.next_line(PATIENCE)
            uris = [f"{scheme}://127.0.0.1:{ports[scheme]}/" for scheme in ("ws", "wss")]
            arguments = (kind, str(seconds), str(TASKS), *uris)
            with Child("soak.programs.fickle", *arguments, ca_file=ca_file) as clients:
                report = clients.next_line(seconds + PATIENCE)
                return report, server.asked(PATIENCE)


def row_of(kind: str, report: Mapping[str, Any], server: Mapping[str, Any]) -> Row:
    """Both accounts, in words; a storm in which a call was never cancelled proves nothing."""
    outcomes = report["outcomes"]
    wrongs = {what: count for what, count in report["wrongs"].items() if count}
    torn = server["torn_letters"] + server["torn_frames"]
    calls = ", ".join(
        f"{call} {outcomes.get(f'{call} cancelled', 0):,}/{outcomes.get(f'{call} done', 0):,}"
        for call in CALLS
    )
    tried = all(f"{call} {how}" in outcomes for call in CALLS for how in ("cancelled", "done"))
    seen = (
        f"{report['letters']:,} messages, lost or torn: {wrongs or 0}, torn at the server: {torn}, "
        f"descriptors left: {report['left']}, connections left: {server['open']}, "
        f"complaints: {sorted(set(report['noises'])) or 0}; cancelled/done: {calls}"
    )
    clean = not (wrongs or torn or server["open"] or report["noises"]) and report["left"] <= 0
    return Row(f"{TASKS} tasks, {kind}", seen, tried and clean)


SCENE = Scene(
    "cancellation",
    "200 tasks for 60 s, connect, receive, send, close and async for cancelled at random:"
    " 0 messages lost or torn, 0 sockets left",
    storm,
)
