"""A process that may have no more memory: a call or a connection fails, the program lives on."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import pytest

from peers.raw import RawPeer, Script, Session

MIB = 2**20
LENGTH = 120 * MIB

PROGRAM = """
import asyncio, resource, sys
import aiowebsocket

async def main():
    uri, way, driver = sys.argv[1:]
    options = {"max_size": None, "compression": None, "close_timeout": 1, "driver": driver}
    async with aiowebsocket.connect(uri, **options) as ws:
        message = bytes(90 << 20) if way == "sends" else None
        with open("/proc/self/statm") as statm:
            used = int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (60 << 20),) * 2)
        try:
            await (ws.send(message) if message else ws.recv())
        except MemoryError:
            print("MemoryError")
        except aiowebsocket.ConnectionClosedError as error:
            print("closed by", type(error.__cause__).__name__, "with", error.sent.code)
    print("alive")

asyncio.run(main())
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS and /proc")


def pour(session: Session, first: int) -> None:
    session.open()
    with contextlib.suppress(OSError):
        session.send(bytes([first, 127]) + LENGTH.to_bytes(8, "big"))
        for _ in range(LENGTH // MIB):
            session.send(b"a" * MIB)
    session.receive_ending()


def binary(session: Session) -> None:
    pour(session, 0x82)


def text(session: Session) -> None:
    pour(session, 0x81)


def sink(session: Session) -> None:
    session.open()
    session.receive_ending()


@pytest.mark.parametrize("driver", ["loop", "lifeline"])
@pytest.mark.parametrize("script", [binary, text])
def test_a_message_for_which_there_is_no_memory_fails_the_connection(
    script: Script, driver: str
) -> None:
    assert run(script, "receives", driver) == "closed by MemoryError with 1009\nalive\n"


def test_a_send_for_which_there_is_no_memory_raises_and_sends_nothing() -> None:
    assert run(sink, "sends", "loop") == "MemoryError\nalive\n"


def run(script: Script, way: str, driver: str) -> str:
    """What the program prints."""
    peer = RawPeer(script)
    try:
        command = [sys.executable, "-c", PROGRAM, peer.uri, way, driver]
        child = subprocess.run(command, capture_output=True, text=True, timeout=40, check=False)
        assert child.returncode == 0, child.stderr
        return child.stdout
    finally:
        peer.stop()
