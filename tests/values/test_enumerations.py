"""The numbers by name: the original's enumerations unchanged, and the close codes with meaning."""

import copy
import pickle
from enum import IntEnum

import pytest

from aiowebsocket.enumerations import (
    CloseCode,
    ControlFrames,
    DataFrames,
    SocketState,
    State,
    StatusCodes,
)
from aiowebsocket.frames import Close

# As websockets words them, on which people's log filters match.
EXPLANATIONS = {
    1000: "OK",
    1001: "going away",
    1002: "protocol error",
    1003: "unsupported data",
    1004: "unknown",
    1005: "no status received [internal]",
    1006: "abnormal closure [internal]",
    1007: "invalid frame payload data",
    1008: "policy violation",
    1009: "message too big",
    1010: "mandatory extension",
    1011: "internal error",
    1012: "service restart",
    1013: "try again later",
    1014: "bad gateway",
    1015: "TLS handshake failure [internal]",
    999: "unknown",
    1016: "unknown",
    2999: "unknown",
    3000: "registered",
    3999: "registered",
    4000: "private use",
    4999: "private use",
    5000: "unknown",
}


def members(enumeration: type[IntEnum]) -> dict[str, int]:
    return {name: int(member) for name, member in enumeration.__members__.items()}


def test_the_originals_enumerations_keep_names_and_values() -> None:
    assert members(SocketState) == {
        "zero": 0,
        "connecting": 0,
        "opened": 1,
        "closing": 2,
        "closed": 3,
    }
    assert members(DataFrames) == {"cont": 0, "text": 1, "binary": 2}
    assert members(ControlFrames) == {"close": 8, "ping": 9, "pong": 10}
    assert StatusCodes == [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011]


def test_connecting_is_an_alias_of_zero() -> None:
    assert SocketState["connecting"] is SocketState["zero"]


def test_the_states_are_the_rfcs_four() -> None:
    assert members(State) == {"CONNECTING": 0, "OPEN": 1, "CLOSING": 2, "CLOSED": 3}


def test_the_close_codes_are_1000_to_1015() -> None:
    assert [int(code) for code in CloseCode] == list(range(1000, 1016))
    assert all(CloseCode(int(code)) is code for code in CloseCode)


@pytest.mark.parametrize("code", list(CloseCode))
def test_every_close_code_tells_its_meaning_and_who_may_send_it(code: CloseCode) -> None:
    assert code.__doc__ is not None
    assert code.__doc__ != CloseCode.__doc__
    assert code.__doc__.endswith(f". Sent by: {code.sent_by}.")


def test_1004_1005_1006_and_1015_never_go_over_the_wire() -> None:
    kept = {int(code) for code in CloseCode if not code.may_be_sent}
    assert kept == {1004, 1005, 1006, 1015}


def test_the_originals_status_codes_may_all_be_sent() -> None:
    assert all(CloseCode(code).may_be_sent for code in StatusCodes)


@pytest.mark.parametrize("code", list(CloseCode))
def test_a_close_code_is_a_plain_number_to_others(code: CloseCode) -> None:
    assert code == code.value == int(code)
    assert f"{code:d}" == str(int(code))
    assert pickle.loads(pickle.dumps(code)) is code
    assert copy.deepcopy(code) is code


@pytest.mark.parametrize(("code", "explanation"), EXPLANATIONS.items())
def test_a_close_shows_its_code_with_the_meaning(code: int, explanation: str) -> None:
    assert str(Close(code, "")) == f"{code} ({explanation})"
    assert str(Close(code, "so long")) == f"{code} ({explanation}) so long"


def test_a_close_shows_an_enumerated_code_as_a_number() -> None:
    assert str(Close(CloseCode.GOING_AWAY)) == "1001 (going away)"


def test_a_close_is_an_immutable_value() -> None:
    close = Close(1000, "bye")
    assert close == Close(code=1000, reason="bye")
    assert close != Close(1000, "")
    assert close != (1000, "bye")
    assert hash(close) == hash(Close(1000, "bye"))
    assert repr(close) == "Close(code=1000, reason='bye')"
    with pytest.raises(AttributeError, match="immutable"):
        close.code = 1001
    with pytest.raises(AttributeError, match="immutable"):
        del close.reason


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_close_survives_pickle_and_copy(protocol: int) -> None:
    close = Close(1000, "bye")
    assert pickle.loads(pickle.dumps(close, protocol)) == close
    assert copy.copy(close) == copy.deepcopy(close) == close


def test_a_close_can_be_matched_by_position() -> None:
    match Close(1001, "restart"):
        case Close(1001, reason):
            assert reason == "restart"
        case _:
            pytest.fail("not matched")
