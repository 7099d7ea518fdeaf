"""The Python tests on an extension built with AddressSanitizer, in a place of its own.

A library cannot bring the sanitizer's runtime along, which has to be loaded before all else: Rust's
is made a shared library here, and preloaded into the interpreter. What stands behind `--` is handed
to pytest. On Linux, with stable Rust or nightly.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

TARGET = f"{platform.machine()}-unknown-linux-gnu"
# Python frees little at its end, and what it keeps is no finding.
OPTIONS = "detect_leaks=0:abort_on_error=1:strict_string_checks=1"


def main() -> int:
    """Builds, installs beside the environment, and runs the tests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where to build and install")
    parser.add_argument("pytest", nargs="*", help="arguments for pytest")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    runtime = shared_runtime(folder)
    site = installed(folder)
    environment = {
        **os.environ,
        "PYTHONPATH": str(site),
        # So that what Python allocates is watched as well.
        "PYTHONMALLOC": "malloc",
        "LD_PRELOAD": str(runtime),
        "ASAN_OPTIONS": OPTIONS,
    }
    check = "import aiowebsocket; print('The tests run on', aiowebsocket.__file__)"
    subprocess.run([sys.executable, "-c", check], check=True, env=environment)
    pytest = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments.pytest]
    return subprocess.run(pytest, check=False, env=environment).returncode


def shared_runtime(folder: Path) -> Path:
    """Rust's runtime of the sanitizer, without the part that only a program can have."""
    library = subprocess.run(
        ["rustc", "--print", "target-libdir"], check=True, stdout=subprocess.PIPE, text=True
    )
    (archive,) = Path(library.stdout.strip()).glob("librustc-*_rt.asan.a")
    part, shared = folder / "runtime.a", folder / "runtime.so"
    shutil.copy(archive, part)
    subprocess.run(["ar", "d", str(part), "asan_preinit.cpp.o"], check=True)
    whole = ["-Wl,--whole-archive", str(part), "-Wl,--no-whole-archive"]
    subprocess.run(
        ["cc", "-shared", "-o", str(shared), *whole, "-lpthread", "-ldl", "-lm"], check=True
    )
    return shared


def installed(folder: Path) -> Path:
    """The package, built with the sanitizer, where PYTHONPATH finds it first."""
    environment = {
        **os.environ,
        "RUSTC_BOOTSTRAP": "1",
        "RUSTFLAGS": "-Zsanitizer=address",
        "CARGO_TARGET_DIR": str(folder / "target"),
        "CARGO_PROFILE_DEV_OPT_LEVEL": "1",  # as quick as the tests' deadlines expect
    }
    wheels, site = folder / "wheels", folder / "site"
    for stale in (wheels, site):
        shutil.rmtree(stale, ignore_errors=True)
    build = ["--profile", "dev", "--target", TARGET, "--auditwheel", "skip", "--out", str(wheels)]
    maturin = [sys.executable, "-m", "maturin", "build", "--interpreter", sys.executable, *build]
    subprocess.run(maturin, check=True, env=environment)
    (wheel,) = wheels.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(site), str(wheel)], check=True)
    return site


if __name__ == "__main__":
    sys.exit(main())
