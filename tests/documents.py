"""The programs of the original's documents; only their address is to be filled in.

FIRST and SECOND are the two of version 1.0.0.dev, to the letter. The last README had three: the
same program with the import line of that version, once plain, once with a `headers=` list and once
with a `union_header=` dict.
"""

from __future__ import annotations

FIRST = """\
# examples.py
from aiowebsocket import AioWebsocket

from converses import AioWebSocket


async def startup(uri):
    async with AioWebSocket(uri) as aws:
        converse = aws.manipulator
        message = b'AioWebSocket - Async WebSocket Client'
        while True:
            await converse.send(message)
            print('{time}-Client send: {message}'
                  .format(time=datetime.now().strftime('%Y-%m-%d %H:%M:%S'), message=message))
            mes = await converse.receive()
            print('{time}-Client receive: {rec}'
                  .format(time=datetime.now().strftime('%Y-%m-%d %H:%M:%S'), rec=mes))


if __name__ == '__main__':
    remote = 'ws://echo.websocket.org'
    try:
        asyncio.get_event_loop().run_until_complete(startup(remote))
    except KeyboardInterrupt as exc:
        logging.info('Quit.')
"""

SECOND = """\
# examples.py
import asyncio
import logging
from datetime import datetime

from converses import AioWebSocket


async def startup(uri):
    async with AioWebSocket(uri, ssl=True) as aws:
        converse = aws.manipulator
        message = b'AioWebSocket - Async WebSocket Client'
        while True:
            await converse.send(message)
            print('{time}-Client send: {message}'
                  .format(time=datetime.now().strftime('%Y-%m-%d %H:%M:%S'), message=message))
            mes = await converse.receive()
            print('{time}-Client receive: {rec}'
                  .format(time=datetime.now().strftime('%Y-%m-%d %H:%M:%S'), rec=mes))


if __name__ == '__main__':
    remote = 'wss://echo.websocket.org'
    try:
        asyncio.get_event_loop().run_until_complete(startup(remote))
    except KeyboardInterrupt as exc:
        logging.info('Quit.')
"""

ADDRESSES = ("ws://echo.websocket.org", "wss://echo.websocket.org")


def with_changes(program: str, *changes: tuple[str, str]) -> str:
    """The program with each change made, which has to have a place there."""
    for old, new in changes:
        assert old in program
        program = program.replace(old, new)
    return program


LAST_PLAIN = with_changes(
    SECOND,
    ("# examples.py\n", ""),
    ("\n\nfrom converses import", "\nfrom aiowebsocket.converses import"),
    ("AioWebSocket(uri, ssl=True)", "AioWebSocket(uri)"),
)

LAST_HEADERS = with_changes(
    LAST_PLAIN,
    ("def startup(uri)", "def startup(uri, header)"),
    ("AioWebSocket(uri)", "AioWebSocket(uri, headers=header)"),
    ("startup(remote)", "startup(remote, header)"),
    (
        "    try:\n",
        """\
    header = [
        'GET /ajaxchattest HTTP/1.1',
        'Connection: Upgrade',
        'Host: HOST',
        'Origin: http://example.org',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        'Sec-WebSocket-Version: 13',
        'Upgrade: websocket',
        ]
    try:
""",
    ),
)

LAST_UNION_HEADER = with_changes(
    LAST_PLAIN,
    ("def startup(uri)", "def startup(uri, union_header)"),
    ("AioWebSocket(uri)", "AioWebSocket(uri, union_header=union_header)"),
    ("startup(remote)", "startup(remote, union_header)"),
    ("    try:\n", "    union_header = {'Origin': 'http://example.org'}\n    try:\n"),
)

PROGRAMS = {
    "first": FIRST,
    "second": SECOND,
    "last plain": LAST_PLAIN,
    "last headers": LAST_HEADERS,
    "last union_header": LAST_UNION_HEADER,
}


def addressed(program: str, uri: str) -> str:
    """The program with nothing but its address changed."""
    for address in ADDRESSES:
        program = program.replace(f"'{address}'", f"'{uri}'")
    return program.replace("'Host: HOST'", f"'Host: {uri.partition('://')[2].rstrip('/')}'")
