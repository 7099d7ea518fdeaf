"""How many segments a TCP socket has received: what tells one write from several.

A write of the other end becomes a segment of its own while the network keeps up with it, as
loopback does, and as long as it is small.
"""

from __future__ import annotations

import socket
import struct
import sys

COUNTED = sys.platform == "linux"
# One, and what TCP may send again on a busy machine, where an acknowledgement is late.
OF_ONE_WRITE = 3
# tcpi_data_segs_in of struct tcp_info, linux/tcp.h.
_OFFSET = 152


def received(stream: socket.socket) -> int:
    """Segments with data, since the connection was opened."""
    information = stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    (count,) = struct.unpack_from("I", information, _OFFSET)
    return int(count)
