# The second program of the original's documents. Changed: the address and the number of echoes come
# from the command line. The platform's trust applies; SSL_CERT_FILE names another.
#     SSL_CERT_FILE=ca.pem python examples/documents_wss.py wss://localhost:8766 3
import asyncio
import logging
import sys
from datetime import datetime

from converses import AioWebSocket


async def startup(uri):
    async with AioWebSocket(uri, ssl=True) as aws:
        converse = aws.manipulator
        message = b'AioWebSocket - Async WebSocket Client'
        for _ in range(int(sys.argv[2])):
            await converse.send(message)
            print('{time}-Client send: {message}'
                  .format(time=datetime.now().strftime('%Y-%m-%d %H:%M:%S'), message=message))
            mes = await converse.receive()
            print('{time}-Client receive: {rec}'
                  .format(time=datetime.now().strftime('%Y-%m-%d %H:%M:%S'), rec=mes))


if __name__ == '__main__':
    if sys.version_info >= (3, 14):  # where get_event_loop() no longer makes one
        asyncio.set_event_loop(asyncio.new_event_loop())
    remote = sys.argv[1]
    try:
        asyncio.get_event_loop().run_until_complete(startup(remote))
    except KeyboardInterrupt as exc:
        logging.info('Quit.')
