"""The commands of an operator to a service, the same words for every one: `zhengming intake parked retry`.

They look at what a service has set aside or given up, and have it tried again. They run beside the service,
in its environment, and say nothing of what a message holds. Exit status 0: nothing is left; 1: something is;
2: it cannot be told.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeAlias

from sqlalchemy.ext.asyncio import AsyncEngine

from shared.casework.dead import DEAD, REPLAY
from shared.kernel.bus.inbox import is_away
from shared.kernel.bus.parking import Parked, ParkedStore
from shared.kernel.store.driver import borrowed

Subcommands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Note = Callable[[str, str], Awaitable[None]]
"""Leaves a record of a message (key, kind) that is sent again, before it is."""


def parser_of(service: str, title: str) -> tuple[argparse.ArgumentParser, Subcommands]:
    """The subcommands that every service understands; each may add its own."""
    parser = argparse.ArgumentParser(prog=f"zhengming {service}", description=title)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("serve", help="answer until the process is asked to stop")
    commands.add_parser("migrate", help="bring the databases to the newest revision (owner's URL)")
    commands.add_parser("settings", help="say what is wrong with the settings, and start nothing")
    commands.add_parser("after-restore", help="bring the service back to right after a restore")
    parked = commands.add_parser("parked", help="events that could not be dealt with: list, or try again")
    parked.add_argument("what", choices=("list", "retry"))
    parked.add_argument("--source", action="append", help="only of this service (may be given again)")
    parked.add_argument("--case", help="only of the case with this correlation id")
    dead = commands.add_parser("dead", help="messages to the outside that were given up: list, or send again")
    dead.add_argument("what", choices=("list", "replay"))
    dead.add_argument("key", nargs="*", help="the keys to replay, as `list` shows them; or --all")
    dead.add_argument("--all", action="store_true")
    return parser, commands


def carried_out(work: Callable[[], int | None]) -> int:
    """The exit status of a command; 2 and a line where something that it needs does not answer."""
    try:
        return work() or 0
    except Exception as error:
        if not is_away(error):
            raise
        print(f"不可达 / the database or the broker does not answer: {type(error).__name__}", file=sys.stderr)
        return 2


def sources_of(options: argparse.Namespace, known: Sequence[str]) -> Sequence[str]:
    """The services that are meant; ends the process for one that is not listened to."""
    if unknown := sorted(set(options.source or ()) - set(known)):
        raise SystemExit(f"not listened to: {', '.join(unknown)}; there are: {', '.join(known) or 'none'}")
    return options.source or known


async def list_parked(parked: ParkedStore, sources: Iterable[str], case: str | None) -> int:
    """One line each, and how many there are; 1 if there is any."""
    rows = [row for source in sources for row in await parked.list(source, case)]
    for row in rows:
        print(_line(row))
    print(f"{len(rows)} 件搁置 / set aside")
    return 1 if rows else 0


def _line(row: Parked) -> str:
    since = row.parked_at.isoformat(timespec="seconds")
    return f"{row.source} {row.position}  case {row.correlation or '?'}  since {since}  {row.reason}"


async def list_dead(engine: AsyncEngine) -> int:
    """One line each, without what was to be said to whom; 1 if there is any."""
    async with borrowed(engine) as driver:
        rows = await driver.fetch(DEAD)
    for row in rows:
        since = row["created_at"].isoformat(timespec="seconds")
        print(
            f"{row['key']}  {row['kind']}  since {since}  {row['attempts']} attempts: {row['error'] or '?'}"
        )
    print(f"{len(rows)} 件放弃 / given up")
    return 1 if rows else 0


async def replay_dead(engine: AsyncEngine, options: argparse.Namespace, note: Note) -> int:
    """Has the worker send again what was given up, from the start; 1 if a key is not one of these."""
    if bool(options.key) == options.all:
        raise SystemExit("name the keys that `dead list` shows, or --all")
    async with borrowed(engine) as driver:
        kinds = {row["key"]: row["kind"] for row in await driver.fetch(DEAD)}
    unknown = [key for key in options.key if key not in kinds]
    for key in kinds if options.all else [key for key in options.key if key in kinds]:
        await note(key, kinds[key])
        async with borrowed(engine) as driver:
            await driver.execute(REPLAY, key)
        print(f"{key}: 重新发送 / to be sent again")
    for key in unknown:
        print(f"{key}: 不在其列 / not given up")
    return 1 if unknown else 0
