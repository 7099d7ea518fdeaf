"""Models of the methods that are native and answer like an `async def` (`inspect`, mocks).

None of these functions ever runs: what is asked of a native method that only a function of Python's
knows, its code, its defaults and its annotations, is looked up here.
"""

from collections.abc import Iterable
from types import FrameType
from typing import Any

__all__ = ["fresh_frame", "suspended_frame"]

Data = str | bytes | bytearray | memoryview


class ClientConnection:
    async def recv(self, decode: bool | None = None) -> str | bytes:
        raise NotImplementedError

    async def recv_many(self, max: int | None = None) -> list[str | bytes]:  # noqa: A002
        raise NotImplementedError

    async def send(
        self, message: object, *, text: bool | None = None, compress: bool | None = None
    ) -> None:
        raise NotImplementedError

    async def send_many(
        self,
        messages: Iterable[Data],
        *,
        text: bool | None = None,
        compress: bool | None = None,
    ) -> None:
        raise NotImplementedError


class Converse:
    async def receive(self, text: bool = False, mask: bool = False) -> bytes | str | None:
        raise NotImplementedError

    async def receive_many(self, max: int | None = None) -> list[bytes | None]:  # noqa: A002
        raise NotImplementedError

    async def send(
        self,
        message: Data,
        fin: bool = True,
        mask: bool = True,
        *,
        text: bool | None = None,
        compress: bool | None = None,
    ) -> None:
        raise NotImplementedError

    async def send_many(
        self,
        messages: Iterable[Data],
        *,
        text: bool | None = None,
        compress: bool | None = None,
    ) -> None:
        raise NotImplementedError


def _operation() -> Any:
    yield


def _frames() -> tuple[FrameType, FrameType]:
    fresh, suspended = _operation(), _operation()
    next(suspended)
    # A frame keeps its generator's place only while there is the generator.
    _kept.extend([fresh, suspended])
    return fresh.gi_frame, suspended.gi_frame


_kept: list[object] = []
fresh_frame, suspended_frame = _frames()
