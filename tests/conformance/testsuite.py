"""Where the Autobahn testsuite comes from, and how one fuzzing server is started.

The testsuite runs on Python 2.7 only. It gets an environment of its own under `tests/.cache`; the
versions there are those of `constraints.txt`. Knows nothing of the client.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from peers.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).parent
CACHE = HERE.parent / ".cache"
VERSION = "25.10.1"
VIRTUALENV = "20.15.1"  # the last that makes environments for Python 2.7


def python27() -> str | None:
    """A Python 2.7 that runs: $PYTHON27, else pyenv's, else the one on PATH."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    named = os.environ.get("PYTHON27")
    candidates = [named] if named else [*map(str, pyenv.glob("2.7*/bin/python2.7")), "python2.7"]
    return next(filter(_is_python27, candidates), None)


def installed(interpreter: str) -> Path:
    """The interpreter of the testsuite's environment, which is made where it is missing."""
    folder = CACHE / f"autobahn-{VERSION}"
    python = folder / "environment" / "bin" / "python"
    complete = folder / "complete"
    if not complete.exists():
        print(f"Installing the Autobahn testsuite {VERSION}, once: a minute or two", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        _install(interpreter, folder, python)
        complete.touch()
    return python


@contextlib.contextmanager
def fuzzing_server(
    python: Path, agent: str, patterns: Sequence[str], certificate: Path | None
) -> Iterator[tuple[ServerProcess, Path]]:
    """A server for one agent, and the folder of its reports; the process is ended at the end."""
    outdir = CACHE / "conformance" / agent
    shutil.rmtree(outdir, ignore_errors=True)
    outdir.mkdir(parents=True)
    options = {
        "cases": list(patterns),
        "outdir": str(outdir),
        "certificate": certificate and str(certificate),
    }
    command = [str(python), "-E", str(HERE / "fuzzing_server.py"), json.dumps(options)]
    server = ServerProcess(command)
    try:
        yield server, outdir
    finally:
        server.stop()


def _is_python27(candidate: str) -> bool:
    # A name on PATH may be one of pyenv's shims, and that may lead nowhere.
    try:
        ended = subprocess.run(
            [candidate, "-c", "import sys; sys.exit(sys.version_info[:2] != (2, 7))"],
            capture_output=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return ended.returncode == 0


def _install(interpreter: str, folder: Path, python: Path) -> None:
    # -E: the tests' own PYTHONPATH is not for Python 2.7. Twice quiet: once leaves the warning that
    # it is old.
    pip = ["-E", "-m", "pip", "--quiet", "--quiet", "--disable-pip-version-check", "install"]
    constraints = ["--constraint", str(HERE / "constraints.txt")]
    bootstrap, environment = folder / "bootstrap", python.parents[1]
    subprocess.run(
        [interpreter, *pip, "--target", str(bootstrap), f"virtualenv=={VIRTUALENV}"], check=True
    )
    subprocess.run(
        [interpreter, "-E", "-m", "virtualenv", "--quiet", "--no-download", str(environment)],
        cwd=bootstrap,  # where -m finds it
        check=True,
    )
    subprocess.run([str(python), *pip, *constraints, f"autobahntestsuite=={VERSION}"], check=True)
