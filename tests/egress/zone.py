"""Name servers as tests want them: names that flip, lead astray, are unknown, or are never answered."""

import itertools
import socket
import threading

LOOKUP = "tests.egress.zone.lookup"
_numbers = itertools.count(1)
_planned: dict[str, list[object]] = {}
asked: dict[str, int] = {}


def name(*answers):
    """A new name. Each answer is for one look-up, the last for all that follow: addresses, an error, or an Event that
    has to be set before it goes on."""
    new = f"host{next(_numbers)}.example"
    _planned[new], asked[new] = list(answers), 0
    return new


def unknown():
    """What the machine's resolver raises for a name that nobody has."""
    return socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def lookup(host):
    """EGRESS_LOOKUP of the tests; names that were not made here are looked up as usual."""
    if host not in _planned:
        return list(dict.fromkeys(entry[4][0] for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)))
    asked[host] += 1
    answers = _planned[host]
    answer = answers.pop(0) if len(answers) > 1 else answers[0]
    if isinstance(answer, threading.Event):
        answer.wait()
        return lookup(host)
    if isinstance(answer, Exception):
        raise answer
    return answer
