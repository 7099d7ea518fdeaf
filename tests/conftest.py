"""Fixtures for every test: event loops, the other ends, a throw-away CA, and a limit on time.

A test that is a coroutine function runs once on asyncio, once on uvloop, and once on a loop that
watches no sockets, where the engine's own thread drives the connection. No test can hang: its
coroutine is cancelled first, then the main thread is interrupted with every thread's stack on the
screen; where even that fails, pytest's own faulthandler_timeout ends the process.
"""

from __future__ import annotations

import faulthandler
import functools
import inspect
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Protocol

import pytest

import axes
import event_loops
from peers import node_server
from peers.authority import Authority
from peers.nginx_proxy import NginxProxy
from peers.process import ServerProcess, python_server
from peers.raw import RawPeer, Script

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

INTERRUPT_AFTER = 80.0


class TimeLimitError(KeyboardInterrupt):
    """Raised in the main thread when a test has run past its limit.

    uvloop lets no other exception of a signal handler stop the loop.
    """


class MakeRawPeer(Protocol):
    """The type of the fixture `raw_peer`."""

    def __call__(self, *scripts: Script, ipv6: bool = False) -> RawPeer: ...


def pytest_configure(config: pytest.Config) -> None:
    for marker in axes.MARKERS:
        config.addinivalue_line("markers", marker)
    # A shell's background jobs ignore Ctrl-C, and so would the programs that we interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    axes.repeat(metafunc)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    loop_kind = str(pyfuncitem.callspec.params["loop_kind"])
    event_loops.run(loop_kind, pyfuncitem.obj(**arguments))
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, Any, Any]:
    """Limit the test alone: a session's fixture may have to install what it needs."""
    if not hasattr(signal, "SIGALRM"):
        return (yield)
    previous = signal.signal(signal.SIGALRM, interrupt_the_test)
    signal.setitimer(signal.ITIMER_REAL, INTERRUPT_AFTER)
    try:
        return (yield)
    except TimeLimitError as error:
        # A test that took too long has failed; the other tests are to run.
        raise AssertionError(str(error)) from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def interrupt_the_test(*_: Any) -> None:
    faulthandler.dump_traceback(file=sys.__stderr__ or sys.stderr)
    raise TimeLimitError(f"the test took longer than {INTERRUPT_AFTER:.0f} seconds")


@pytest.fixture
def run(loop_kind: str) -> Callable[..., Any]:
    """Run a coroutine on a fresh event loop, for tests that need several loops or threads."""
    return functools.partial(event_loops.run, loop_kind)


@pytest.fixture(scope="session", autouse=True)
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """The throw-away CA; every connection of the tests trusts it by way of SSL_CERT_FILE."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "SSL_CERT_FILE", str(authority.ca_file))
        patch.delitem(os.environ, "SSL_CERT_DIR", raising=False)
        yield authority


@pytest.fixture
def scheme() -> str:
    """The value of the axis, for a test that does not ask for it."""
    return "ws"


@pytest.fixture
def raw_peer(scheme: str, authority: Authority) -> Iterator[MakeRawPeer]:
    """Make peers of one's own scripts; what fails in a script fails the test."""
    peers: list[RawPeer] = []

    def make(*scripts: Script, ipv6: bool = False) -> RawPeer:
        tls = authority.server_context() if scheme == "wss" else None
        peers.append(RawPeer(*scripts, tls=tls, ipv6=ipv6))
        return peers[-1]

    yield make
    for peer in peers:
        peer.stop()


@pytest.fixture(scope="session")
def websockets_server(authority: Authority) -> Iterator[ServerProcess]:
    server = python_server("peers.websockets_server", authority.server_files)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def demanding_server(authority: Authority) -> Iterator[ServerProcess]:
    server = python_server("peers.demanding_server", authority.server_files)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def aiohttp_server(authority: Authority) -> Iterator[ServerProcess]:
    server = python_server("peers.aiohttp_server", authority.server_files)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def node_ws_server(authority: Authority) -> Iterator[ServerProcess]:
    server = node_server.start(authority.server_files)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def nginx_server(
    authority: Authority,
    websockets_server: ServerProcess,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[NginxProxy]:
    folder: Path = tmp_path_factory.mktemp("nginx")
    proxy = NginxProxy(folder, authority.server_files, websockets_server.ports["ws"])
    yield proxy
    proxy.stop()
