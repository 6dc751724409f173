"""The command line of an agent: run it, make its keys, rotate them, or check its settings."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from houfeng.shell.agent.rotation import make_keys, rotate_keys
from houfeng.shell.agent.settings import AgentSettings, read_settings
from houfeng.shell.agent.station import read_signer, run
from houfeng.shell.agent.voice import Voice
from houfeng.shell.keys.keys import fingerprint, public_of
from houfeng.words.errors import DataFault, HoufengError, OurFault

#: As the whole program has it: docs/reference/exit-codes.md.
_EXITS: dict[type[HoufengError], int] = {DataFault: 3, OurFault: 70}
_EXIT_WORLD = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say and return the exit status.

    arguments  those after the program's name, None for the process's own
    """
    parser = argparse.ArgumentParser(
        prog="houfeng agent",
        description="Keep, name and sign what a station's digitiser says, and serve it to the centre.",
    )
    parser.add_argument("--settings", type=Path, required=True, metavar="FILE", help="agent.toml")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--make-keys", action="store_true", help="make the identity and its enrolment request, and end")
    what.add_argument("--rotate-keys", action="store_true", help="make a new identity that takes over, and end")
    what.add_argument("--check", action="store_true", help="read settings and keys, and end")
    chosen = parser.parse_args(arguments)
    try:
        _act(chosen, read_settings(chosen.settings))
    except HoufengError as fault:
        Voice().say(str(fault))
        return next((status for kind, status in _EXITS.items() if isinstance(fault, kind)), _EXIT_WORLD)
    return 0


def _act(chosen: argparse.Namespace, settings: AgentSettings) -> None:
    voice = Voice()
    if chosen.make_keys:
        public, request = make_keys(settings)
        voice.say(f"identity {fingerprint(public)}; send {request} to the centre")
    elif chosen.rotate_keys:
        public, request = rotate_keys(settings)
        voice.say(f"new identity {fingerprint(public)}; restart the agent and send {request} to the centre")
    elif chosen.check:
        voice.say(f"settings and keys are good; identity {fingerprint(public_of(read_signer(settings.keys).identity))}")
    else:
        asyncio.run(run(settings, voice))


if __name__ == "__main__":
    sys.exit(main())
