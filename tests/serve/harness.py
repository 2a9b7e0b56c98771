"""Supervises the programs given as JSON, `[{name, code, stage, stop_seconds}, …]`, until it is told to stop."""

import asyncio
import json
import sys

from config.serving.supervisor import Program, ProgramFailed, Supervisor


def say(who, what):
    print(f"{who}|{what}", flush=True)  # noqa: T201


async def once_started():
    """There is nobody to tell."""


def main():
    programs = [
        Program(
            name=given["name"],
            arguments=("-c", given["code"]),
            stage=given.get("stage", 0),
            stop_seconds=given.get("stop_seconds", 20),
        )
        for given in json.loads(sys.argv[1])
    ]
    try:
        supervisor = Supervisor(programs, say=say, on_stop=lambda: say("", "CLOSED"))
        asyncio.run(supervisor.run(once_started=once_started))
    except ProgramFailed as error:
        say("", f"FAILED {error} {error.tail}")
        sys.exit(1)


main()
