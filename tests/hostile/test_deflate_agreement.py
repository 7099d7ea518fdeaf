"""permessage-deflate (RFC 7692 5 and 7.1): what a server may answer an offer with, and what not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

import aiowebsocket
from aiowebsocket import PerMessageDeflate
from faces import FACES, as_bytes
from failures import assert_readable
from peers import deflate, frames
from peers.deflate import RSV1

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.raw import Session

pytestmark = pytest.mark.every("face")

NAME = "permessage-deflate"
DATA = b"to be or not to be, " * 20


class Agreement(NamedTuple):
    """The offer, and the server's answer to it."""

    answer: str
    offer: PerMessageDeflate | None = PerMessageDeflate()


SMALL_WINDOWS = PerMessageDeflate(server_max_window_bits=10, client_max_window_bits=10)
FORGETFUL = PerMessageDeflate(server_no_context_takeover=True, client_no_context_takeover=True)
OUR_WINDOW_IS_OURS = PerMessageDeflate(client_max_window_bits=None)

WRONG = {
    # "A client MUST _Fail the WebSocket Connection_ if the peer server accepted an extension
    # negotiation offer [...] with an extension negotiation response" (7.1) that has
    "an unknown parameter": Agreement(f"{NAME}; unheard_of"),
    "an unknown parameter with a value": Agreement(f"{NAME}; unheard_of=1"),
    "a parameter of no name": Agreement(f"{NAME}; "),
    "a parameter twice": Agreement(
        f"{NAME}; server_no_context_takeover; server_no_context_takeover"
    ),
    "a parameter twice, with two values": Agreement(
        f"{NAME}; server_max_window_bits=10; server_max_window_bits=11"
    ),
    "16 bits": Agreement(f"{NAME}; server_max_window_bits=16"),
    "7 bits": Agreement(f"{NAME}; server_max_window_bits=7"),
    "bits with a leading zero": Agreement(f"{NAME}; server_max_window_bits=08"),
    "bits with a sign": Agreement(f"{NAME}; server_max_window_bits=+9"),
    "bits that are no number": Agreement(f"{NAME}; server_max_window_bits=ten"),
    "bits that are an empty string": Agreement(f'{NAME}; server_max_window_bits=""'),
    "bits without a value": Agreement(f"{NAME}; server_max_window_bits"),
    "16 bits of ours": Agreement(f"{NAME}; client_max_window_bits=16"),
    "7 bits of ours": Agreement(f"{NAME}; client_max_window_bits=7"),
    "bits of ours without a value": Agreement(f"{NAME}; client_max_window_bits"),
    "a value where none may be": Agreement(f"{NAME}; server_no_context_takeover=1"),
    "a value of ours where none may be": Agreement(f"{NAME}; client_no_context_takeover=1"),
    # "The server accepts one of them" (5), and of each extension once (7.1.3).
    "the extension twice": Agreement(f"{NAME}, {NAME}"),
    "another extension": Agreement("x-webkit-deflate-frame"),
    "another extension behind it": Agreement(f"{NAME}, permessage-bzip2"),
    "another extension before it": Agreement(f"permessage-bzip2, {NAME}"),
    # More than was offered, or less (7.1.1, 7.1.2).
    "more bits than offered": Agreement(f"{NAME}; server_max_window_bits=12", SMALL_WINDOWS),
    "no bits after an offer of some": Agreement(NAME, SMALL_WINDOWS),
    "more bits of ours than offered": Agreement(
        f"{NAME}; server_max_window_bits=10; client_max_window_bits=12", SMALL_WINDOWS
    ),
    "bits of ours that were not offered": Agreement(
        f"{NAME}; client_max_window_bits=10", OUR_WINDOW_IS_OURS
    ),
    "all bits of ours, which were not offered": Agreement(
        f"{NAME}; client_max_window_bits=15", OUR_WINDOW_IS_OURS
    ),
    "a context kept that was to be forgotten": Agreement(NAME, FORGETFUL),
    "an extension after no offer": Agreement(NAME, None),
}


@pytest.mark.every("scheme")
@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_answer_fails_the_opening_handshake(
    raw_peer: MakeRawPeer, face: str, name: str
) -> None:
    """And the client goes at once, without a frame."""
    answer, offer = WRONG[name]

    def script(session: Session) -> str:
        session.open(f"Sec-WebSocket-Extensions: {answer}", early=frames.text("early"))
        return session.receive_ending()

    peer = raw_peer(script)
    client = FACES[face](peer.uri, compression=offer)
    with pytest.raises(aiowebsocket.NegotiationError) as raised:
        await client.open()
    assert type(raised.value) is aiowebsocket.NegotiationError
    assert_readable(raised.value)
    assert await peer.report() in ("FIN", "RST")
    assert peer.sessions[0].frames == []


class Outcome(NamedTuple):
    """What an answer leads to: the window of each side, and whether ours is ever used again."""

    agreement: Agreement
    theirs: int = 15
    ours: int = 15
    forgets: bool = False


RIGHT = {
    "as offered": Outcome(Agreement(NAME)),
    "in other case": Outcome(Agreement("Permessage-DEFLATE")),
    "a smaller window, unasked": Outcome(Agreement(f"{NAME}; server_max_window_bits=9"), theirs=9),
    "the smallest window, unasked": Outcome(
        Agreement(f"{NAME}; server_max_window_bits=8"), theirs=8
    ),
    "the largest window, said": Outcome(Agreement(f"{NAME}; server_max_window_bits=15")),
    "a quoted number": Outcome(Agreement(f'{NAME}; server_max_window_bits="10"'), theirs=10),
    "no space": Outcome(
        Agreement(f"{NAME};server_max_window_bits=10;client_max_window_bits=9"), 10, 9
    ),
    "a context that is forgotten, unasked": Outcome(
        Agreement(f"{NAME}; server_no_context_takeover")
    ),
    "a context of ours to forget": Outcome(
        Agreement(f"{NAME}; client_no_context_takeover"), forgets=True
    ),
    "a smaller window of ours": Outcome(Agreement(f"{NAME}; client_max_window_bits=9"), ours=9),
    # zlib has no raw stream of 8 bits, so we then compress nothing.
    "the smallest window of ours": Outcome(Agreement(f"{NAME}; client_max_window_bits=8"), ours=8),
    "less than was offered": Outcome(
        Agreement(f"{NAME}; server_max_window_bits=9; client_max_window_bits=9", SMALL_WINDOWS),
        theirs=9,
        ours=9,
    ),
    "what was asked for": Outcome(
        Agreement(f"{NAME}; server_no_context_takeover", FORGETFUL), forgets=True
    ),
    "nothing of our window, which was not offered": Outcome(Agreement(NAME, OUR_WINDOW_IS_OURS)),
}


@pytest.mark.parametrize("name", RIGHT)
async def test_a_right_answer_is_kept_to(raw_peer: MakeRawPeer, face: str, name: str) -> None:
    outcome = RIGHT[name]
    answer, offer = outcome.agreement

    def script(session: Session) -> None:
        session.open(f"Sec-WebSocket-Extensions: {answer}")
        # A window of 8 bits reaches 256 bytes back.
        stream = deflate.compressor(max(9, outcome.theirs))
        data = DATA[:200] if outcome.theirs == 8 else DATA
        session.send(deflate.message(deflate.deflate(data, stream)))
        for _ in range(2):
            session.receive()

    peer = raw_peer(script)
    client = FACES[face](peer.uri, compression=offer)
    await client.open()
    assert DATA.startswith(as_bytes(await client.receive()))
    for _ in range(2):
        await client.send(DATA)
    await client.close()
    await peer.report()
    first, second, _ = peer.sessions[0].frames
    if outcome.ours == 8:
        assert [(frame.rsv, frame.payload) for frame in (first, second)] == [(0, DATA)] * 2
        return
    assert (first.rsv, second.rsv) == (RSV1, RSV1)
    assert deflate.inflate(first.payload, outcome.ours) == DATA
    assert (second.payload == first.payload) == outcome.forgets
    if outcome.forgets:
        assert deflate.inflate(second.payload, outcome.ours) == DATA
