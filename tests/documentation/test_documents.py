"""The documents' programs, run as they stand: import lines included, only the address changed.

Each runs as a process of its own until it has echoed a few times, then Ctrl-C ends it. The first
program forgets three names of the standard library (asyncio, logging, datetime); they are put into
its globals from outside, its text stays what it is.
"""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

import documents
from programs import PATIENCE, running

if TYPE_CHECKING:
    from pathlib import Path

    from peers.process import ServerProcess

RUNNER = """\
import asyncio, logging, runpy, sys
from datetime import datetime
program, loop_kind = sys.argv[1:]
if loop_kind == "uvloop":
    import uvloop
    asyncio.set_event_loop(uvloop.new_event_loop())
elif sys.version_info >= (3, 14):  # where get_event_loop() no longer makes one
    asyncio.set_event_loop(asyncio.new_event_loop())
forgotten = {"asyncio": asyncio, "logging": logging, "datetime": datetime}
runpy.run_path(program, forgotten if "first" in program else None, "__main__")
"""


# The second program asks for TLS with ssl=True, whatever the scheme says.
CASES = [
    (name, scheme)
    for name in documents.PROGRAMS
    for scheme in ("ws", "wss")
    if (name, scheme) != ("second", "ws")
]


def program_file(folder: Path, name: str, uri: str) -> str:
    """One of the documents' programs with only its address changed."""
    path = folder / f"{name.replace(' ', '_')}.py"
    path.write_text(documents.addressed(documents.PROGRAMS[name], uri))
    return str(path)


def read_echoes(process: subprocess.Popen[str], count: int) -> list[str]:
    """What the program printed until it had received that many echoes."""
    assert process.stdout is not None
    lines: list[str] = []
    while sum("Client receive" in line for line in lines) < count:
        line = process.stdout.readline()
        if not line:
            break
        lines.append(line)
    return lines


@pytest.mark.parametrize(("name", "scheme"), CASES)
def test_a_program_echoes_and_ctrl_c_ends_it_cleanly(
    tmp_path: Path, websockets_server: ServerProcess, name: str, scheme: str, loop_kind: str
) -> None:
    path = "/ajaxchattest" if "header" in name else ""
    uri = websockets_server.uri(scheme, path)
    with running("-c", RUNNER, program_file(tmp_path, name, uri), loop_kind) as process:
        lines = read_echoes(process, 5)
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate()
    assert [line.split("-", 3)[3].strip() for line in lines] == [
        "Client send: b'AioWebSocket - Async WebSocket Client'",
        "Client receive: b'AioWebSocket - Async WebSocket Client'",
    ] * 5
    for word in ("Traceback", "panicked", "Error", "never"):
        assert word not in errors
    assert process.returncode == 0
    # Unbuffered, print writes a line and its end apart: the interrupt may come between.
    assert "Client" in rest or not rest.strip()


def test_ctrl_c_while_a_receive_is_parked_ends_cleanly(
    tmp_path: Path, websockets_server: ServerProcess, loop_kind: str
) -> None:
    """The server says nothing any more: the interrupt finds the loop asleep."""
    program = documents.with_changes(
        documents.LAST_PLAIN, ("await converse.send(message)", "await converse.send(message[:0])")
    )
    silent = documents.with_changes(
        program, ("            mes =", "            await converse.receive()\n            mes =")
    )
    path = tmp_path / "silent.py"
    path.write_text(documents.addressed(silent, websockets_server.uri("ws")))
    with running("-c", RUNNER, str(path), loop_kind) as process:
        assert process.stdout is not None
        assert "Client send" in process.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
    for word in ("Traceback", "panicked", "Error", "never"):
        assert word not in errors
    assert process.returncode == 0
