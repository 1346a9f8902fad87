"""`zhengming keys`: makes, lists and rotates the secret files of the services (ZM_KEYS_DIR, nkey seeds).

A file that is there is never overwritten. Rotation adds a key beside the old ones, which go on opening what
they sealed: first every reader learns of the new key (`add`), then the writers use it (`use`).
"""

from __future__ import annotations

import argparse
import json
import sys
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ops.broker import ADMIN, VAULT, authorization, new_seed, public_key
from ops.secretfiles import kept, private_folder, replace
from shared.kernel.settings import AUDIT, PUBLISHERS
from shared.kernel.store.sealing import Keyring
from shared.kernel.suites import INTERNATIONAL, SM, SUITES, Suite

SERVICES = (*PUBLISHERS, AUDIT)
SEED = "nats-{user}.nk"
RINGS = ("store-", "bus.")
"""Prefixes of the names of files that may hold several keys."""


class NotDone(SystemExit):
    """Raised when a request cannot be carried out; nothing was changed."""


def make(folder: Path, services: Sequence[str]) -> list[str]:
    """Makes whatever the services lack of what lies in their keys folder; returns what was made."""
    private_folder(folder)
    return _made(folder, _key_files(services))


def make_seeds(folder: Path, users: Iterable[str]) -> list[str]:
    """Makes the nkey seeds of users of the broker that have none yet."""
    private_folder(folder)
    return _made(folder, ((SEED.format(user=user), new_seed) for user in users))


def users_of(services: Iterable[str]) -> list[str]:
    """The users of the broker under which these services sign in."""
    return [user for name in services for user in ((name, VAULT) if name == "intake" else (name,))]


def _made(folder: Path, files: Iterable[tuple[str, Callable[[], bytes]]]) -> list[str]:
    missing = {name: new for name, new in files if not (folder / name).exists()}
    for name, new in missing.items():
        kept(folder / name, new)
    return list(missing)


def _key_files(services: Iterable[str]) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """The key files of both suites, so that any service may be told the other one."""
    for service in services:
        stores = (service, VAULT) if service == "intake" else (service,)
        for suite in SUITES:
            for name in ("bus", *(f"store-{store}" for store in stores)):
                yield f"{name}{suite.mark}.key", suite.new_key
        if service == "intake":
            yield "vault.key", INTERNATIONAL.new_key
            yield "integration.jwks", _integration_keys
        if service == AUDIT:
            yield "checkpoint-ed25519.key", INTERNATIONAL.new_key


def _integration_keys() -> bytes:
    # Imported only once it is needed: the embedded stack must be ready for a signal as soon as it can.
    from services.intake.platform.envelopes import new_keys

    return new_keys()


# --- rotation ------------------------------------------------------------------------------------------


def add(path: Path) -> str:
    """Puts a new key beside those of a file; returns its id. In `integration.jwks` the new one is used at
    once: it is the one that is published to be encrypted for."""
    if path.suffix == ".jwks":
        old, new = json.loads(path.read_bytes())["keys"], json.loads(_integration_keys())["keys"]
        replace(path, json.dumps({"keys": [*new, *old]}).encode())
        return str(new[0]["kid"])
    ring, suite = _ring(path), _suite_of(path)
    today = datetime.now(UTC).date().isoformat()
    id = next(
        name for n in range(1, 1000) if (name := today + (f"-{n}" if n > 1 else "")) not in ring["keys"]
    )
    ring["keys"][id] = b64encode(suite.new_key()).decode()
    replace(path, json.dumps(ring).encode())
    return id


def use(path: Path, id: str) -> None:
    """Has new records sealed with a key that the file holds."""
    ring = _ring(path)
    if id not in ring["keys"]:
        raise NotDone(f"{path.name} holds no key {id!r}; it holds: {', '.join(ring['keys'])}")
    replace(path, json.dumps({**ring, "active": id}).encode())


def _ring(path: Path) -> dict[str, Any]:
    """The file as JSON, in the order of the keys: the oldest is what ids follow from (`secret_for`)."""
    if not path.name.startswith(RINGS) or path.suffix != ".key":
        raise NotDone(f"{path.name} is no keyring. {_why(path.name)}")
    ring = Keyring.from_file(path, path.stem, _suite_of(path))
    return {"active": ring.active, "keys": {id: b64encode(key).decode() for id, key in ring.keys.items()}}


def _why(name: str) -> str:
    if name == "vault.key":
        return "The query codes that reporters hold follow from it: it is never replaced."
    if name.startswith("checkpoint"):
        return "Who keeps signed checkpoints holds audit to its public half: it is never replaced."
    if name.endswith(".nk"):
        return "Move it away, run `make`, give the broker the block of `broker`, and restart the service."
    return "Only store-….key, bus.key and integration.jwks are rotated."


def _suite_of(path: Path) -> Suite:
    return SM if path.stem.endswith(SM.mark) else INTERNATIONAL


# --- the command ---------------------------------------------------------------------------------------


def listed(folder: Path) -> Iterator[str]:
    """Lists the keys in the folder, a line each, without a secret: ids of keys, and public halves."""
    for path in sorted(folder.iterdir()):
        if path.suffix == ".jwks":
            ids = [str(key.get("kid")) for key in json.loads(path.read_bytes())["keys"]]
        elif path.suffix == ".nk":
            ids = [public_key(path.read_bytes())]
        elif path.name.startswith(RINGS) and path.suffix == ".key":
            ring = _ring(path)
            ids = [f"{id} *" if id == ring["active"] else id for id in ring["keys"]]
        elif path.suffix == ".key":
            ids = ["one key"]
        else:
            continue
        yield f"{path.name}  {', '.join(ids)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Carries out what the command line asks for and returns the exit status."""
    parser = argparse.ArgumentParser(prog="zhengming keys", description="The secret files of the services.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    making = commands.add_parser("make", help="make what is missing; nothing is overwritten")
    making.add_argument("folder", type=Path)
    making.add_argument(
        "--for",
        dest="services",
        action="append",
        choices=SERVICES,
        help="only what this service reads (may be given again); bus keys are one for all: copy them",
    )
    making.add_argument(
        "--admin", action="store_true", help="also a user who may do everything at the broker"
    )
    commands.add_parser("list", help="ids and public halves; * is used for new records").add_argument(
        "folder", type=Path
    )
    adding = commands.add_parser("add", help="put a new key beside the old ones; give it to every reader")
    adding.add_argument("file", type=Path)
    using = commands.add_parser("use", help="have new records sealed with a key that was added")
    using.add_argument("file", type=Path)
    using.add_argument("id")
    broker = commands.add_parser(
        "broker", help="the block `authorization` of nats-server for the seeds of a folder"
    )
    broker.add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    try:
        return _do(options)
    except (OSError, ValueError, KeyError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1


def _do(options: argparse.Namespace) -> int:
    match options.command:
        case "make":
            services = options.services or SERVICES
            users = [*users_of(services), *((ADMIN,) if options.admin else ())]
            for name in [*make(options.folder, services), *make_seeds(options.folder, users)]:
                print(f"{options.folder / name}: 新建 / made")
        case "list":
            print("\n".join(listed(options.folder)))
        case "add":
            print(f"{options.file}: {add(options.file)}")
        case "use":
            use(options.file, options.id)
            print(f"{options.file}: {options.id} 用于新记录 / seals new records after a restart")
        case "broker":
            seeds = sorted(options.folder.glob(SEED.format(user="*")))
            keys = {seed.stem.removeprefix("nats-"): public_key(seed.read_bytes()) for seed in seeds}
            print(json.dumps({"authorization": authorization(keys, SERVICES)}, indent=2))
    return 0
