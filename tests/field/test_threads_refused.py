"""A system that starts no more threads: an OSError, no panic, and a limit on time that holds.

RLIMIT_NPROC does not bind root, so a program of root's is somebody else's first.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from field import children

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.process import ServerProcess
    from peers.raw import Session

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it limits threads as Linux does")

NOBODY = 65534
HEAD = f"""
import asyncio, encodings.idna, os, resource, sys, time
from aiowebsocket import connect

def refuse_threads():
    if os.geteuid() == 0:
        # The certificate of the tests is root's to read.
        os.environ.pop("SSL_CERT_FILE", None)
        os.setuid({NOBODY})
    _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    resource.setrlimit(resource.RLIMIT_NPROC, (1, hard))

async def attempt(uri, open_timeout=5):
    begun = time.monotonic()
    try:
        async with connect(uri, open_timeout=open_timeout):
            print("opened")
    except TimeoutError:
        print("TimeoutError", "at once" if time.monotonic() - begun < 0.5 else "in time")
    except OSError as error:
        print("OSError", error.errno)
"""

FROM_THE_START = """
async def main():
    for _ in range(3):
        await attempt(sys.argv[1])

refuse_threads()
asyncio.run(main())
"""

LATER = """
async def main():
    await attempt(sys.argv[1])
    refuse_threads()
    # A name is looked up by a thread of the pool, an address is not.
    await attempt(sys.argv[2])
    await attempt(sys.argv[1])
    await attempt(sys.argv[3], open_timeout=1)

asyncio.run(main())
"""


@pytest.mark.parametrize("scheme", ["ws", "wss"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_where_no_thread_can_be_started_connect_raises_oserror(
    websockets_server: ServerProcess, scheme: str, host: str
) -> None:
    """Each time: the first failure breaks nothing for the next."""
    uri = f"{scheme}://{host}:{websockets_server.ports[scheme]}/"
    assert children.succeed(HEAD + FROM_THE_START, uri) == "OSError 11\n" * 3


def test_once_the_engine_runs_its_limit_on_time_holds(
    websockets_server: ServerProcess, raw_peer: MakeRawPeer
) -> None:
    def silence(session: Session) -> None:
        session.wait_for_end()

    port = websockets_server.ports["ws"]
    address, name = f"ws://127.0.0.1:{port}/", f"ws://localhost:{port}/"
    output = children.succeed(HEAD + LATER, address, name, raw_peer(silence).uri).splitlines()
    assert output[0] == output[2] == "opened"
    assert output[1] in {"OSError 11", "opened"}
    assert output[3] == "TimeoutError in time"
