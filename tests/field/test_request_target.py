"""The request target goes out as it was written: only what is no URI's is encoded (RFC 3986 2.2).

A signature covers each byte of it, and `'` is not `%27` to a server that compares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import aiowebsocket
from aiowebsocket import AioWebSocket, connect
from failures import assert_readable, refusal
from peers.raw import Session

if TYPE_CHECKING:
    from conftest import MakeRawPeer

LEGAL = [
    "/odata?$filter=name%20eq%20'x'",
    "/?sig=a'b%27c",
    "/a/../b",
    "/a/%2e%2e/b",
    "/files/%2E%2E/x",
    "/a/./b/.",
    "/a%2Fb",
    "/a+b?c+d",
    "//a",
    "//",
    "/~u/;p=1,2",
    "/?a=(b)*!",
    "/%7e?%41=%zz",
    "/%",
    "/?",
    "/a??b?",
    "/?ids[]=1",
    "/@a:b",
    "/?next=ws://b/../c",
]


@pytest.mark.parametrize("target", LEGAL)
async def test_what_is_legal_stays(raw_peer: MakeRawPeer, target: str) -> None:
    peer = raw_peer(Session.open)
    async with connect(peer.uri.rstrip("/") + target) as ws:
        request = peer.sessions[0].request
        assert request is not None
        assert request.request_line == f"GET {target} HTTP/1.1"
        assert ws.request is not None
        assert ws.request.path == target


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("", "/"),
        ("?a=b", "/?a=b"),
        ("/\u00e9?\u20ac", "/%C3%A9?%E2%82%AC"),
        ("/a b?c d", "/a%20b?c%20d"),
        ('/?"<>^`{|}', "/?%22%3C%3E%5E%60%7B%7C%7D"),
        ("/?a\\b", "/?a%5Cb"),
    ],
)
async def test_what_is_not_legal_is_encoded(raw_peer: MakeRawPeer, written: str, sent: str) -> None:
    peer = raw_peer(Session.open)
    async with connect(peer.uri.rstrip("/") + written):
        request = peer.sessions[0].request
        assert request is not None
        assert request.request_line == f"GET {sent} HTTP/1.1"


async def test_the_other_face_keeps_it_too(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(Session.open)
    async with AioWebSocket(peer.uri.rstrip("/") + "/a/../b?sig=a'b"):
        request = peer.sessions[0].request
        assert request is not None
        assert request.request_line == "GET /a/../b?sig=a'b HTTP/1.1"


@pytest.mark.parametrize(
    ("location", "sent"),
    [
        ("{}/a/../b?sig=a'b", "/a/../b?sig=a'b"),
        ("{}?a", "/?a"),
        ("/a/../b'%27", "/b'%27"),
        ("../c?d=/../e", "/c?d=/../e"),
        ("c/./d/", "/x/c/d/"),
        ("?c", "/x/y?c"),
        ("/%2e%2e/c", "/%2e%2e/c"),
    ],
)
async def test_a_location_is_resolved_by_rfc_3986_and_no_further(
    raw_peer: MakeRawPeer, location: str, sent: str
) -> None:
    last = raw_peer(Session.open)

    def script(session: Session) -> None:
        session.read_request()
        where = location.format(last.uri.rstrip("/"))
        session.send(f"HTTP/1.1 302 Found\r\nLocation: {where}\r\n\r\n".encode())
        session.hang_up()

    # A relative reference leads back to the peer that sent it.
    peer = raw_peer(script, Session.open)
    async with connect(f"{peer.uri.rstrip('/')}/x/y?q"):
        session = last.sessions[0] if last.sessions else peer.sessions[1]
        assert session.request is not None
        assert session.request.request_line == f"GET {sent} HTTP/1.1"


@pytest.mark.parametrize(
    ("uri", "fact"),
    [
        ("ws://127.0.0.1:1/" + "a" * 2**21, "bytes, more than the limit of 1048576"),
        (f"ws://{'b' * 300}/", "its host has more than 255 characters"),
        ("ws://127.0.0.1:1/\\a", "it contains a backslash"),
        ("ws://127.0.0.1:1/a\r\nX: y", "U+000D"),
    ],
)
async def test_what_is_refused_is_named(uri: str, fact: str) -> None:
    error = await refusal(uri)
    assert isinstance(error, ValueError)
    if not isinstance(error, aiowebsocket.InvalidURI):
        assert_readable(error)
    assert fact in str(error)
