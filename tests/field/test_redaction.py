"""What is shown of a handshake: no token, in no log line, repr or error."""

from __future__ import annotations

import logging
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from aiowebsocket import AioWebSocket, Headers, InvalidURI, Request, Response, connect
from aiowebsocket.redaction import shown_field, shown_target, shown_uri
from peers.raw import Session

if TYPE_CHECKING:
    from conftest import MakeRawPeer

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r"
LISTEN_KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"

TARGETS = {
    "/": "/",
    "/chat/room-7": "/chat/room-7",
    "/chat?room=1&token=s3cret": "/chat?room=***&token=***",
    "/chat?s3cret": "/chat?***",
    "/?a=s3cret=&&b=": "/?a=***&&b=***",
    "?token=s3cret?x=y": "?token=***",
    f"/ws/{LISTEN_KEY}": "/ws/***",
    f"/{JWT}/x": "/***/x",
    "/graphql-subscriptions-endpoint/v2": "/graphql-subscriptions-endpoint/v2",
    "/x#access_token=s3cret": "/x#***",
    "": "",
}


@pytest.mark.parametrize("target", TARGETS)
def test_of_a_target_path_and_names_are_shown(target: str) -> None:
    assert shown_target(target) == TARGETS[target]
    assert repr(Request(target, Headers())).count("s3cret") == 0


URIS = {
    "ws://h/": "ws://h/",
    "wss://user:s3cret@h:8443/a?b=s3cret": "wss://***@h:8443/a?b=***",
    "wss://ec2-203-0-113-25.compute-1.amazonaws.com/x": (
        "wss://ec2-203-0-113-25.compute-1.amazonaws.com/x"
    ),
    "//u:s3cret@h/x": "//***@h/x",
    "/again?next=http://u:s3cret@h/": "/again?next=***",
    "again?x=s3cret": "again?x=***",
    "": "",
}


@pytest.mark.parametrize("uri", URIS)
def test_of_a_uri_scheme_host_and_path_are_shown(uri: str) -> None:
    assert shown_uri(uri) == URIS[uri]
    assert shown_uri(shown_uri(uri)) == URIS[uri]


SHOWN = {
    "Host": "h:80",
    "origin": "https://h",
    "User-Agent": "Python/3.11 x/2",
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "SEC-WEBSOCKET-ACCEPT": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
    "Sec-WebSocket-Version": "13",
    "Server": "nginx",
    "WWW-Authenticate": 'Basic realm="x"',
    "Retry-After": "5",
    "Content-Length": "7",
}
HIDDEN = [
    "Authorization",
    "Proxy-Authorization",
    "Cookie",
    "Set-Cookie",
    "X-Api-Key",
    "x-api-key",
    "apikey",
    "X-MBX-APIKEY",
    "CB-ACCESS-SIGN",
    "OK-ACCESS-PASSPHRASE",
    "X-Amz-Security-Token",
    "X-CSRFToken",
    "Ocp-Apim-Subscription-Key",
    "X-Anything-Else",
]


@pytest.mark.parametrize("name", SHOWN)
def test_fields_that_hold_no_credential_are_shown(name: str) -> None:
    assert shown_field(name, SHOWN[name]) == SHOWN[name]
    assert SHOWN[name] in repr(Headers({name: SHOWN[name]})).replace("\\'", "'")


@pytest.mark.parametrize("name", HIDDEN)
def test_any_other_field_is_not(name: str) -> None:
    headers = Headers({name: "s3cret"})
    for shown in (headers, Request("/", headers), Response(401, "No", headers)):
        assert "s3cret" not in repr(shown)
        assert name in repr(shown)
    assert "s3cret" in str(headers)


SUBPROTOCOLS = {
    "chat": "chat",
    "graphql-transport-ws, graphql-ws": "graphql-transport-ws, graphql-ws",
    "wamp.2.json,wamp.2.msgpack.batched": "wamp.2.json, wamp.2.msgpack.batched",
    "v4.channel.k8s.io, base64.binary.k8s.io": "v4.channel.k8s.io, base64.binary.k8s.io",
    "ocpp1.6, ocpp2.0.1": "ocpp1.6, ocpp2.0.1",
    "MQTT, mqttv3.1": "MQTT, mqttv3.1",
    f"bearer, {JWT}": "bearer, ***",
    "Bearer, hunter2, chat": "Bearer, ***, chat",
    "access_token, hunter2": "access_token, ***",
    f"base64url.bearer.authorization.k8s.io.{LISTEN_KEY}": "***.bearer.***",
    "realtime, openai-insecure-api-key.sk-proj-abc": "realtime, openai-insecure-api-key.***",
    JWT.split(".", maxsplit=1)[0]: "***",
    LISTEN_KEY: "***",
}


@pytest.mark.parametrize("value", SUBPROTOCOLS)
def test_of_subprotocols_words_are_shown_and_tokens_are_not(value: str) -> None:
    assert shown_field("Sec-WebSocket-Protocol", value) == SUBPROTOCOLS[value]


@pytest.mark.parametrize("face", ["connect", "AioWebSocket"])
async def test_no_token_is_in_the_log(
    raw_peer: MakeRawPeer, caplog: pytest.LogCaptureFixture, face: str
) -> None:
    def script(session: Session) -> None:
        session.open("Sec-WebSocket-Protocol: chat", "X-Session-Token: s3cret-answer")

    caplog.set_level(logging.DEBUG)
    uri = raw_peer(script).uri + f"feed/{LISTEN_KEY}?token=s3cret-query&room=7"
    headers = {"X-Api-Key": "s3cret-header"}
    subprotocols = ["chat", "bearer", JWT]
    shown: list[Any]
    if face == "connect":
        async with connect(uri, additional_headers=headers, subprotocols=subprotocols) as ws:
            shown = [ws, ws.request, ws.response]
            assert ws.request.path.endswith("?token=s3cret-query&room=7")
            assert ws.request.headers["X-Api-Key"] == "s3cret-header"
    else:
        async with AioWebSocket(uri, union_header=headers, subprotocols=subprotocols) as aws:
            shown = [aws, aws.manipulator, aws.response]
    text = "\n".join([caplog.text, *map(repr, shown)])
    for secret in ("s3cret", LISTEN_KEY, *JWT.split(".")):
        assert secret not in text
    for word in ("GET /feed/***?token=***&room=***", "X-Api-Key: ***", "chat, bearer, ***"):
        assert word in caplog.text


async def test_no_token_is_in_the_log_of_a_redirect(
    raw_peer: MakeRawPeer, caplog: pytest.LogCaptureFixture
) -> None:
    def redirect(session: Session) -> None:
        session.read_request()
        session.send(
            b"HTTP/1.1 302 Found\r\nLocation: /next?token=s3cret\r\nContent-Length: 0\r\n\r\n"
        )
        session.hang_up()

    caplog.set_level(logging.DEBUG)
    async with connect(raw_peer(redirect, Session.open).uri) as ws:
        assert ws.request.path == "/next?token=s3cret"
    assert "s3cret" not in caplog.text
    assert "/next?token=***" in caplog.text


@pytest.mark.parametrize(
    "uri", ["ws://h/?token=s3cret#x", "ws://h/#access_token=s3cret", "ftp://me:s3cret@h/?x=s3cret"]
)
async def test_no_token_is_in_the_error_of_a_wrong_uri(uri: str) -> None:
    with pytest.raises(InvalidURI) as raised:
        await connect(uri)
    error = raised.value
    copied = pickle.loads(pickle.dumps(error))
    for shown in (str(error), repr(error), str(copied), repr(copied)):
        assert "s3cret" not in shown


@pytest.mark.parametrize("face", ["connect", "AioWebSocket"])
async def test_no_subprotocol_is_in_the_error_of_a_wrong_type(face: str) -> None:
    kinds: dict[str, Any] = {"connect": connect, "AioWebSocket": AioWebSocket}
    for wrong in ("s3cret", b"s3cret", [b"s3cret"]):
        with pytest.raises(TypeError) as raised:
            kinds[face]("ws://h/", subprotocols=wrong)
        assert "s3cret" not in str(raised.value)
