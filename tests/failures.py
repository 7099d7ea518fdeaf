"""How the tests look at an error: what its message must say, and what it must never look like."""

from __future__ import annotations

import re
from typing import Any

import pytest

from aiowebsocket import connect

DEBUG_DUMP = re.compile(r"Some\(|None\)|Err\(|Error\(|Os \{|Custom \{|kind: |\n| at 0x|\{ ")


def assert_readable(error: BaseException, *facts: str) -> None:
    """One sentence that a stranger understands: the facts, and no debug dump."""
    message = str(error)
    assert message
    assert len(message) < 500
    assert not DEBUG_DUMP.search(message), message
    for fact in facts:
        assert fact in message


async def refusal(uri: str, **options: Any) -> BaseException:
    """The error with which opening fails."""
    options = {"open_timeout": 5, **options}
    with pytest.raises(Exception) as raised:  # noqa: PT011 (the caller looks at it closely)
        await connect(uri, **options)
    return raised.value
