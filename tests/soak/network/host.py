"""A host of our own: a network namespace, held by a process that ends with us.

    python -m soak.network.host <address> <descriptor of a socket>

is that process: it makes the host's one device and hands it over through the socket.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

TESTS = Path(__file__).parents[2]
PROGRAMS = ("unshare", "nsenter", "ip")
PATIENCE = 10.0

DEVICE = "wire"
# linux/if_tun.h: the device of a point-to-point link, whose packets begin with the IP header.
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
# Every Linux has it, it recovers from loss in the way that is known best, and it is the same
# wherever this runs.
CONGESTION_CONTROL = ("/proc/sys/net/ipv4/tcp_congestion_control", "cubic")


class NotPermittedError(Exception):
    """This system, or who we are on it, does not allow network namespaces."""


class Host:
    """A host with an address; programs can be run on it. It ends when it is left.

    Attributes:
        device: The descriptor of its TUN device.
    """

    device: int

    def __init__(self, address: str) -> None:
        missing = [program for program in PROGRAMS if shutil.which(program) is None]
        if missing or not sys.platform.startswith("linux"):
            raise NotPermittedError(f"needs Linux and {', '.join(missing or PROGRAMS)}")
        self.address = address
        self._as_root = os.geteuid() == 0
        self._keeper: subprocess.Popen[str] | None = None

    def __enter__(self) -> Host:
        become_root = [] if self._as_root else ["--user", "--map-root-user"]
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            keeper = [sys.executable, "-m", __name__, self.address, str(theirs.fileno())]
            self._keeper = subprocess.Popen(
                ["unshare", "--net", *become_root, *keeper],
                stdin=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": str(TESTS)},
                pass_fds=[theirs.fileno()],
            )
            theirs.close()
            ours.settimeout(PATIENCE)
            _, devices, _, _ = socket.recv_fds(ours, 1, 1)
        if not devices:
            _, complaint = self._keeper.communicate(timeout=PATIENCE)
            reason = complaint.strip().splitlines()[-1] if complaint.strip() else "no device"
            raise NotPermittedError(reason)
        (self.device,) = devices
        os.set_blocking(self.device, False)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._keeper is not None
        os.close(self.device)
        # Its standard input ends, and so does it.
        self._keeper.communicate(timeout=PATIENCE)

    def command(self, program: Sequence[str]) -> list[str]:
        """What to run for `program` to run on this host."""
        assert self._keeper is not None
        also = [] if self._as_root else ["--user", "--preserve-credentials"]
        return ["nsenter", "--target", str(self._keeper.pid), "--net", *also, *program]


def make_device(address: str) -> int:
    """Make this namespace's device, up and with its address."""
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
    for change in (
        ("link", "set", "lo", "up"),
        ("address", "add", f"{address}/24", "dev", DEVICE),
        ("link", "set", DEVICE, "up"),
    ):
        subprocess.run(["ip", *change], check=True)
    # Where it is not ours to choose, it stays as it is.
    with contextlib.suppress(OSError):
        path, name = CONGESTION_CONTROL
        Path(path).write_text(name, encoding="ascii")
    return device


def keep(address: str, handover: int) -> None:
    """Hold the namespace until standard input ends."""
    device = make_device(address)
    with socket.socket(fileno=handover) as handing:
        socket.send_fds(handing, [b"x"], [device])
    os.close(device)
    sys.stdin.read()


if __name__ == "__main__":
    keep(sys.argv[1], int(sys.argv[2]))
