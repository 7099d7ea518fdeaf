"""Writes the seeds: what a fuzzer starts from, in the words of the RFCs, one file each.

A seed of `connection` is a script as fuzz/src/script.rs reads it: a cut, the limits, what was
agreed of permessage-deflate if it was, then turns.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

SEEDS = Path(__file__).parent / "seeds"

HELLO = b"Hello"
TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
FIRST_TEXT, FIRST_BINARY, MIDDLE, LAST = 0x01, 0x02, 0x00, 0x80


def main() -> None:
    """Writes every seed anew; a seed that is no longer made here goes."""
    for target, seeds in SEEDS_OF.items():
        folder = SEEDS / target
        folder.mkdir(parents=True, exist_ok=True)
        for stale in set(folder.iterdir()) - {folder / name for name in seeds}:
            stale.unlink()
        for name, content in seeds.items():
            (folder / name).write_bytes(content)
        print(f"{target}: {len(seeds)} seeds")


def frame(first: int, payload: bytes = b"") -> bytes:
    """A server's frame."""
    length = len(payload)
    if length < 126:
        return bytes([first, length]) + payload
    if length < 2**16:
        return struct.pack("!BBH", first, 126, length) + payload
    return struct.pack("!BBQ", first, 127, length) + payload


def compressed(*messages: bytes) -> list[bytes]:
    """Messages as a server with one context would compress them (RFC 7692 7.2.1)."""
    deflater = zlib.compressobj(wbits=-15)
    flushed = [
        deflater.compress(message) + deflater.flush(zlib.Z_SYNC_FLUSH) for message in messages
    ]
    return [bytes(message).removesuffix(b"\0\0\xff\xff") for message in flushed]


def script(*turns: bytes, cut: int = 2, limits: int = 0x0F) -> bytes:
    """A conversation; `limits` 0x0F are wide, 0x00 narrow."""
    return bytes([cut, limits]) + b"".join(turns)


def deflating(*turns: bytes, agreed: int = 0, limits: int = 0x0F) -> bytes:
    """A conversation for which permessage-deflate was agreed on."""
    return bytes([2, limits, agreed]) + b"".join(turns)


def receive(*frames: bytes) -> bytes:
    """The server's bytes, in turns that hold them."""
    wire = b"".join(frames)
    pieces = [wire[start : start + 255] for start in range(0, len(wire), 255)]
    return b"".join(bytes([0, len(piece)]) + piece for piece in pieces)


def receive_long(first: int, payload: bytes, doublings: int) -> bytes:
    """A frame whose payload is repeated."""
    return bytes([3, first, doublings, len(payload)]) + payload


def send(payload: bytes, *, fin: bool = True, doublings: int = 0, compress: int = 0) -> bytes:
    """A text message of the user's, or a part of one; `compress` 0x40 is yes, 0xC0 no."""
    return bytes([(5 if fin else 0x25) | compress, doublings, len(payload)]) + payload


def control(choice: int, payload: bytes = b"") -> bytes:
    """7 is a Ping of the user's, 8 a Pong."""
    return bytes([choice, len(payload)]) + payload


def close(code: int, reason: bytes = b"") -> bytes:
    """The user's Close."""
    return struct.pack("!BHB", 9, code, len(reason)) + reason


def close_frame(code: int, reason: bytes = b"") -> bytes:
    """The server's."""
    return frame(CLOSE, struct.pack("!H", code) + reason)


TAKE, TAKE_CHUNK, REFUSE_TEXT, END, OUTPUT_FAILS = b"\x0a", b"\x0b", b"\x0e", b"\x0f", b"\x1f"
WRITE, WAIT = b"\x0c\xff", b"\x0d\x0b"

CONNECTION = {
    "text": script(receive(frame(TEXT, HELLO)), TAKE),
    "fragments": script(receive(frame(FIRST_TEXT, b"Hel"), frame(LAST, b"lo")), TAKE),
    "ping-between-fragments": script(
        receive(frame(FIRST_TEXT, b"Hel"), frame(PING, HELLO), frame(MIDDLE), frame(LAST, b"lo")),
        WRITE,
        TAKE,
    ),
    "chunks": script(
        receive(frame(FIRST_BINARY, b"Hel")),
        TAKE_CHUNK,
        receive(frame(MIDDLE, b"lo")),
        TAKE_CHUNK,
        receive(frame(LAST)),
        TAKE_CHUNK,
    ),
    "code-point-over-fragments": script(
        receive(frame(FIRST_TEXT, b"\xe2"), frame(MIDDLE, b"\x82"), frame(LAST, b"\xac")), TAKE
    ),
    "text-that-is-none": script(receive(frame(TEXT, b"Hel\xfflo"))),
    "256-bytes": script(receive(frame(BINARY, bytes(range(256)))), TAKE),
    "64-kibibytes": script(receive_long(BINARY, b"12345678" * 16, 9), TAKE, limits=0x0F),
    "pong": script(control(7, HELLO), WRITE, receive(frame(PONG, HELLO))),
    "user-sends": script(
        send(b"Hel", fin=False), send(b"lo"), control(8), send(b"x" * 128, doublings=9), WRITE
    ),
    "server-closes": script(receive(close_frame(1000, b"bye"), frame(TEXT, b"late")), WRITE, END),
    "user-closes": script(close(1001, b"away"), WRITE, receive(close_frame(1001)), END),
    "close-without-a-code": script(receive(frame(CLOSE))),
    "close-that-times-out": script(close(1000), receive(frame(TEXT, HELLO)), WAIT, TAKE),
    "messages-before-the-close": script(
        close(1000), receive(frame(TEXT, HELLO) * 20, close_frame(1000)), TAKE, limits=0x05
    ),
    "many-small-messages": script(receive(frame(BINARY, b"x") * 200), TAKE, TAKE, limits=0x05),
    "too-big": script(receive(frame(FIRST_TEXT, HELLO), frame(LAST, HELLO + b"!")), limits=0x00),
    "reserved-bits": script(receive(frame(0xC1, HELLO))),
    "masked": script(receive(bytes.fromhex("818537fa213d7f9f4d5158"))),
    "text-refused": script(receive(frame(FIRST_BINARY, b"\xff")), TAKE_CHUNK, REFUSE_TEXT, WRITE),
    "output-fails": script(send(HELLO), OUTPUT_FAILS, receive(frame(TEXT, HELLO)), END, TAKE),
}

COMPRESSED_TEXT, COMPRESSED_FIRST = 0xC1, 0x41
HELLO_TWICE = compressed(HELLO, HELLO)
ZEROS = compressed(bytes(200_000))[0]
# RFC 7692 7.2.3.3 to 7.2.3.5: a stored block, a last block, two blocks.
FLUSH = bytes.fromhex("0000ffff")
STORED = bytes.fromhex("000500faff48656c6c6f00")
LAST_BLOCK = bytes.fromhex("f348cdc9c9070000")
TWO_BLOCKS = bytes.fromhex("f248050000 00ffff cac9c90700".replace(" ", ""))

CONNECTION_DEFLATE = {
    "text": deflating(receive(*(frame(COMPRESSED_TEXT, hello) for hello in HELLO_TWICE)), TAKE),
    "no-context": deflating(receive(frame(COMPRESSED_TEXT, HELLO_TWICE[0]) * 2), TAKE, agreed=3),
    "fragments": deflating(
        receive(frame(COMPRESSED_FIRST, HELLO_TWICE[0][:3]), frame(LAST, HELLO_TWICE[0][3:])), TAKE
    ),
    "last-block": deflating(receive(frame(COMPRESSED_TEXT, LAST_BLOCK) * 2), TAKE, TAKE),
    "stored": deflating(receive(frame(COMPRESSED_TEXT, STORED)), TAKE),
    "two-blocks": deflating(receive(frame(COMPRESSED_TEXT, TWO_BLOCKS)), TAKE),
    "mixed": deflating(receive(frame(TEXT, HELLO), frame(COMPRESSED_TEXT, HELLO_TWICE[0])), TAKE),
    "empty": deflating(receive(frame(COMPRESSED_TEXT, b"\0"), frame(COMPRESSED_TEXT)), TAKE),
    "bomb": deflating(receive(frame(0xC2, ZEROS)), TAKE, limits=0x0E),
    "many-bombs": deflating(receive(frame(0xC2, ZEROS) * 4), TAKE, TAKE, limits=0x07),
    "malformed": deflating(receive(frame(COMPRESSED_TEXT, b"\xff\xff"))),
    "chunks": deflating(
        receive(frame(COMPRESSED_FIRST, HELLO_TWICE[0][:4])), TAKE_CHUNK, receive(frame(LAST)), TAKE
    ),
    "compressed-ping": deflating(receive(frame(0xC9, HELLO))),
    "compressed-continuation": deflating(receive(frame(COMPRESSED_FIRST), frame(0xC0))),
    "user-sends": deflating(
        send(b"x" * 100), send(b"x" * 100, doublings=9, compress=0x40), send(HELLO), WRITE
    ),
    "user-sends-fragments": deflating(
        send(b"Hel", fin=False), control(7), send(b"lo"), send(HELLO, compress=0xC0), agreed=2
    ),
}

# A cut in 64 bytes, when what may land does, and a conversation that is not traced.
LONG = receive_long(BINARY, b"0123456789abcdef" * 15, 9)
HALF = struct.pack("!BBQ", BINARY, 127, 100_000)


def landing(*turns: bytes, cut: int = 20, decisions: int = 0xFF) -> bytes:
    """A conversation whose long messages land, always if nothing else is said."""
    return bytes([cut, decisions, 0x2F]) + b"".join(turns)


LANDING = {
    "whole": landing(LONG, TAKE),
    "two": landing(LONG, TAKE, LONG, TAKE),
    "behind-one-that-waits": landing(receive(frame(TEXT, HELLO)), LONG, TAKE, TAKE),
    "later": landing(LONG, TAKE, decisions=0x08),
    "in-chunks": landing(receive(HALF, bytes(300)), TAKE_CHUNK, receive(bytes(200)), TAKE_CHUNK),
    "without-an-end": landing(receive(HALF, bytes(300)), END, TAKE_CHUNK),
    "chunk-of-a-whole": landing(LONG, TAKE_CHUNK),
    "fault-behind": landing(LONG, receive(frame(0x83)), TAKE),
    "close-within": landing(receive(HALF, bytes(300)), close(1000), receive(bytes(255)), WAIT, END),
    "fragments": landing(
        receive_long(FIRST_BINARY, b"x" * 255, 9), receive_long(LAST, b"y" * 255, 9), TAKE_CHUNK
    ),
    "text": landing(receive_long(TEXT, b"x" * 255, 9), TAKE),
}

# The limit, the cut, then messages that end with 0xFE.
INFLATE = {
    "hello": b"\x01\x00" + HELLO_TWICE[0],
    "zeros": b"\x03\xff" + ZEROS,
    "zeros-over-the-limit": b"\x02\x07" + ZEROS,
    "stored": b"\x01\x03" + STORED,
    "two-blocks": b"\x01\x03" + TWO_BLOCKS,
    "last-block": b"\x01\x03" + LAST_BLOCK,
    "empty": b"\x00\x00\x00",
    "many-last-blocks": b"\x03\xff" + compressed(b"x" * 50_000)[0] + FLUSH + b"\x03\x00" * 900,
    "text": b"\x03\x1f" + compressed(Path(__file__).read_bytes()[:3000])[0],
    "malformed": b"\x01\x00\xff\xff",
}

HEADERS = {
    "text": frame(TEXT, HELLO)[:2],
    "text-16-bits": frame(TEXT, b"x" * 256)[:4],
    "binary-64-bits": frame(BINARY, b"x" * 65536)[:10],
    "close": b"\x88\x02",
    "ping-of-125": b"\x89\x7d",
    "ping-of-126": b"\x89\x7e\x00\x7e",
    "not-minimal": b"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff",
    "top-bit": b"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00",
    "masked": b"\x81\x85",
    "reserved-bit": b"\xc1\x05",
    "reserved-opcode": b"\x83\x05",
    "fragmented-ping": b"\x09\x00",
}


def answer(*lines: str, behind: bytes = b"", cut: int = 6) -> bytes:
    """A response and what follows it, behind the byte that says how it is cut."""
    return bytes([cut]) + "\r\n".join([*lines, "", ""]).encode("latin-1") + behind


# RFC 6455 1.3: the answer to the key that the target uses.
AGREES = (
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
)
CHUNKED = "Transfer-Encoding: chunked"

RESPONSES = {
    "agrees": answer(*AGREES),
    "with-a-subprotocol": answer(*AGREES, "Sec-WebSocket-Protocol: chat"),
    "with-an-extension": answer(*AGREES, "Sec-WebSocket-Extensions: permessage-deflate"),
    "with-a-frame-behind": answer(*AGREES, behind=frame(TEXT, HELLO)),
    "with-two-accepts": answer(*AGREES, AGREES[-1]),
    "interim-first": answer("HTTP/1.1 103 Early Hints", behind=answer(*AGREES)[1:]),
    "refuses": answer("HTTP/1.1 403 Forbidden", "Content-Length: 4", behind=b"nope"),
    "refuses-until-the-end": answer("HTTP/1.1 500 Oh", "A: b", behind=b"nope"),
    "refuses-in-chunks": answer(
        "HTTP/1.1 401 Who", CHUNKED, behind=b"2\r\nno\r\n2;x=1\r\npe\r\n0\r\n\r\n"
    ),
    "chunk-line-without-end": answer("HTTP/1.1 401 Who", CHUNKED, behind=b"1" * 1500, cut=0),
    "chunk-line-just-too-long": answer(
        "HTTP/1.1 401 Who", CHUNKED, behind=b"4;" + b"x" * 1023 + b"\nnope\n0\n"
    ),
    "redirects": answer("HTTP/1.1 302 Found", "Location: wss://example.org/"),
    "bare-line-feeds": b"\x03HTTP/1.1 404 Not Found\nA: b\n\n",
    "folded": answer(*AGREES, "A: b", " c"),
    "many-fields": answer(*AGREES, *["A: b"] * 130),
    "speaks-tls": b"\x02\x15\x03\x01\x00\x02\x02\x46",
    "speaks-ssh": b"\x02SSH-2.0-X\r\n",
}

URIS = {
    "plain": "ws://example.org",
    "all-parts": "wss://me:pass@example.org:8443/a/b?c=d&e",
    "upper-case": "HTTPS://EXAMPLE.org/A",
    "ipv4": "ws://127.0.0.1:9001/x",
    "ipv6": "ws://[2001:db8::1]:81/",
    "zone": "ws://me@[fe80::1%25eth0]:81/%25",
    "international": "ws://b\u00fccher.example/\u00fc?\u00df=\u00e9 x",
    "encoded": "ws://m%40e:p%3A%C3%A9@h/%0d%0a?%00",
    "query-only": "ws://h?q",
    "fragment": "ws://h/#f",
    "backslash": "ws://h\\@evil.example/",
    "line-break": "ws://h/a\r\nX: y",
    "at-in-the-path": "ws://h/@a:b",
    "dots": "ws://h/a/../b/./c",
    "signed": "ws://h//a?sig=a'b%27%zz\"<\\^`{|}>",
    "number-as-host": "ws://0x7f.1/",
    "another-scheme": "ftp://h/",
}

SEEDS_OF = {
    "connection": CONNECTION,
    "connection_deflate": CONNECTION_DEFLATE,
    "frame_header": {
        **{name: b"\0" + header for name, header in HEADERS.items()},
        "compressed": b"\x01\xc1\x05",
        "compressed-ping": b"\x01\xc9\x05",
    },
    "inflate": INFLATE,
    "landing": LANDING,
    "response": RESPONSES,
    "uri": {name: text.encode() for name, text in URIS.items()},
}

if __name__ == "__main__":
    main()
