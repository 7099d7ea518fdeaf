"""Which system calls one echo takes, counted by strace: `make strace-echo`.

A client that does few echoes and one that does many are counted; what the many have more is the
echoes' own, without the interpreter's start, the opening handshake and the end.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

FEW, MANY = 200, 1_200
# % time, seconds, usecs/call, calls, errors (or nothing), name
ROW = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$")


def main() -> int:
    """Prints the table, or one line where there is no strace."""
    if len(sys.argv) > 1:
        asyncio.run(client(sys.argv[1], int(sys.argv[2])))
        return 0
    strace = shutil.which("strace")
    if strace is None:
        print("strace is not installed: the system calls of an echo were not counted.")
        return 0
    server_file = Path("examples") / "demo_server.py"
    server = subprocess.Popen([sys.executable, server_file], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        few = count(strace, address, FEW)
        many = count(strace, address, MANY)
    finally:
        server.terminate()
        server.wait()
    print_table(many - few, MANY - FEW)
    return 0


async def client(address: str, echoes: int) -> None:
    """The program that is counted: `await send`, `await receive`, and nothing else."""
    from aiowebsocket import AioWebSocket  # noqa: PLC0415

    async with AioWebSocket(address) as aws:
        converse = aws.manipulator
        assert converse is not None
        for _ in range(echoes):
            await converse.send(b"an echo")
            await converse.receive()


def count(strace: str, address: str, echoes: int) -> Counter[str]:
    """The system calls of a client that does so many echoes, of all its threads."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "calls"
        command = [strace, "-f", "-c", "-o", str(table)]
        command += [sys.executable, __file__, address, str(echoes)]
        subprocess.run(command, check=True)
        rows = (ROW.match(line) for line in table.read_text().splitlines())
        return Counter({row[2]: int(row[1]) for row in rows if row and row[2] != "total"})


def print_table(calls: Counter[str], echoes: int) -> None:
    """Calls an echo; what comes less than once in a hundred echoes is not an echo's doing."""
    print(f"System calls of one echo (mean of {echoes:,}):")
    for name, number in calls.most_common():
        if number >= echoes / 100:
            print(f"  {name:16}{number / echoes:6.2f}")
    print(f"  {'together':16}{calls.total() / echoes:6.2f}")


if __name__ == "__main__":
    sys.exit(main())
