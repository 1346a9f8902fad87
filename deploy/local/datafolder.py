"""The data folder: what lies where, and the lock that lets one stack at a time use it.

format            the mark of its form (shared/kernel/store/mark.py)
lock              pid of the supervisor; held with flock by it and by what it started
clock             the simulated clock (clockfile.py)
keys/             keys of the services: store-<service> and bus (of either suite), vault, checkpoint;
                  integration.jwks: what the petition platform encrypts for
outgoing/         messages to the outside, a file each; vault/: those that hold a contact, sealed
secrets/          passwords of the database roles, nkeys of the NATS users
issuer/           signing key, password of the seeded people, secrets of the service accounts
postgres/ nats/ caddy/    data of the servers
logs/             one file per process
"""

import fcntl
import os
import time
from collections.abc import Sequence
from pathlib import Path

from deploy.local.process import ROOT
from ops import keys, secretfiles
from shared.kernel.store.mark import FORMAT, check_format


class DataFolderInUse(RuntimeError):
    """Another stack runs on this data folder."""


class DataFolder:
    """Paths in one data folder."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = (root or Path(os.environ.get("ZM_DATA_DIR") or ROOT / ".data")).resolve()
        self.lock_file = self.root / "lock"
        self.format = self.root / "format"
        self.clock = self.root / "clock"
        self.keys = self.root / "keys"
        self.secrets = self.root / "secrets"
        self.issuer = self.root / "issuer"
        self.postgres = self.root / "postgres"
        self.nats = self.root / "nats"
        self.caddy = self.root / "caddy"
        self.logs = self.root / "logs"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def prepare(self, services: Sequence[str]) -> None:
        """Make the private folders and the keys. Raises `CannotTakeOver` for a folder of another form."""
        found = self.format.read_text().strip() if self.format.exists() else None
        if found is not None or self.postgres.exists():
            check_format(str(self.root), found)
        self.format.write_text(f"{FORMAT}\n")
        for folder in (self.keys, self.secrets, self.issuer, self.logs):
            secretfiles.private_folder(folder)
        keys.make(self.keys, services)
        # A service with the production profile refuses a folder of keys that is marked so.
        secretfiles.kept(self.keys / "DEVELOPMENT", lambda: b"made by deploy/local\n")

    def lock(self, patience: float = 10) -> int:
        """Take the lock and return its descriptor; closing it lets go.

        The children inherit the descriptor, so the lock outlives a supervisor that was killed until the
        last of them is gone too: two brokers never write to one folder. That takes a moment, for which we
        wait; for a supervisor that lives we do not.
        """
        if not self.root.exists():
            self.root.mkdir(parents=True)
            self.root.chmod(0o711)  # PostgreSQL's account walks through; the secrets beside it are closed
        descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        until = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                holder = os.pread(descriptor, 32, 0).decode().strip()
                if _alive(holder) or time.monotonic() > until:
                    os.close(descriptor)
                    raise DataFolderInUse(
                        f"a stack already runs on {self.root} (supervisor pid {holder or 'unknown'}). "
                        "Stop it first, or choose another folder with --data or ZM_DATA_DIR."
                    ) from None
                time.sleep(0.05)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return descriptor


def _alive(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
