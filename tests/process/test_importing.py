"""What `import aiowebsocket` loads, and that every name is there nevertheless.

Each question is put to an interpreter of its own, since this one has loaded everything.
"""

from __future__ import annotations

import importlib
import json
import pickle
import pkgutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket

if TYPE_CHECKING:
    from peers.process import ServerProcess

# Whatever needs the engine; and of that what a conversation does without.
ENGINE = ["_core", "client", "compression", "connection", "opening", "options"]
LATE = ["converses", "enumerations", "handshake", "tls"]
LOADED_WHEN_ASKED_FOR = {f"aiowebsocket.{name}" for name in LATE}
MODULES = [
    importlib.import_module(f"aiowebsocket.{module.name}")
    for module in pkgutil.iter_modules(aiowebsocket.__path__)
    if module.name != "_core"  # whose classes are halves of the package's
]
LOADED = "import json, sys; print(json.dumps([m for m in sys.modules if 'aiowebsocket' in m]))"

CONVERSATION = """
import asyncio, sys
import aiowebsocket

async def main():
    async with aiowebsocket.connect(sys.argv[1]) as ws:
        await ws.send("hello")
        assert await ws.recv() == "hello"
    try:
        await ws.recv()
    except aiowebsocket.ConnectionClosedOK as error:
        assert "1000 (OK)" in str(error)
    assert "CLOSED" in repr(ws)
    assert ws.state == aiowebsocket.State.CLOSED

asyncio.run(main())
"""


def told_by(program: str, *arguments: str) -> Any:
    """What a fresh interpreter prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_importing_the_package_loads_nothing_that_needs_the_engine() -> None:
    loaded = set(told_by(f"import aiowebsocket; {LOADED}"))
    assert not loaded & {f"aiowebsocket.{name}" for name in [*ENGINE, *LATE]}


def test_asking_for_connect_loads_what_it_needs_and_no_more() -> None:
    loaded = set(told_by(f"from aiowebsocket import connect; {LOADED}"))
    assert {f"aiowebsocket.{name}" for name in ENGINE} <= loaded
    assert not loaded & LOADED_WHEN_ASKED_FOR


def test_exceptions_are_loaded_before_anything_can_fail() -> None:
    assert "aiowebsocket.exceptions" in told_by(f"import aiowebsocket; {LOADED}")


def test_a_whole_conversation_needs_no_more(websockets_server: ServerProcess) -> None:
    loaded = set(told_by(f"{CONVERSATION}\n{LOADED}", websockets_server.uri("ws")))
    assert not loaded & LOADED_WHEN_ASKED_FOR


def test_every_name_is_there_in_a_fresh_interpreter() -> None:
    program = f"""
import json, aiowebsocket
names = sorted(aiowebsocket.__all__ + {LATE!r})
unlisted = sorted(set(names) - set(dir(aiowebsocket)))
missing = [name for name in names if not hasattr(aiowebsocket, name)]
print(json.dumps([unlisted, missing]))
"""
    assert told_by(program) == [[], []]


@pytest.mark.parametrize("name", ["AioWebsocket", "connect", "Headers", "client", *LATE])
def test_however_a_name_is_asked_for_first_it_is_one_object(name: str) -> None:
    program = f"""
import json, aiowebsocket
asked = aiowebsocket.{name}
from aiowebsocket import {name}
print(json.dumps([{name} is asked, aiowebsocket.{name} is asked]))
"""
    assert told_by(program) == [True, True]


def test_a_star_import_gives_every_public_name() -> None:
    program = "from aiowebsocket import *; import json; print(json.dumps(dir()))"
    assert set(aiowebsocket.__all__) <= set(told_by(program))


def test_every_name_of_a_module_is_one_object_in_the_package() -> None:
    shared = [(module, name) for module in MODULES for name in getattr(module, "__all__", ())]
    for module, name in shared:
        if name in aiowebsocket.__all__:
            assert getattr(aiowebsocket, name) is getattr(module, name)
    given = {name for _, name in shared} | {"AioWebsocket", "__version__"}
    assert set(aiowebsocket.__all__) <= given


@pytest.mark.parametrize("kind", [aiowebsocket.State, aiowebsocket.CloseCode])
def test_an_enumerations_members_are_unpickled_where_nothing_else_is_loaded(kind: Any) -> None:
    member = list(kind)[-1]
    program = """
import json, pickle, sys
member = pickle.loads(bytes.fromhex(sys.argv[1]))
import aiowebsocket
known = getattr(aiowebsocket, type(member).__name__)
print(json.dumps([member in known, member is known(member.value), member.name]))
"""
    assert told_by(program, pickle.dumps(member).hex()) == [True, True, member.name]


def test_help_shows_what_is_loaded_when_asked_for() -> None:
    program = """
import json, pydoc, aiowebsocket
print(json.dumps(pydoc.plain(pydoc.render_doc(aiowebsocket))))
"""
    shown = told_by(program)
    for name in ("AioWebSocket", "CloseCode", "Headers", "TLSConfig"):
        assert f"class {name}(" in shown


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'aiowebsocket' has no attribute 'nothing'$"):
        aiowebsocket.nothing  # type: ignore[attr-defined]  # noqa: B018
