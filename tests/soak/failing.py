"""What can be wrong with a server, a script and a port each; see hostile/attacker.py.

python -m soak.failing CERTIFICATE
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from hostile.attacker import serve
from peers import frames
from peers.raw import accept_value

if TYPE_CHECKING:
    from peers.raw import Session

NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found"


def answers_404(session: Session) -> None:
    """The status."""
    session.read_request()
    session.send(NOT_FOUND)
    session.wait_for_end()


def accepts_another_key(session: Session) -> None:
    """Sec-WebSocket-Accept."""
    wrong = f"Sec-WebSocket-Accept: {accept_value('another')}"
    session.open(wrong, without="Sec-WebSocket-Accept")
    session.wait_for_end()


def answers_garbage(session: Session) -> None:
    """All of it."""
    session.read_request()
    session.send(b"\0\xff garbage\r\n\r\n")
    session.wait_for_end()


def greets(session: Session) -> None:
    """It is another protocol's, and does not wait for a request."""
    session.send(b"220 ready\r\n")
    session.wait_for_end()


def hangs_up(session: Session) -> None:
    """Nothing comes."""
    session.read_request()
    session.close()


def is_silent(session: Session) -> None:
    """Nothing comes, and nothing ends."""
    session.wait_for_end()


def sends_a_bad_frame(session: Session) -> None:
    """Reserved bits, behind a good opening."""
    request = session.read_request()
    session.send(session.response(request), frames.frame(frames.TEXT, b"bad", rsv=3))
    session.see_off()


def resets(session: Session) -> None:
    """RST, behind a good opening."""
    session.open()
    session.reset()


SCRIPTS = (
    answers_404,
    accepts_another_key,
    answers_garbage,
    greets,
    hangs_up,
    is_silent,
    sends_a_bad_frame,
    resets,
)

if __name__ == "__main__":
    print(json.dumps(serve(sys.argv[1], SCRIPTS)), flush=True)
    sys.stdin.read()
