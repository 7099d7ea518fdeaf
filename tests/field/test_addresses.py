"""Addresses with a zone (RFC 6874), which only this machine gives a meaning."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import aiowebsocket
from aiowebsocket import connect
from failures import assert_readable, refusal
from peers.raw import Session

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.raw import RawPeer

if not socket.has_ipv6 or not hasattr(socket, "if_nameindex"):
    pytest.skip("no interfaces, or no IPv6", allow_module_level=True)

LOOPBACK = next((pair for pair in socket.if_nameindex() if pair[1].startswith("lo")), None)
if LOOPBACK is None:
    pytest.skip("no loopback interface that can be told", allow_module_level=True)
NUMBER, NAME = LOOPBACK


def with_zone(peer: RawPeer, zone: str) -> str:
    return peer.uri.replace("::1]", f"::1{zone}]")


@pytest.mark.parametrize("zone", [f"%25{NAME}", f"%{NAME}", f"%25{NUMBER}", f"%{NUMBER}"])
async def test_a_zone_leads_to_its_interface_and_is_sent_to_nobody(
    raw_peer: MakeRawPeer, zone: str
) -> None:
    peer = raw_peer(Session.open, ipv6=True)
    async with connect(with_zone(peer, zone)) as ws:
        request = peer.sessions[0].request
        assert request is not None
        assert request["Host"] == peer.uri.split("/")[2]
        assert b"%" not in request.raw
        assert ws.remote_address[:2] == ("::1", int(peer.uri.rsplit(":", 1)[1].strip("/")))


async def test_a_redirect_to_the_same_address_keeps_the_zone(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        host = session.read_request()["Host"]
        session.send(f"HTTP/1.1 302 Found\r\nLocation: ws://{host}/b\r\n\r\n".encode())
        session.hang_up()

    peer = raw_peer(script, Session.open, ipv6=True)
    async with connect(with_zone(peer, f"%25{NAME}")):
        request = peer.sessions[1].request
        assert request is not None
        assert request.request_line == "GET /b HTTP/1.1"


@pytest.mark.parametrize("scheme", ["wss"])
async def test_a_zone_is_no_part_of_a_certificates_name(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(Session.open, ipv6=True)
    async with connect(with_zone(peer, f"%25{NAME}")) as ws:
        assert ws.state.name == "OPEN"


async def test_an_interface_that_is_not_there_is_named() -> None:
    error = await refusal("ws://[fe80::1%25nosuch0]:81/")
    assert type(error) is aiowebsocket.ResolveError
    assert isinstance(error, OSError)
    assert_readable(error, 'the zone "nosuch0" is no network interface')


@pytest.mark.parametrize("host", ["[fe80::1%25]", "[fe80::1%25%00]", "127.0.0.1%25lo", "h%25lo"])
async def test_what_is_no_zone_is_an_invalid_uri(host: str) -> None:
    error = await refusal(f"ws://{host}:1/", open_timeout=2)
    if host == "[fe80::1%25]":
        # The bare form of number 25, which may be an interface of this machine.
        assert isinstance(error, OSError)
    else:
        assert isinstance(error, aiowebsocket.InvalidURI)


def link_local() -> list[tuple[str, str]]:
    """The link-local addresses of this machine and their interfaces."""
    table = Path("/proc/net/if_inet6")
    rows = [line.split() for line in table.read_text().splitlines()] if table.exists() else []
    found = [(ipaddress.IPv6Address(int(row[0], 16)), row[-1]) for row in rows]
    return [(str(address), name) for address, name in found if address.is_link_local]


async def test_a_link_local_address_is_reached_by_its_zone() -> None:
    if not link_local():
        pytest.skip("this machine has no link-local address")
    address, name = link_local()[0]
    with socket.socket(socket.AF_INET6) as listener:
        listener.bind((address, 0, 0, socket.if_nametoindex(name)))
        listener.listen()
        port = listener.getsockname()[1]
        # Who listens says nothing: that it was reached is what is to be seen.
        error = await refusal(f"ws://[{address}%25{name}]:{port}/", open_timeout=0.5)
        assert type(error) is aiowebsocket.ConnectTimeout
        assert_readable(error, "during the opening handshake", f"[{address}%{name}]:{port}")
