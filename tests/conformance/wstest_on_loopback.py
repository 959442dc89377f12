"""Run by the test suite's own Python 2.7, not by ours: wstest, held to the loopback interface.

usage: wstest_on_loopback.py cases | server SPEC | client SPEC

`cases` prints the ids of all cases. A server takes a free port, which it prints, and not the one of its spec.
"""

import json
import sys

from autobahntestsuite import fuzzing, wstest  # installs Twisted's reactor, so it comes first
from twisted.internet import reactor

listen_anywhere = reactor.listenTCP


def listen_on_loopback(port, factory, backlog=50, interface=""):
    listener = listen_anywhere(0, factory, backlog, "127.0.0.1")
    factory.externalPort = listener.getHost().port  # which a request's Host header is compared with
    sys.stdout.write("port {}\n".format(factory.externalPort))  # noqa: UP032  for Python 2.7
    sys.stdout.flush()
    return listener


def main(mode, *arguments):
    if mode == "cases":
        for case in fuzzing.Cases:
            sys.stdout.write(case.__name__[len("Case") :].replace("_", ".") + "\n")
        return
    reactor.listenTCP = listen_on_loopback
    with open(arguments[0]) as file:
        spec = json.load(file)
    wstest.start({"mode": "fuzzing" + mode, "webport": 0, "debug": False}, spec)


main(*sys.argv[1:])
