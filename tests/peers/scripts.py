"""What a raw peer does in more than one test: it sends, it waits for go, it echoes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import frames

if TYPE_CHECKING:
    from collections.abc import Callable

    from .raw import Session


def sends(*pieces: bytes) -> Callable[[Session], None]:
    """Opens, then sends these pieces in one write."""

    def script(session: Session) -> None:
        session.open()
        session.send(*pieces)

    return script


def sends_after_go(*pieces: bytes) -> Callable[[Session], None]:
    """Sends these pieces in one write when the test says go."""

    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        session.send(*pieces)

    return script


def echo(session: Session) -> None:
    """Echoes until the client closes."""
    session.open()
    while (frame := session.receive()).opcode != frames.CLOSE:
        session.send(frames.frame(frame.opcode, frame.payload))
    session.send_close(frame.close_code)
    session.hang_up()


def redirects_to(location: str) -> Callable[[Session], str]:
    """Sends the client on."""

    def script(session: Session) -> str:
        session.read_request()
        session.send(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n".encode())
        return session.receive_ending()

    return script


def numbered(count: int) -> list[bytes]:
    """So many frames, each a number as text."""
    return [frames.text(str(number)) for number in range(count)]
