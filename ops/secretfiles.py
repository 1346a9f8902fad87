"""Secret files: made once, at random, in one step, readable to their owner only."""

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path


def private_folder(path: Path, mode: int = 0o700) -> Path:
    """Make the folder with exactly `mode`, or set it."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    return path


def write_private(path: Path, content: bytes) -> None:
    """Write a 0600 file in one step, so that a crash leaves the old content or the new."""
    _write(path, content)


def replace(path: Path, content: bytes) -> None:
    """The same for a file that is there: those who could read it still can, and nobody else."""
    _write(path, content, path.stat())


def _write(path: Path, content: bytes, like: os.stat_result | None = None) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        if like is not None:
            os.fchown(descriptor, like.st_uid, like.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(like.st_mode))
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def kept(path: Path, make: Callable[[], bytes]) -> bytes:
    """The content of `path`; made and written on the first call."""
    if not path.exists():
        write_private(path, make())
    return path.read_bytes()


def password(path: Path) -> str:
    """A kept password that needs no escaping in a URL, an SQL literal or a shell."""
    return kept(path, lambda: secrets.token_urlsafe(24).encode()).decode()
