"""Header fields, requests and responses as users handle them; no network."""

import copy
import pickle
from collections.abc import Callable, MutableMapping
from typing import Any

import pytest

from aiowebsocket.handshake import Headers, MultipleValuesError, Request, Response

SECRETS = ["Authorization", "cookie", "PROXY-AUTHORIZATION", "Set-Cookie"]


@pytest.fixture
def headers() -> Headers:
    return Headers([("Server", "x"), ("Vary", "a"), ("vary", "b")])


def test_a_name_matches_in_any_case(headers: Headers) -> None:
    assert headers["server"] == headers["SERVER"] == headers.get("sErVeR") == "x"
    assert "SERVER" in headers
    assert "Date" not in headers
    assert 7 not in headers  # type: ignore[comparison-overlap]


def test_a_missing_field_is_a_key_error(headers: Headers) -> None:
    with pytest.raises(KeyError):
        headers["Date"]
    with pytest.raises(KeyError):
        del headers["Date"]
    assert headers.get("Date") is None
    assert headers.get_all("Date") == []


def test_one_value_of_a_repeated_field_is_an_error_that_names_it(headers: Headers) -> None:
    with pytest.raises(MultipleValuesError) as caught:
        headers["Vary"]
    assert isinstance(caught.value, LookupError)
    assert not isinstance(caught.value, KeyError)
    assert str(caught.value) == "'Vary'"
    with pytest.raises(MultipleValuesError):
        headers.get("Vary")


def test_all_values_of_a_repeated_field_come_in_order(headers: Headers) -> None:
    assert headers.get_all("VARY") == ["a", "b"]


def test_changing_what_get_all_returned_changes_nothing(headers: Headers) -> None:
    headers.get_all("Vary").clear()
    assert headers.get_all("Vary") == ["a", "b"]


def test_setting_a_field_adds_it(headers: Headers) -> None:
    headers["Server"] = "y"
    assert headers.get_all("server") == ["x", "y"]


def test_deleting_a_field_deletes_all_of_that_name(headers: Headers) -> None:
    del headers["VARY"]
    assert list(headers.raw_items()) == [("Server", "x")]


def test_iteration_gives_each_name_once_in_lower_case(headers: Headers) -> None:
    assert list(headers) == ["server", "vary"]
    assert len(headers) == 2
    assert isinstance(headers, MutableMapping)


def test_raw_items_give_all_fields_as_spelled(headers: Headers) -> None:
    assert list(headers.raw_items()) == [("Server", "x"), ("Vary", "a"), ("vary", "b")]


@pytest.mark.parametrize(
    "source",
    [
        {"Host": "h", "Origin": "o"},
        [("Host", "h"), ("Origin", "o")],
        iter([("Host", "h"), ("Origin", "o")]),
        Headers(Host="h", Origin="o"),
    ],
)
def test_fields_come_from_a_mapping_pairs_or_other_headers(source: Any) -> None:
    headers = Headers(source, Accept="a")
    assert list(headers.raw_items()) == [("Host", "h"), ("Origin", "o"), ("Accept", "a")]


def test_update_keeps_every_field_of_other_headers(headers: Headers) -> None:
    updated = Headers(Vary="z")
    updated.update(headers)
    assert updated.get_all("vary") == ["z", "a", "b"]


def test_headers_can_be_updated_with_themselves(headers: Headers) -> None:
    headers.update(headers)
    assert headers.get_all("vary") == ["a", "b", "a", "b"]


def test_more_than_one_source_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        Headers({}, {})


def test_headers_are_equal_whatever_the_case_and_the_order_of_names(headers: Headers) -> None:
    assert headers == Headers([("vary", "a"), ("SERVER", "x"), ("VARY", "b")])
    assert headers != Headers([("Server", "x"), ("Vary", "b"), ("Vary", "a")])
    assert headers != {"server": "x"}
    with pytest.raises(TypeError, match="unhashable"):
        hash(headers)


@pytest.mark.parametrize(
    "duplicate",
    [
        Headers.copy,
        copy.copy,
        copy.deepcopy,
        *(lambda headers, p=p: pickle.loads(pickle.dumps(headers, p)) for p in range(6)),
    ],
)
def test_a_copy_is_equal_and_independent(
    headers: Headers, duplicate: Callable[[Headers], Headers]
) -> None:
    other = duplicate(headers)
    assert list(other.raw_items()) == list(headers.raw_items())
    other["Date"] = "now"
    assert "Date" not in headers


def test_clear_removes_everything(headers: Headers) -> None:
    headers.clear()
    assert not headers
    assert str(headers) == "\r\n"


def test_the_string_is_the_serialization(headers: Headers) -> None:
    assert str(headers) == "Server: x\r\nVary: a\r\nvary: b\r\n\r\n"
    assert headers.serialize() == str(headers).encode()


def test_values_beyond_ascii_stand_for_bytes() -> None:
    headers = Headers({"X-Name": "\u4f60\u597d".encode().decode("iso-8859-1")})
    assert "\u4f60\u597d".encode() in headers.serialize()


@pytest.mark.parametrize("character", ["\r", "\n", "\0", "\x1b", "\x7f", "\u4f60"])
def test_a_value_with_an_illegal_character_is_refused_and_not_shown(character: str) -> None:
    with pytest.raises(ValueError, match="X-Token") as caught:
        Headers({"X-Token": f"s3cret{character}s3cret"})
    assert "s3cret" not in str(caught.value)
    assert ascii(character) in str(caught.value)


@pytest.mark.parametrize(
    "name", ["", "X Token", "X-Token:", "X\r\nInjected", "X-T\u00f6ken", "X\n"]
)
def test_a_name_that_is_not_a_token_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a token"):
        Headers({name: "value"})


def test_a_number_is_written_out() -> None:
    fields: dict[str, Any] = {"Sec-WebSocket-Version": 13}
    assert Headers(fields)["sec-websocket-version"] == "13"


@pytest.mark.parametrize("value", [b"13", None, ["13"], 1.3])
def test_a_value_of_another_type_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match=r"header X-Version is .*, it has to be str"):
        Headers({"X-Version": value})


@pytest.mark.parametrize("name", SECRETS)
def test_no_representation_shows_credentials(name: str) -> None:
    headers = Headers([("Host", "h"), (name, "s3cret"), (name, "s3cret")])
    request = Request("/chat?room=1", headers)
    response = Response(401, "Unauthorized", headers, b"s3cret")
    for shown in (repr(headers), repr(request), str(request), f"{request}", repr(response)):
        assert "s3cret" not in shown
        assert name in shown
    assert request.headers.get_all(name) == ["s3cret", "s3cret"]


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("ws://me:s3cret@h/a@b?c", "ws://***@h/a@b?***"),
        ("//me:s3@cret@h", "//***@h"),
        ("/again?token=s3cret&room=1", "/again?token=***&room=***"),
        ("https://h/x#access_token=s3cret", "https://h/x#***"),
        ("ws://h/a@b", "ws://h/a@b"),
    ],
)
def test_no_representation_shows_what_is_secret_in_a_location(location: str, shown: str) -> None:
    headers = Headers(Location=location)
    assert repr(headers) == f"Headers([('Location', '{shown}')])"
    assert headers["location"] == location


def test_a_request_shows_its_path_and_headers() -> None:
    request = Request("/chat?room=1", Headers(Host="h"))
    assert repr(request) == "Request(path='/chat?room=***', headers=Headers([('Host', 'h')]))"


def test_a_response_shows_the_size_of_its_body() -> None:
    response = Response(403, "Forbidden", Headers(), b"12345")
    assert repr(response) == (
        "Response(status_code=403, reason_phrase='Forbidden', headers=Headers([]), body=<5 bytes>)"
    )
    assert Response(101, "", Headers()).body == b""


@pytest.mark.parametrize(
    "value", [Request("/", Headers(Host="h")), Response(403, "Forbidden", Headers(), b"no")]
)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_request_and_response_survive_pickle_and_copy(
    value: Request | Response, protocol: int
) -> None:
    assert pickle.loads(pickle.dumps(value, protocol)) == value
    assert copy.deepcopy(value) == copy.copy(value) == value


def test_request_and_response_are_immutable() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        Request("/", Headers()).path = "/other"
    with pytest.raises(AttributeError, match="immutable"):
        Response(403, "Forbidden", Headers()).status_code = 101
