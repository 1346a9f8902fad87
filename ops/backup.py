"""`zhengming backup`: takes a backup of a PostgreSQL server with all its databases at one instant, checks it,
and puts it back.

It runs PostgreSQL's own programs (`pg_basebackup`, `pg_verifybackup`), which must be of the server's version.
After putting it back run `zhengming SERVICE after-restore` and `zhengming audit verify-store`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import make_url

from ops.secretfiles import write_private
from shared.kernel.store.driver import dsn_of


class NotDone(SystemExit):
    """Raised when a request cannot be carried out; nothing was changed."""


def take(url: str, target: Path, programs: Path | None = None) -> None:
    """A whole copy of the server, with the log that it needs, checked file by file."""
    if target.exists() and any(target.iterdir()):
        raise NotDone(f"{target} is not empty")
    plain = make_url(dsn_of(url))
    with tempfile.TemporaryDirectory(prefix="zm-backup-") as folder:
        secret = Path(folder) / "pgpass"  # no password stands on a command line or in an environment
        escaped = (plain.password or "").replace("\\", "\\\\").replace(":", "\\:")
        write_private(secret, f"*:*:*:*:{escaped}\n".encode())
        named = plain._replace(password=None).render_as_string()
        options = ["--pgdata", str(target), "--wal-method=stream", "--checkpoint=fast", "--no-password"]
        _run("pg_basebackup", programs, "--dbname", named, *options, PGPASSFILE=str(secret))
    check(target, programs)


def check(backup: Path, programs: Path | None = None) -> None:
    """Every file is there and is what was taken."""
    _run("pg_verifybackup", programs, "--quiet", str(backup))


def put_back(backup: Path, data: Path, programs: Path | None = None) -> Path | None:
    """Puts a backup in the place of the data folder of a server that is stopped; returns where the old one is
    kept. The backup itself stays as it is."""
    pid = data / "postmaster.pid"
    if pid.exists() and _lives(pid.read_text("utf-8", errors="replace").split("\n")[0].strip()):
        raise NotDone(f"a server runs on {data}: stop it first")
    check(backup, programs)
    owner = (data if data.exists() else data.parent).stat()
    fresh = data.with_name(f"{data.name}.restoring")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(backup, fresh, symlinks=True)
    if os.geteuid() == 0:
        for path in (fresh, *fresh.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
    fresh.chmod(0o700)
    kept = None
    if data.exists():
        kept = data.with_name(f"{data.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
        data.rename(kept)
    fresh.rename(data)
    return kept


def _lives(pid: str) -> bool:
    if not pid.isdigit():
        return False
    with suppress(ProcessLookupError):
        os.kill(int(pid), 0)
        return True
    return False


def _run(program: str, programs: Path | None, *arguments: str, **env: str) -> None:
    found = shutil.which(program, path=None if programs is None else str(programs))
    if found is None:
        raise NotDone(
            f"{program} is not to be found: install PostgreSQL's client programs, or give --programs"
        )
    inherited: Mapping[str, str] = {n: v for n, v in os.environ.items() if not n.startswith("ZM_")}
    done = subprocess.run(
        [found, *arguments], env={**inherited, **env}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotDone(f"{program}: {(done.stderr or done.stdout).strip()}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Carries out what the command line asks for and returns the exit status."""
    parser = argparse.ArgumentParser(prog="zhengming backup", description="Backups of a PostgreSQL server.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    taking = commands.add_parser("take", help="copy the whole running server, all databases at one instant")
    taking.add_argument("folder", type=Path, help="new, or empty")
    taking.add_argument(
        "--url-file", type=Path, required=True, help="file with the URL of a user with REPLICATION"
    )
    checking = commands.add_parser("check", help="whether every file is what was taken")
    checking.add_argument("folder", type=Path)
    putting = commands.add_parser("put-back", help="in the place of a stopped server's data, which is kept")
    putting.add_argument("folder", type=Path)
    putting.add_argument("--data", type=Path, required=True, help="the server's data folder")
    for command in (taking, checking, putting):
        command.add_argument("--programs", type=Path, help="folder of PostgreSQL's programs (else the PATH)")
    options = parser.parse_args(arguments)
    match options.command:
        case "take":
            take(options.url_file.read_text("utf-8").strip(), options.folder, options.programs)
            print(f"{options.folder}: 已备份并核对 / taken and checked")
        case "check":
            check(options.folder, options.programs)
            print(f"{options.folder}: 完整 / whole")
        case "put-back":
            kept = put_back(options.folder, options.data, options.programs)
            print(f"{options.data}: 已放回 / put back; 原数据 / the old data: {kept or '-'}")
            print("now start the server, empty the broker, and run `zhengming SERVICE after-restore`")
    return 0
