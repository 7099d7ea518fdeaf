"""Messages of every length through servers that we did not write, compared byte for byte.

`websockets`, `aiohttp`, Node's `ws`, and nginx in front of one of them; over ws and wss; in one
piece and in fragments, both ways, with pings in between. One connection serves a whole sweep.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from aiowebsocket import (
    AioWebSocket,
    ClientConnection,
    Close,
    ConnectionClosedError,
    ConnectionClosedOK,
    PerMessageDeflate,
    connect,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator

SERVERS = ["websockets_server", "aiohttp_server", "node_ws_server", "nginx_server"]
# aiohttp's server cannot send a message in fragments.
FRAGMENTING = ["websockets_server", "node_ws_server", "nginx_server"]

EVERY_LENGTH = range(1101)
AROUND_2_16 = range(2**16 - 20, 2**16 + 21)
AROUND_2_20 = range(2**20 - 3, 2**20 + 4)
ALL_LENGTHS = [*EVERY_LENGTH, *AROUND_2_16, *AROUND_2_20]
# Characters of one, two, three and four bytes, so that a cut falls everywhere into each.
ALPHABET = "a\u00e9\u20ac\U0001f600"
PLENTY = 2**22
# How many messages may be under way at once: enough to hide the round trip.
WINDOW = 64


class Server(Protocol):
    def uri(self, scheme: str, path: str = "/") -> str: ...


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Server:
    server: Server = request.getfixturevalue(request.param)
    return server


every_server = pytest.mark.parametrize("server", SERVERS, indirect=True)
fragmenting_server = pytest.mark.parametrize("server", FRAGMENTING, indirect=True)
pytestmark = pytest.mark.every("scheme")


def binary_of(length: int) -> bytes:
    """Bytes that show a wrong offset: no two neighbouring stretches are alike."""
    return bytes((index * 7 + index // 256) % 256 for index in range(length))


def text_of(length: int) -> str:
    """Text of that many bytes in UTF-8, as far as its last character allows."""
    text = ALPHABET * (length // 10 + 1)
    return text.encode()[:length].decode(errors="ignore")


BIGGEST = binary_of(2**20 + 4)
BINARIES = [BIGGEST[:length] for length in ALL_LENGTHS]
TEXTS = [text_of(length) for length in ALL_LENGTHS]
SMALL = slice(0, 1101, 7)
# A few around 2^16 and one around 2^20: cut in fragments, these are many frames.
FEW_BIG = [1101 + 19, 1101 + 20, 1101 + 21, -1]


def some_of(messages: list[Any]) -> list[Any]:
    return messages[SMALL] + [messages[index] for index in FEW_BIG]


async def sweep(
    send: Callable[[Any], Any], receive: Callable[[], Any], messages: Iterable[Any]
) -> list[Any]:
    """Send all messages while their echoes come in; give the echoes."""
    window = asyncio.Semaphore(WINDOW)
    messages = list(messages)

    async def feed() -> None:
        for message in messages:
            await window.acquire()
            await send(message)

    feeding = asyncio.ensure_future(feed())
    echoes = []
    for _ in messages:
        echoes.append(await receive())
        window.release()
    await feeding
    return echoes


def assert_same(echoes: list[Any], messages: list[Any]) -> None:
    """Compare without asking pytest for a diff of megabytes."""
    wrong = [
        index
        for index, (echo, message) in enumerate(zip(echoes, messages, strict=True))
        if type(echo) is not type(message) or echo != message
    ]
    assert wrong == []


@every_server
@pytest.mark.parametrize("messages", [BINARIES, TEXTS], ids=["binary", "text"])
async def test_every_length_comes_back_as_it_was_sent(
    server: Server, scheme: str, messages: list[Any]
) -> None:
    async with connect(server.uri(scheme), max_size=PLENTY, compression=None) as ws:
        assert_same(await sweep(ws.send, ws.recv, messages), messages)


@every_server
@pytest.mark.parametrize("takeover", [True, False], ids=["takeover", "no takeover"])
async def test_compressed_messages_come_back_as_they_were_sent(
    server: Server, scheme: str, takeover: bool
) -> None:
    compression = PerMessageDeflate(
        server_no_context_takeover=not takeover, client_no_context_takeover=not takeover
    )
    uri, messages = server.uri(scheme), [*some_of(BINARIES), *some_of(TEXTS)]
    async with connect(uri, max_size=PLENTY, compression=compression) as ws:
        assert ws.compression is not None
        assert_same(await sweep(ws.send, ws.recv, messages), messages)


@every_server
async def test_every_length_comes_back_through_the_originals_face(
    server: Server, scheme: str
) -> None:
    sent = [*TEXTS[1:], *BINARIES[1:]]
    expected = [message.encode() if isinstance(message, str) else message for message in sent]
    async with AioWebSocket(server.uri(scheme)) as aws:
        converse = aws.manipulator
        assert_same(await sweep(converse.send, converse.receive, sent), expected)


def cut(message: Any, size: int) -> Iterator[Any]:
    """The message as fragments of that many characters or bytes."""
    for start in range(0, max(len(message), 1), size):
        yield message[start : start + size]


@every_server
@pytest.mark.parametrize("messages", [BINARIES, TEXTS], ids=["binary", "text"])
@pytest.mark.parametrize("parts", [2, 5])
async def test_messages_sent_in_fragments_arrive_whole(
    server: Server, scheme: str, messages: list[Any], parts: int
) -> None:
    chosen = some_of(messages)
    async with connect(server.uri(scheme), max_size=PLENTY, compression=None) as ws:

        def send(message: Any) -> Any:
            return ws.send(cut(message, len(message) // parts + 1))

        assert_same(await sweep(send, ws.recv, chosen), chosen)


@every_server
async def test_fragments_may_cut_text_within_a_character_and_have_pings_between(
    server: Server, scheme: str
) -> None:
    text = ALPHABET * 5
    data = text.encode()

    async with connect(server.uri(scheme)) as ws:
        for position in range(len(data) + 1):
            await ws.send(pinged(ws, data[:position], data[position:]), text=True)
            assert await ws.recv() == text


async def pinged(ws: ClientConnection, *pieces: bytes) -> AsyncIterator[bytes]:
    """Fragments, with a ping after each."""
    for piece in pieces:
        yield piece
        await ws.ping()


@every_server
async def test_fragments_sent_through_the_originals_face_arrive_whole(
    server: Server, scheme: str
) -> None:
    async with AioWebSocket(server.uri(scheme)) as aws:
        converse = aws.manipulator
        for text in TEXTS[1:200:11]:
            *pieces, last = cut(text, len(text) // 3 + 1)
            for piece in pieces:
                await converse.send(piece, fin=False)
            await converse.send(last)
            assert await converse.receive() == text.encode()


@fragmenting_server
@pytest.mark.parametrize("ping", [0, 1], ids=["", "pings"])
@pytest.mark.parametrize("messages", [BINARIES, TEXTS], ids=["binary", "text"])
async def test_messages_received_in_fragments_are_assembled(
    server: Server, scheme: str, messages: list[Any], ping: int
) -> None:
    """Pieces of 7 bytes cut the text's characters at each of their bytes."""
    small = messages[0:400:3]
    few = server.uri(scheme, f"/fragments?size=7&ping={ping}")
    async with connect(few, compression=None) as ws:
        assert_same(await sweep(ws.send, ws.recv, small), small)
    big = [messages[index] for index in FEW_BIG]
    many = server.uri(scheme, f"/fragments?size=4099&ping={ping}")
    async with connect(many, max_size=PLENTY, compression=None) as ws:
        assert_same(await sweep(ws.send, ws.recv, big), big)


@fragmenting_server
async def test_single_bytes_as_fragments_with_pings_between_are_assembled(
    server: Server, scheme: str
) -> None:
    async with AioWebSocket(server.uri(scheme, "/fragments?size=1&ping=1")) as aws:
        for text in TEXTS[1:60]:
            await aws.manipulator.send(text)
            assert await aws.manipulator.receive() == text.encode()


@every_server
async def test_many_messages_of_the_server_come_in_order_and_then_the_end(
    server: Server, scheme: str
) -> None:
    async with connect(server.uri(scheme, "/count?n=2000")) as ws:
        assert [message async for message in ws] == [str(number) for number in range(2000)]
        assert ws.close_code == 1000


@every_server
async def test_code_and_reason_of_the_servers_close_are_told(server: Server, scheme: str) -> None:
    async with connect(server.uri(scheme, "/close?code=4001&reason=because")) as ws:
        with pytest.raises(ConnectionClosedError) as raised:
            await ws.recv()
    assert raised.value.rcvd == Close(4001, "because")


@every_server
async def test_our_close_is_answered_and_the_end_is_good(server: Server, scheme: str) -> None:
    ws = await connect(server.uri(scheme))
    await ws.close(3000, "enough")
    with pytest.raises((ConnectionClosedOK, ConnectionClosedError)) as raised:
        await ws.recv()
    assert raised.value.rcvd is not None
    # aiohttp answers with 1000 whatever the code was.
    assert raised.value.rcvd.code in (3000, 1000)
    assert raised.value.rcvd_then_sent is False


@every_server
async def test_a_ping_is_answered(server: Server, scheme: str) -> None:
    async with connect(server.uri(scheme)) as ws:
        assert await (await ws.ping()) > 0


@every_server
async def test_the_subprotocol_is_agreed_on(server: Server, scheme: str) -> None:
    async with connect(server.uri(scheme), subprotocols=["other", "chat"]) as ws:
        assert ws.subprotocol == "chat"
