"""The command line: `python -m pyws_browser`, or `pyws-browser`. CPython only."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, Final

from .. import __version__
from ..errors import WebSocketError
from ..protocol.display import printable
from . import bench, connect, info, serve
from .arguments import Parser, UsageError, reason_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMMANDS: Final = {"connect": connect, "serve": serve, "bench": bench, "info": info}

FAILURE: Final = 1
"""The exit status of a failure; that of wrong arguments is 2."""

INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; `arguments` are those of the process if None."""
    _see_to_streams()
    parser = Parser(prog="python -m pyws_browser", description="Talk to WebSocket servers, be one, and measure them.")
    parser.add_argument("--version", action="version", version=f"pyws_browser {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, module in _COMMANDS.items():
        summary = str(module.__doc__).splitlines()[0]
        command = commands.add_parser(name, help=summary, description=summary)
        module.add_arguments(command)
        command.set_defaults(run=module.run, refuse=command.error)
    options = parser.parse_args(arguments)
    try:
        if options.run is serve.run and (options.workers > 1 or options.broker is not None):
            from . import relay  # and loaded with it what rooms need

            relay.check(options)
            return relay.run(options)
        return int(asyncio.run(options.run(options)))
    except KeyboardInterrupt:
        return INTERRUPTED
    except argparse.ArgumentError as exc:  # for arguments that contradict each other
        options.refuse(str(exc))
    except BrokenPipeError:  # the reader of the output has left, so Python must not write the rest
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    except (OSError, WebSocketError, UsageError) as exc:
        print(f"{parser.prog}: {printable(reason_of(exc), None)}", file=sys.stderr)
    return FAILURE


def _see_to_streams() -> None:
    """Open streams that are missing, and let the output escape characters that its encoding lacks."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr does
