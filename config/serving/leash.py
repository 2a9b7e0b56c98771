"""Ends a process when its parent ends, however that happened.

As a script it puts itself on the leash and becomes the program. It is started by path and imports the standard library
alone: it runs before every child, so its start must cost nothing.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask Linux for SIGTERM when the parent dies; elsewhere there is no such thing, and nothing happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def main() -> None:
    """`leash.py PARENT PROGRAM ARGUMENT…`"""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    die_with_parent()
    if os.getppid() != parent:
        return  # it died before the request reached the kernel
    os.execv(program[0], program)


if __name__ == "__main__":
    main()
