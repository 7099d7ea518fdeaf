"""The fuzzing server of the Autobahn testsuite, on 127.0.0.1 alone.

Runs on Python 2.7, in the testsuite's own environment, and knows nothing of this project. wstest
would listen on every interface, so its factory is handed to Twisted here. The one argument is JSON:
`cases` (patterns), `outdir` (for reports), `certificate` (a PEM file, or null for plain TCP).
"""

import json
import os
import signal
import sys

from autobahntestsuite.fuzzing import FuzzingServerFactory  # type: ignore[import-not-found]
from twisted.internet import reactor, ssl  # type: ignore[import-not-found]

ADDRESS = "127.0.0.1"

options = json.loads(sys.argv[1])
outdir, certificate = options["outdir"], options["certificate"]
scheme = "wss" if certificate else "ws"
url = scheme + "://" + ADDRESS

# The first line of the standard output is the contract; what the testsuite prints is its log.
contract, sys.stdout = sys.stdout, open(os.path.join(outdir, "server.log"), "w")  # noqa: SIM115

factory = FuzzingServerFactory({"url": url, "outdir": outdir, "cases": options["cases"]})
if certificate:
    context = ssl.DefaultOpenSSLContextFactory(certificate, certificate)
    listener = reactor.listenSSL(0, factory, context, interface=ADDRESS)
else:
    listener = reactor.listenTCP(0, factory, interface=ADDRESS)

# The factory compares the port in a request's Host with the one that it is told here.
port = listener.getHost().port
factory.setSessionParameters(url=url + ":" + str(port), server=factory.server)

with open(os.path.join(outdir, "cases.json"), "w") as selection:
    json.dump(factory.specCases, selection)

contract.write(json.dumps({scheme: port}) + "\n")
contract.flush()

# Whoever started this holds the other end of the standard input: when that ends, so does this. A
# SIGTERM may come on top, so it is left to end the process; Ctrl-C is not meant for this one.
signal.signal(signal.SIGINT, signal.SIG_IGN)
reactor.callInThread(lambda: (sys.stdin.read(), reactor.callFromThread(reactor.stop)))
reactor.run(installSignalHandlers=False)
