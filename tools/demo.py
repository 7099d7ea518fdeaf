"""`make demo`: a local echo server, and the documents' two programs against it, over ws and wss.

Everything it starts has ended when it ends, whatever happens in between.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path("examples")
ECHOES = 3
TIME_LIMIT = 30


def main() -> int:
    """Runs both programs and says how each has ended."""
    with tempfile.TemporaryDirectory() as folder:
        ca_file = Path(folder) / "ca.pem"
        with running_server(ca_file) as (plain, encrypted):
            print(f"The echo server of the package `websockets` listens: {plain} and {encrypted}")
            trust = {name: value for name, value in os.environ.items() if name != "SSL_CERT_DIR"}
            trust["SSL_CERT_FILE"] = str(ca_file)
            failed = [
                program
                for program, address in (
                    ("documents_ws.py", plain),
                    ("documents_wss.py", encrypted),
                )
                if not run(program, address, trust)
            ]
    print()
    print(f"FAILED: {' and '.join(failed)}" if failed else "Both programs have ended well.")
    return 1 if failed else 0


@contextlib.contextmanager
def running_server(ca_file: Path) -> Iterator[tuple[str, str]]:
    """The server's two addresses, once it listens; it is ended at the end."""
    command = [sys.executable, str(EXAMPLES / "demo_server.py"), "--ca-file", str(ca_file)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        plain, encrypted, ready = (server.stdout.readline().strip() for _ in range(3))
        if not ready:
            raise SystemExit("The echo server did not start; what it said stands above.")
        yield plain, encrypted
    finally:
        server.terminate()
        server.wait(TIME_LIMIT)


def run(program: str, address: str, environment: dict[str, str]) -> bool:
    """Runs one program of the documents; whether it has ended well."""
    arguments = [str(EXAMPLES / program), address, str(ECHOES)]
    print(f"\n$ python {shlex.join(arguments)}", flush=True)
    try:
        ended = subprocess.run(
            [sys.executable, *arguments], env=environment, timeout=TIME_LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        print(f"{program} has not ended within {TIME_LIMIT} seconds.")
        return False
    return ended.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
