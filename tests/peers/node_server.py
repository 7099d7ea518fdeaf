"""Node's `ws`, installed from npm into a cache folder, as an echo server."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from peers.process import ServerProcess

WS_VERSION = "8.18.3"


def start(certificate: Path) -> ServerProcess:
    """Start it; the test is skipped where Node is not at hand."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed: the tests against Node's ws are left out")
    modules = cache_folder() / f"ws-{WS_VERSION}" / "node_modules"
    if not (modules / "ws" / "package.json").exists():
        install(npm, modules.parent)
    script = Path(__file__).with_suffix(".js")
    return ServerProcess(
        [node, str(script), str(certificate)], environment={"NODE_PATH": str(modules)}
    )


def install(npm: str, folder: Path) -> None:
    """Let npm fetch the package; without a network the test is skipped."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
    command = [npm, "install", "--no-audit", "--no-fund", "--fetch-retries=1"]
    command += ["--prefix", str(folder), f"ws@{WS_VERSION}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        installed = done.returncode == 0
    except subprocess.TimeoutExpired:
        installed = False
    if not installed:
        pytest.skip(f"npm could not install ws@{WS_VERSION}: the tests against it are left out")


def cache_folder() -> Path:
    """Where fetched programs are kept between test runs."""
    home = os.environ.get("XDG_CACHE_HOME")
    if home:
        return Path(home) / "aiowebsocket-tests"
    return Path(__file__).parents[1] / ".cache"
