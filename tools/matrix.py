"""`make matrix`: a wheel and the Python tests on every CPython found, 3.10 to 3.14.

Each wheel goes into a fresh environment whose PATH knows no Rust: what passes there is what a user
gets. Interpreters are looked for in pyenv's versions and on PATH, free-threaded builds included.
`--others` leaves out the version that runs this: where `make test` has been, it is known. `--ends`
are the oldest and the newest of these.
PROFILE=dev builds in a third of the time, with the checks of a debug build. Arguments after `--` go
to pytest.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

MINORS = range(10, 15)
WORKSHOP = Path(os.environ.get("CARGO_TARGET_DIR", "target")) / "matrix"
WHO = (
    "import platform, sys, sysconfig; "
    "print(platform.python_implementation(), platform.python_version(), "
    "'t' if sysconfig.get_config_var('Py_GIL_DISABLED') else '-', sys.executable)"
)


class Interpreter(NamedTuple):
    """One CPython that was found."""

    version: str
    free_threaded: bool
    path: str

    @property
    def name(self) -> str:
        """Its version, with Python's own mark for a free-threaded build."""
        return self.version + ("t" if self.free_threaded else "")


def main() -> int:
    """Runs the matrix and prints what became of each interpreter."""
    arguments = sys.argv[1:]
    choice = arguments[0] if arguments[:1] in (["--others"], ["--ends"]) else ""
    pytest_arguments = [each for each in arguments[bool(choice) :] if each != "--"]
    interpreters = found_interpreters()
    if choice:
        here = platform.python_version()
        interpreters = [each for each in interpreters if each.version != here]
    if choice == "--ends":
        interpreters = interpreters[:1] + interpreters[1:][-1:]
    print("CPython", ", ".join(interpreter.name for interpreter in interpreters) or "not found")
    outcomes = {}
    # The next is built while one is tested, which is waiting for the most part.
    with ThreadPoolExecutor(1) as builder:
        wheels = builder.map(build, interpreters)
        for interpreter, wheel in zip(interpreters, wheels, strict=True):
            began = time.monotonic()
            print(f"\n== CPython {interpreter.name} ({interpreter.path})", flush=True)
            outcome = try_wheel(interpreter, wheel, pytest_arguments)
            outcomes[interpreter.name] = f"{outcome}, {time.monotonic() - began:.0f} s"
    print("\nThe matrix:")
    for name, outcome in outcomes.items():
        print(f"  CPython {name:10}{outcome}")
    well = bool(outcomes) and all(outcome.startswith("passed") for outcome in outcomes.values())
    return 0 if well else 1


def found_interpreters() -> list[Interpreter]:
    """The newest patch release of each minor version, oldest first."""
    newest: dict[tuple[int, bool], Interpreter] = {}
    for candidate in candidates():
        interpreter = identify(candidate)
        if interpreter is None:
            continue
        key = (minor(interpreter), interpreter.free_threaded)
        if key not in newest or patch(interpreter) > patch(newest[key]):
            newest[key] = interpreter
    return [newest[key] for key in sorted(newest)]


def candidates() -> list[str]:
    """What may be an interpreter: in pyenv's folder, else by name on PATH."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    installed = [str(path) for path in sorted(pyenv.glob("3.*/bin/python"))]
    names = [f"python3.{number}{mark}" for number in MINORS for mark in ("", "t")]
    return installed + [path for name in names if (path := shutil.which(name))]


def identify(candidate: str) -> Interpreter | None:
    """Which CPython that is, if it runs and is one of ours: a pyenv shim may lead nowhere."""
    try:
        ended = subprocess.run(
            [candidate, "-c", WHO], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    implementation, version, threads, path = ended.stdout.strip().split(" ", 3)
    interpreter = Interpreter(version, threads == "t", path)
    ours = implementation == "CPython" and version.startswith("3.") and minor(interpreter) in MINORS
    return interpreter if ours else None


def minor(interpreter: Interpreter) -> int:
    """The 11 of 3.11.7."""
    return int(interpreter.version.split(".")[1])


def patch(interpreter: Interpreter) -> int:
    """The 7 of 3.11.7; a release candidate counts as its release."""
    digits = "".join(c for c in interpreter.version.split(".")[2][:2] if c.isdigit())
    return int(digits)


def build(interpreter: Interpreter) -> Path | None:
    """A wheel for it in a folder of its own, if it can be built."""
    folder = WORKSHOP / interpreter.name
    shutil.rmtree(folder, ignore_errors=True)
    profile = os.environ.get("PROFILE", "release")
    command = [sys.executable, "-m", "maturin", "build", "--profile", profile, "--quiet"]
    command += ["--interpreter", interpreter.path, "--out", str(folder)]
    if not succeeds(command, dict(os.environ, PYO3_PYTHON=interpreter.path)):
        return None
    return next(folder.glob("*.whl"))


def try_wheel(interpreter: Interpreter, wheel: Path | None, pytest_arguments: list[str]) -> str:
    """Installs and tests it; a few words on how far it came."""
    if wheel is None:
        return "FAILED to build"
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.2f} MB", flush=True)
    environment = wheel.parent / "environment"
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    python = str(scripts / "python")
    rustless = dict(os.environ, PATH=path_without_rust(scripts))
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    steps = {
        "make an environment": [interpreter.path, "-m", "venv", str(environment)],
        "update pip": [*pip, "--upgrade", "pip"],
        "install the wheel": [*pip, "--no-deps", "--no-index", str(wheel)],
        "install the tests' needs": [*pip, "--only-binary", ":all:", "--group", "test"],
        "pass the tests": [python, "-m", "pytest", *pytest_arguments],
    }
    for step, command in steps.items():
        if not succeeds(command, rustless):
            return f"FAILED to {step}"
    return "passed"


def path_without_rust(scripts: Path) -> str:
    """PATH, the environment first, less every folder that holds cargo or rustc."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    programs = ("cargo", "rustc", "cargo.exe", "rustc.exe")
    kept = [
        folder for folder in folders if not any(Path(folder, name).exists() for name in programs)
    ]
    return os.pathsep.join([str(scripts.absolute()), *kept])


def succeeds(command: list[str], environment: dict[str, str]) -> bool:
    """Whether the command ends well."""
    return subprocess.run(command, env=environment, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
