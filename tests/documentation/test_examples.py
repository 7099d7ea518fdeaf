"""The programs in examples/, run as a reader runs them: as processes, against a real server."""

from __future__ import annotations

import itertools
import re
import runpy
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from peers import frames
from peers.authority import Authority
from programs import PATIENCE, running

if TYPE_CHECKING:
    import subprocess

    from conftest import MakeRawPeer
    from peers.process import ServerProcess
    from peers.raw import Session

EXAMPLES = Path(__file__).parents[2] / "examples"

# The examples, each with the test that runs it; helper programs and the documents' own included.
COVERED = {
    "both_faces.py",
    "chat_with_heartbeat.py",
    "custom_ca.py",
    "demo_server.py",
    "documents_ws.py",
    "documents_wss.py",
    "reconnecting_listener.py",
}


def output_of(name: str, *arguments: str, keyboard: str = "") -> str:
    """What an example prints from its start to its end, which has to be a good one."""
    with running(str(EXAMPLES / name), *arguments) as process:
        output, errors = process.communicate(keyboard, timeout=PATIENCE)
        assert (process.returncode, errors) == (0, "")
    return output


def lines_until(process: subprocess.Popen[str], end: str) -> list[str]:
    """What a process prints until a line that matches."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if re.search(end, line):
            return lines
    raise AssertionError(f"no line matches {end!r} among {lines}")


def interrupt(process: subprocess.Popen[str]) -> None:
    """Ctrl-C, which has to end the process without a word of complaint."""
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert errors == ""


def test_every_example_is_covered_here() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == COVERED


def test_both_faces(websockets_server: ServerProcess) -> None:
    output = output_of("both_faces.py", websockets_server.uri("ws"))
    assert sorted(output.splitlines()) == ["AioWebSocket: b'hello'", "connect: hello"]


def test_custom_ca(
    websockets_server: ServerProcess, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CA's file alone has to do: no environment variable helps."""
    monkeypatch.delenv("SSL_CERT_FILE")
    output = output_of("custom_ca.py", websockets_server.uri("wss"), str(authority.ca_file))
    assert output == "over TLS, by our own CA\n"


def test_custom_ca_refuses_a_server_of_another_ca(
    websockets_server: ServerProcess, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path)
    uri = websockets_server.uri("wss")
    with running(str(EXAMPLES / "custom_ca.py"), uri, str(stranger.ca_file)) as process:
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "CertificateError" in errors.splitlines()[-1]


def test_chat_with_heartbeat_prints_what_comes(websockets_server: ServerProcess) -> None:
    """A line at a time: a server may drop what it has not answered when it is told goodbye."""
    command = (str(EXAMPLES / "chat_with_heartbeat.py"), websockets_server.uri("ws"))
    with running(*command) as process:
        assert process.stdin is not None
        for word in ("hello", "world"):
            process.stdin.write(f"{word}\n")
            process.stdin.flush()
            assert lines_until(process, f"< {word}") == [f"< {word}"]
        output, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output, errors) == (0, "", "")


def test_chat_with_heartbeat_beats(raw_peer: MakeRawPeer) -> None:
    """The interval is made short; the keyboard stays silent until three beats have come."""

    def script(session: Session) -> list[bytes]:
        session.open()
        beats = [session.receive().payload for _ in range(3)]
        session.go.set()
        return beats

    peer = raw_peer(script)
    program = (EXAMPLES / "chat_with_heartbeat.py").read_text()
    quick = re.sub(r"HEARTBEAT = [\d.]+", "HEARTBEAT = 0.05", program)
    assert quick != program
    with running("-c", quick, peer.uri) as process:
        assert peer.go.wait(PATIENCE)
        process.communicate("", timeout=PATIENCE)
    assert peer.result() == [b"heartbeat"] * 3


def test_reconnecting_listener_waits_as_rfc_6455_7_2_3_asks() -> None:
    module: dict[str, Any] = runpy.run_path(str(EXAMPLES / "reconnecting_listener.py"))
    firsts = [next(module["delays"]()) for _ in range(100)]
    assert all(0 <= first <= 5 for first in firsts)
    assert max(firsts) - min(firsts) > 1
    _, *later = itertools.islice(module["delays"](), 12)
    assert later[:3] == [5, 10, 20]
    assert later[-1] == later[-2] == module["LONGEST_DELAY"] == max(later)


def test_reconnecting_listener_comes_back_after_every_kind_of_end(raw_peer: MakeRawPeer) -> None:
    def say_and_close(session: Session) -> None:
        session.open()
        session.send(frames.text("first"))
        session.send_close(1000)

    def break_off(session: Session) -> None:
        session.open()
        session.send(frames.text("second"))
        session.close()

    def refuse(session: Session) -> None:
        session.read_request()
        session.send(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
        session.hang_up()

    def stay(session: Session) -> None:
        session.open()
        session.send(frames.text("third"))

    peer = raw_peer(say_and_close, break_off, refuse, stay)
    path = EXAMPLES / "reconnecting_listener.py"
    impatient = (
        "import random, runpy, sys; random.uniform = lambda *_: 0.0;"
        "sys.argv = sys.argv[1:];"
        "import asyncio; sleep = asyncio.sleep; asyncio.sleep = lambda delay: sleep(delay / 1000);"
        "runpy.run_path(sys.argv[0], None, '__main__')"
    )
    with running("-c", impatient, str(path), peer.uri) as process:
        lines = lines_until(process, "third")
        interrupt(process)
    assert [line for line in lines if line.startswith("<")] == ["< first", "< second", "< third"]
    assert lines.count("connected") == 3
    assert any("503" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "scheme"), [("documents_ws.py", "ws"), ("documents_wss.py", "wss")]
)
def test_documents_as_examples(websockets_server: ServerProcess, name: str, scheme: str) -> None:
    with running(str(EXAMPLES / name), websockets_server.uri(scheme), "3") as process:
        output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert len(re.findall("Client receive: b'AioWebSocket - Async WebSocket Client'", output)) == 3


def test_demo_server_prints_its_addresses_and_echoes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(str(EXAMPLES / "demo_server.py")) as server:
        *_, plain, encrypted, trust = lines_until(server, "SSL_CERT_FILE=")
        monkeypatch.setenv(*trust.split("="))
        for uri in (plain, encrypted):
            assert "connect: hello" in output_of("both_faces.py", uri)
        interrupt(server)
