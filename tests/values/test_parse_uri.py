"""parse_uri, which scripts import from aiowebsocket.parts."""

from typing import Any

import pytest

from aiowebsocket.parts import REMOTE, parse_uri


@pytest.mark.parametrize(
    ("uri", "remote"),
    [
        ("ws://exam.com", ("ws", "exam.com", 80, "/", False)),
        ("wss://exam.com", ("wss", "exam.com", 443, "/", True)),
        ("ws://exam.com:8080/a/b", ("ws", "exam.com", 8080, "/a/b", False)),
        ("wss://exam.com/a?b=c&d=e", ("wss", "exam.com", 443, "/a?b=c&d=e", True)),
        ("ws://exam.com?b", ("ws", "exam.com", 80, "/?b", False)),
        ("WSS://Exam.COM/A", ("wss", "exam.com", 443, "/A", True)),
        ("ws://[::1]:81/", ("ws", "::1", 81, "/", False)),
        ("ws://user:password@exam.com/", ("ws", "exam.com", 80, "/", False)),
        ("ws://exam.com/a#fragment", ("ws", "exam.com", 80, "/a", False)),
    ],
)
def test_a_uri_is_taken_apart_as_by_the_original(uri: str, remote: tuple[Any, ...]) -> None:
    assert parse_uri(uri) == remote


def test_http_is_ws() -> None:
    assert parse_uri("http://exam.com/") == ("http", "exam.com", 80, "/", False)


def test_https_is_wss() -> None:
    assert parse_uri("https://exam.com/") == ("https", "exam.com", 443, "/", True)


def test_a_semicolon_belongs_to_the_resource_name() -> None:
    assert parse_uri("ws://exam.com/a;b=1?c").resource == "/a;b=1?c"


def test_the_parts_have_the_originals_names() -> None:
    assert REMOTE._fields == ("scheme", "host", "port", "resource", "ssl")
    assert parse_uri("ws://exam.com").host == "exam.com"


@pytest.mark.parametrize(
    "uri",
    [
        "ftp://exam.com/",
        "exam.com",
        "//exam.com/",
        "",
        "ws://",
        "ws:///path",
        "ws://:80/",
        "ws://exam.com:port/",
        "ws://exam.com:65536/",
        "ws://[::1/",
    ],
)
def test_what_is_no_websocket_uri_is_a_value_error_that_names_it(uri: str) -> None:
    with pytest.raises(ValueError, match="isn't a valid URI") as caught:
        parse_uri(uri)
    assert str(caught.value).startswith(uri)


@pytest.mark.parametrize("character", ["\r", "\n", "\t", "\0", "\x7f", "\x85"])
@pytest.mark.parametrize("place", ["{}ws://exam.com/", "ws://ex{}am.com/", "ws://exam.com/?a{}"])
def test_a_control_character_is_refused_wherever_it_is(place: str, character: str) -> None:
    with pytest.raises(ValueError, match="control character") as caught:
        parse_uri(place.format(character))
    assert ascii(character)[1:-1] in str(caught.value)


def test_a_password_is_never_shown() -> None:
    with pytest.raises(ValueError, match=r"exam\.com") as caught:
        parse_uri("ws://user:s3c/ret@exam.com/")
    assert "s3c" not in str(caught.value)
