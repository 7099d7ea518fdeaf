"""Models of the methods that are native and answer like an `async def` (`inspect`, mocks, schedulers).

None of these functions ever runs: what is asked of a native method that only a function of Python's
knows, its code, its defaults and its annotations, is looked up here.
"""

# ruff: noqa: D101, D102, ARG002, ASYNC109 - the native methods have the words, and do the work

from collections.abc import Generator, Iterable
from types import FrameType

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


def _operation() -> Generator[None, None, None]:
    yield


def _frames() -> tuple[FrameType, FrameType]:
    fresh, suspended = _operation(), _operation()
    next(suspended)
    # A frame keeps its generator's place only while there is the generator.
    _kept.extend([fresh, suspended])
    return fresh.gi_frame, suspended.gi_frame


_kept: list[Generator[None, None, None]] = []
fresh_frame, suspended_frame = _frames()
