"""Threads that the system refuses to start: one plain error, and no step that waits for them."""

from __future__ import annotations

import errno
import sys
from typing import TYPE_CHECKING

import pytest

from peers.raw import Session
from programs import running

if TYPE_CHECKING:
    from conftest import MakeRawPeer

if sys.platform != "linux":
    pytest.skip("where a limit on threads is one on a user's", allow_module_level=True)

LOOKUP = """
import asyncio, os, resource, sys, threading
import aiowebsocket
import aiowebsocket.handshake

async def main(address, name):
    async with aiowebsocket.connect(address):
        pass  # the engine's own threads have been started
    # The limit does not hold for root.
    if os.getuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    try:
        threading.Thread(target=print).start()
    except RuntimeError:
        pass
    else:
        print("threads can be started")
        return
    for timeout in (5, None):
        try:
            await aiowebsocket.connect(name, open_timeout=timeout)
        except aiowebsocket.ConnectError as error:
            print(type(error).__name__, isinstance(error, OSError), error.errno, str(error))
    async with aiowebsocket.connect(address):
        print("open")

asyncio.run(main(*sys.argv[1:]))
"""


def test_a_name_that_no_thread_can_look_up_is_an_error(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(Session.open, Session.open)
    with running("-c", LOOKUP, peer.uri, "ws://localhost:1/") as program:
        output, complaints = program.communicate()
    if output.startswith("threads can be started"):
        pytest.skip("this machine sets no limit to threads")
    assert complaints == ""
    expected = (
        f"ConnectError True {errno.EAGAIN} could not resolve localhost:"
        " there is no thread to do it: Resource temporarily unavailable"
    )
    assert output.splitlines() == [expected, expected, "open"]


REFUSED = """
import asyncio, os
import aiowebsocket

REFUSED = [
    ("ws://127.0.0.1:1/#", {}),
    ("ws://127.0.0.1:1/", {"additional_headers": {"a b": "c"}}),
    ("ws://127.0.0.1:1/", {"additional_headers": {"A": "x" * 2**21}}),
    ("ws://127.0.0.1:1/", {"additional_headers": [("A", "b")] * 5000}),
    ("ws://127.0.0.1:1/" + "a" * 2**21, {}),
    ("ws://127.0.0.1:1/", {"subprotocols": ["a", "a"]}),
    ("ws://127.0.0.1:1/", {"server_hostname": "h"}),
    ("wss://127.0.0.1:1/", {"server_hostname": "a b"}),
    ("wss://127.0.0.1:1/", {"ssl": False}),
    ("wss://127.0.0.1:1/", {"ssl": aiowebsocket.TLSConfig(ca_file="/nowhere/at/all.pem")}),
]

async def main():
    before = len(os.listdir("/proc/self/task"))
    for uri, options in REFUSED:
        try:
            await aiowebsocket.connect(uri, **options)
        except (ValueError, aiowebsocket.TLSError) as error:
            assert len(str(error)) < 300 or len(uri) > 300, error
        else:
            print("opened", uri, options)
    print(len(os.listdir("/proc/self/task")) - before)

asyncio.run(main())
"""


def test_what_can_be_refused_needs_no_thread() -> None:
    with running("-c", REFUSED) as program:
        output, complaints = program.communicate()
    assert (output, complaints) == ("0\n", "")
