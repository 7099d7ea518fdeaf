"""Options: each is defined once, and what is wrong is refused before a socket is opened."""

from __future__ import annotations

import ast
import inspect
import logging
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from aiowebsocket import AioWebSocket, Headers, TLSConfig, connect
from aiowebsocket.options import AIOWEBSOCKET, CONNECT, FIXED, TIMEOUT, Option
from faces import opened
from peers import frames
from peers.raw import Session

if TYPE_CHECKING:
    from conftest import MakeRawPeer

FACES: dict[str, Any] = {"connect": connect, "AioWebSocket": AioWebSocket}
TABLES = {"connect": CONNECT, "AioWebSocket": AIOWEBSOCKET}
NOWHERE = "ws://127.0.0.1:9/"
INF, NAN = float("inf"), float("nan")


def written_types(face: type) -> dict[str, str]:
    """What the signature writes, without the quotes that some types need."""
    tree = ast.parse(inspect.getsource(face))
    constructor = next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == "__init__"
    )
    arguments = [*constructor.args.args, *constructor.args.kwonlyargs]
    return {
        argument.arg: ast.unparse(argument.annotation).strip("'\"")
        for argument in arguments
        if argument.annotation is not None
    }


@pytest.mark.every("face")
def test_the_signature_says_what_the_table_says(face: str) -> None:
    parameters = inspect.signature(FACES[face]).parameters.values()
    written = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    types = written_types(FACES[face])
    assert [(p.name, types[p.name], p.default) for p in written] == [
        (name, TABLES[face][name].type, TABLES[face][name].default)
        for name in (p.name for p in written)
    ]
    assert {p.name for p in written} == set(TABLES[face])


def test_the_originals_timeout_is_in_the_table_too() -> None:
    timeout = inspect.signature(AioWebSocket).parameters["timeout"]
    assert (timeout.default, written_types(AioWebSocket)["timeout"]) == (
        TIMEOUT.default,
        TIMEOUT.type,
    )


def test_every_option_of_the_engine_has_a_value_on_both_faces() -> None:
    assert set(FIXED) | set(AIOWEBSOCKET) == set(CONNECT)


@pytest.mark.every("face")
def test_the_documentation_has_every_option_and_its_unit(face: str) -> None:
    documented = inspect.getdoc(FACES[face]) or ""
    for option in TABLES[face].values():
        entry = re.search(rf"^    {option.name}: (.*(?:\n {{8}}.*)*)", documented, re.MULTILINE)
        assert entry, option.name
        assert option.unit in entry[1].lower(), option.name


@pytest.mark.parametrize("option", [*CONNECT.values(), *AIOWEBSOCKET.values(), TIMEOUT])
def test_a_default_passes_its_own_check(option: Option) -> None:
    option.check(option.name, option.default)


SECONDS: list[tuple[Any, type[Exception]]] = [
    ("10", TypeError),
    (b"10", TypeError),
    (True, TypeError),
    (False, TypeError),
    (Fraction(1, 2), TypeError),
    ([], TypeError),
    (1j, TypeError),
    (NAN, ValueError),
    (-INF, ValueError),
    (-1, ValueError),
    (-0.5, ValueError),
    (-(10**400), ValueError),
]
AMOUNTS: list[tuple[Any, type[Exception]]] = [
    ("10", TypeError),
    (True, TypeError),
    (1.0, TypeError),
    (INF, TypeError),
    (NAN, TypeError),
    ([], TypeError),
    (-1, ValueError),
    (-(2**64), ValueError),
]
FLAGS: list[tuple[Any, type[Exception]]] = [(1, TypeError), ("yes", TypeError), (None, TypeError)]
TEXTS: list[tuple[Any, type[Exception]]] = [(b"x", TypeError), (1, TypeError), (["x"], TypeError)]
CHOICES: list[tuple[Any, type[Exception]]] = [
    ("both", ValueError),
    (None, ValueError),
    (["block"], ValueError),
    (1, ValueError),
]
HEADERS: list[tuple[Any, type[Exception]]] = [
    ("X: y", TypeError),
    (b"X: y", TypeError),
    (1, TypeError),
    ([1], TypeError),
    ([("X",)], TypeError),
    ({b"X": "y"}, TypeError),
    ({1: "y"}, TypeError),
    ([(None, "y")], TypeError),
    ({"X": b"y"}, TypeError),
    ({"X": None}, TypeError),
    ({"X": ["y"]}, TypeError),
    ({"X": True}, TypeError),
    ({"X": 1.5}, TypeError),
]
TLS: list[tuple[Any, type[Exception]]] = [
    ("yes", TypeError),
    (1, TypeError),
    ({}, TypeError),
    (object(), TypeError),
]
WRONG: dict[str, list[tuple[Any, type[Exception]]]] = {
    "origin": TEXTS,
    "user_agent_header": TEXTS,
    "server_hostname": TEXTS,
    "subprotocols": [
        ("chat", TypeError),
        (b"chat", TypeError),
        (1, TypeError),
        ([b"chat"], TypeError),
        (["chat", None], TypeError),
    ],
    "additional_headers": HEADERS,
    "proxy_headers": HEADERS,
    "host": TEXTS,
    "port": [*AMOUNTS, (0, ValueError), (2**16, ValueError)],
    "local_addr": [
        ("127.0.0.1", TypeError),
        (("127.0.0.1",), TypeError),
        (("127.0.0.1", "0"), TypeError),
        (("127.0.0.1", 2**16), TypeError),
        ((b"127.0.0.1", 0), TypeError),
    ],
    "family": [(99, ValueError), ("inet", ValueError), (None, ValueError), ([], ValueError)],
    "happy_eyeballs_delay": SECONDS,
    "interleave": [*AMOUNTS, (None, TypeError)],
    "unix": FLAGS,
    "path": [(1, TypeError), ([], TypeError), (True, TypeError)],
    "proxy": [(1, TypeError), (b"http://h", TypeError), ({}, TypeError), (object(), TypeError)],
    "proxy_ssl": [*TLS, (False, ValueError)],
    "proxy_server_hostname": TEXTS,
    "ssl": TLS,
    "open_timeout": SECONDS,
    "close_timeout": SECONDS,
    "ping_interval": [*SECONDS, (0, ValueError), (1e-300, ValueError), (1e-6, ValueError)],
    "ping_timeout": [*SECONDS, (0, ValueError), (1e-300, ValueError)],
    "app_stall_timeout": [*SECONDS, (0, ValueError), (1e-300, ValueError)],
    "max_redirects": [*AMOUNTS, (None, TypeError)],
    "max_size": AMOUNTS,
    "max_buffered": [*AMOUNTS, (None, TypeError), (0, ValueError)],
    "write_limit": [*AMOUNTS, (None, TypeError)],
    "busy_poll": [*AMOUNTS, (None, TypeError), (1001, ValueError), (10**30, ValueError)],
    "coalesce": FLAGS,
    "overflow": CHOICES,
    "driver": CHOICES,
    "compression": [("gzip", ValueError), (True, TypeError), (b"deflate", TypeError)],
    "logger": [("aiowebsocket", TypeError), (logging, TypeError), (print, TypeError)],
    "process_exception": [("retry", TypeError), (1, TypeError)],
    "sock": [(7, TypeError), ("127.0.0.1:9", TypeError)],
}
REFUSALS = [
    (face, name, value, kind)
    for face in FACES
    for name, rows in WRONG.items()
    if name in TABLES[face]
    for value, kind in rows
]


def test_every_option_has_wrong_values_here() -> None:
    assert set(WRONG) == set(CONNECT)


@pytest.mark.parametrize(("face", "name", "value", "kind"), REFUSALS)
def test_what_is_wrong_is_refused_as_it_is_written_down(
    face: str, name: str, value: Any, kind: type[Exception]
) -> None:
    with pytest.raises(kind) as raised:
        FACES[face](NOWHERE, **{name: value})
    assert type(raised.value) is kind
    named = name.removeprefix("additional_").removeprefix("proxy_").removesuffix("s")
    assert named in str(raised.value)


@pytest.mark.parametrize("uri", [None, 1, b"ws://h/", ["ws://h/"]])
@pytest.mark.parametrize("ssl", [None, True])
def test_a_uri_that_is_no_str_is_refused(uri: Any, ssl: bool | None) -> None:
    with pytest.raises(TypeError, match="uri is a str, not"):
        connect(uri, ssl=ssl)


@pytest.mark.parametrize(("value", "kind"), SECONDS)
def test_the_originals_timeout_is_checked_too(value: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="timeout is"):
        AioWebSocket(NOWHERE, timeout=value)


CHANGES: dict[str, Any] = {
    "uri": None,
    "timeout": "10",
    "ssl": "yes",
    "subprotocols": "chat",
    "compression": "gzip",
    "headers": [b"Host: h"],
    "union_header": {"X": None},
}


@pytest.mark.parametrize("name", CHANGES)
async def test_what_is_changed_later_is_checked_before_a_socket_is_opened(
    raw_peer: MakeRawPeer, name: str
) -> None:
    peer = raw_peer()
    aws = AioWebSocket(peer.uri)
    setattr(aws, name, CHANGES[name])
    with pytest.raises((TypeError, ValueError), match=name.removesuffix("s").split("_")[-1]):
        await aws.create_connection()
    assert peer.connections == 0


@pytest.mark.parametrize("value", [b"13", None, ["13"], ("13",), True, 1.5, object()])
@pytest.mark.parametrize("where", ["headers", "union_header"])
async def test_a_headers_value_is_text_on_the_originals_face_too(
    raw_peer: MakeRawPeer, where: str, value: Any
) -> None:
    peer = raw_peer()
    options: dict[str, Any] = {where: {"X-Secret": value}}
    with pytest.raises(TypeError, match=rf"header X-Secret is {type(value).__name__}, it has to"):
        await AioWebSocket(peer.uri, **options).create_connection()
    assert peer.connections == 0


@pytest.mark.parametrize("headers", ["Host: h", b"Host: h", [b"Host: h"], [("Host", "h")], [None]])
async def test_lines_of_headers_are_text(raw_peer: MakeRawPeer, headers: Any) -> None:
    peer = raw_peer()
    with pytest.raises(TypeError, match="headers"):
        await AioWebSocket(peer.uri, headers=headers).create_connection()
    assert peer.connections == 0


async def test_a_line_without_a_colon_is_not_shown(raw_peer: MakeRawPeer) -> None:
    headers = ["Host: h", "Authorization Bearer s3cret"]
    with pytest.raises(ValueError, match="line 2 of headers has no colon") as raised:
        await AioWebSocket(NOWHERE, headers=headers).create_connection()
    assert "s3cret" not in str(raised.value)


def greet(session: Session) -> None:
    session.open()
    session.send(frames.text("hello"))


FOR_EVER = [10**9, 10**30, 10**400, 1e300, INF, 2**64]


@pytest.mark.parametrize("value", FOR_EVER)
@pytest.mark.every("face")
async def test_very_long_is_for_ever(raw_peer: MakeRawPeer, face: str, value: float) -> None:
    names = ["close_timeout", "ping_interval", "ping_timeout", "app_stall_timeout"]
    names.append("open_timeout" if face == "connect" else "timeout")
    async with opened(face, raw_peer(greet).uri, **dict.fromkeys(names, value)) as client:
        assert await client.recv() in ("hello", b"hello")


@pytest.mark.parametrize("value", [2**62, 2**63, 2**64, 10**30])
@pytest.mark.every("face")
async def test_very_much_is_no_limit(raw_peer: MakeRawPeer, face: str, value: int) -> None:
    names = ["max_size", "max_buffered"]
    if face == "connect":
        names += ["write_limit", "max_redirects"]
    async with opened(face, raw_peer(greet).uri, **dict.fromkeys(names, value)) as client:
        await client.send("question")
        assert await client.recv() in ("hello", b"hello")


async def test_a_number_is_welcome_as_a_headers_value(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(greet, greet, greet)
    numbers: dict[str, Any] = {"X-Number": 7}
    async with connect(peer.uri, additional_headers=numbers):
        pass
    async with AioWebSocket(peer.uri, union_header={"X-Number": 7}):
        pass
    async with connect(peer.uri, additional_headers=numbers.items()):
        pass
    for session in peer.sessions:
        assert session.request is not None
        assert session.request["X-Number"] == "7"


async def test_headers_of_another_package_keep_all_their_values(raw_peer: MakeRawPeer) -> None:
    """websockets' `Headers` is a mapping that gives no value where there are several."""

    class Several(dict[str, str]):
        def raw_items(self) -> list[tuple[str, str]]:
            return [("X-Name", "a"), ("X-Name", "b")]

    peer = raw_peer(greet, greet)
    for headers in (Several(), Headers([("X-Name", "a"), ("X-Name", "b")])):
        async with connect(peer.uri, additional_headers=headers):
            pass
    for session in peer.sessions:
        assert session.request is not None
        assert session.request.all("X-Name") == ["a", "b"]


async def test_a_logger_adapter_is_a_logger(
    raw_peer: MakeRawPeer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logger = logging.LoggerAdapter(logging.getLogger("adapted"), {"client": "seven"})
    async with connect(raw_peer(greet).uri, logger=logger) as ws:
        await ws.recv()
    assert "adapted" in {record.name for record in caplog.records}
    assert {vars(record).get("client") for record in caplog.records} >= {"seven"}


NUMBERS: list[tuple[Any, type[Exception]]] = [*AMOUNTS, (0, ValueError)]
CALLS: list[tuple[str, dict[str, Any], type[Exception]]] = [
    *(("send_threadsafe", {"timeout": value}, kind) for value, kind in SECONDS),
    *(("many", {"max": value}, kind) for value, kind in NUMBERS),
]


@pytest.mark.parametrize(("call", "arguments", "kind"), CALLS)
@pytest.mark.every("face")
async def test_the_arguments_of_a_call_are_checked(
    raw_peer: MakeRawPeer, face: str, call: str, arguments: dict[str, Any], kind: type[Exception]
) -> None:
    (name,) = arguments
    async with opened(face, raw_peer(Session.open).uri) as client:
        if call == "many":
            call = "recv_many" if face == "connect" else "receive_many"
        positional = ["message"] if call == "send_threadsafe" else []
        with pytest.raises(kind, match=f"{name} is"):
            getattr(client.connection, call)(*positional, **arguments)


@pytest.mark.parametrize("value", [*FOR_EVER, None, 0, 0.5])
@pytest.mark.every("face")
async def test_a_long_timeout_of_a_call_is_for_ever(
    raw_peer: MakeRawPeer, face: str, value: Any
) -> None:
    peer = raw_peer(Session.open)
    async with opened(face, peer.uri) as client:
        client.connection.send_threadsafe("message", timeout=value)
    await peer.report()
    assert next(frame.payload for frame in peer.sessions[0].frames) == b"message"


@pytest.mark.parametrize("value", [1, 2**63, 2**64, 10**30, None])
@pytest.mark.every("face")
async def test_many_may_be_any_number(raw_peer: MakeRawPeer, face: str, value: Any) -> None:
    async with opened(face, raw_peer(greet).uri) as client:
        connection = client.connection
        many = connection.recv_many if face == "connect" else connection.receive_many
        assert len(await many(value)) == 1


CLOSES: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"code": value}, kind)
    for value, kind in [
        ("1000", TypeError),
        (1000.0, TypeError),
        (True, TypeError),
        (None, TypeError),
        (0, ValueError),
        (-1, ValueError),
        (999, ValueError),
        (1006, ValueError),
        (5000, ValueError),
        (65536 + 1000, ValueError),
        (2**64, ValueError),
        (10**30, ValueError),
    ]
] + [
    ({"reason": value}, kind)
    for value, kind in [
        (b"bye", TypeError),
        (None, TypeError),
        (1, TypeError),
        ("x" * 124, ValueError),
        ("\ud800", ValueError),
    ]
]


@pytest.mark.parametrize(("arguments", "kind"), CLOSES)
async def test_the_arguments_of_close_are_checked_whatever_the_state(
    raw_peer: MakeRawPeer, arguments: dict[str, Any], kind: type[Exception]
) -> None:
    peer = raw_peer(Session.open)
    async with connect(peer.uri) as ws:
        with pytest.raises(kind):
            await ws.close(**arguments)
        assert ws.state == 1
    with pytest.raises(kind):
        await ws.close(**arguments)


@pytest.mark.parametrize("data", [1, ["x"], object(), 1.5])
@pytest.mark.parametrize("name", ["ping", "pong"])
async def test_the_data_of_ping_and_pong_is_checked(
    raw_peer: MakeRawPeer, name: str, data: Any
) -> None:
    async with connect(raw_peer(Session.open).uri) as ws:
        with pytest.raises(TypeError, match="ping or pong"):
            await getattr(ws, name)(data)
        with pytest.raises(ValueError, match="125"):
            await getattr(ws, name)("x" * 126)


def test_a_tls_config_is_taken() -> None:
    connect("wss://127.0.0.1:9/", ssl=TLSConfig())
    AioWebSocket("wss://127.0.0.1:9/", ssl=TLSConfig())
