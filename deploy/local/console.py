"""`python -m deploy.local.stack run`: the stack, left running for a person.

`… after-restore` starts it, brings every service back to right after databases were restored, and stops it.
"""

import argparse
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

from deploy.local.datafolder import DataFolderInUse
from deploy.local.process import StartError, how_it_ended, last_lines
from deploy.local.stack import SERVICES, Ports, Stack

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SICK_SECONDS = 60.0
"""Seconds after which a broker that says it is unwell is restarted. One that only lacks a stream is helped by
the relays before."""
_TOO_SHORT = 5.0
"""Seconds: a part that lived no longer than this is not started again, it would only end again."""


class _Asked(BaseException):
    """A request to stop. Not an Exception: nothing on the way may take it for an error."""


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.stack")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="start everything and keep it running until Ctrl-C")
    again = commands.add_parser("after-restore", help="start everything, bring it back to right, and stop")
    for command in (run, again):
        command.add_argument("--clock", choices=("simulated", "system"), default="system")
        command.add_argument("--port", type=int, default=8080, help="of the front door on 127.0.0.1")
        command.add_argument("--data", type=Path, help="data folder (ZM_DATA_DIR, else .data)")
        command.add_argument("--services", default=",".join(SERVICES), help="which to start, by comma")
        command.add_argument("--package", default="services.{name}", help="where each has its main")
    options = parser.parse_args(argv)
    services = tuple(name for name in options.services.split(",") if name)
    stack = Stack(
        options.data,
        clock=options.clock,
        ports=Ports(front=options.port),
        services=services,
        package=options.package,
        empty_broker=options.command == "after-restore",
        tell=tell_ready,
    )
    for sig in _SIGNALS:
        signal.signal(sig, _ask)
    try:
        print(
            f"starting {len(services)} services and what they stand on; data in {stack.data.root}", flush=True
        )
        with stack:
            if options.command == "after-restore":
                return _after_restore(stack)
            _greet(stack)
            _watch(stack)
    except _Asked:
        print("stopped")
        return 0
    except (StartError, DataFolderInUse) as error:
        print(error, file=sys.stderr)
        return 1


def tell_ready(part: str, seconds: float) -> None:
    """A line for each part that is ready."""
    print(f"  {seconds:5.1f} s  {part}", flush=True)


def _after_restore(stack: Stack) -> int:
    """Exit status 1 where a service could not do it, or leaves something to a person."""
    told = stack.after_restore()
    for done in told.values():
        print(done.stdout + done.stderr, end="")
    return max(done.returncode != 0 for done in told.values())


def _ask(_number: int, _frame: FrameType | None) -> None:
    for sig in _SIGNALS:  # once is enough: what follows is the orderly stop, which must not be cut short
        signal.signal(sig, signal.SIG_IGN)
    print("\nstopping…", flush=True)
    raise _Asked


def _greet(stack: Stack) -> None:
    print(f"zhengming 正名 is up after {stack.started_in:.1f} s, on the {stack.clock} clock")
    print(f"  front door      {stack.front_url}/")
    for name in stack.services:
        print(f"  {name:<15} {stack.url(name)}/")
    print(f"  issuer          {stack.url('issuer')}/   (people: deploy/local/people.json)")
    print(f"  their password  {stack.data.issuer / 'issuer-people.password'}")
    print(f"  logs            {stack.data.logs}")
    print("Ctrl-C stops it.", flush=True)


def _watch(stack: Stack) -> NoReturn:
    """Start again what ends by itself, or does not recover by itself, as an orchestrator would."""
    well = time.monotonic()
    while True:
        time.sleep(0.5)
        if stack.nats.healthy():
            well = time.monotonic()
        elif time.monotonic() - well > _SICK_SECONDS:
            print("nats is unwell and is restarted", file=sys.stderr)
            stack.kill_nats()
            stack.start_nats()
            well = time.monotonic()
        for child in stack.ended():
            print(f"{child.name} {how_it_ended(child)}\n{last_lines(child.log, 5)}", file=sys.stderr)
            if child.age() < _TOO_SHORT:
                raise StartError(f"{child.name} does not stay up; giving up")
            stack.start_again(child.name)
            print(f"{child.name} was started again", file=sys.stderr)
