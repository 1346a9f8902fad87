"""`python deploy/local/install.py LOCK` makes the virtual environment what a lock says, line by line.

Runs under the machine's own Python, before anything of ours is installed; so it needs nothing but that.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

ENVIRONMENT = Path(".venv")
EVERYTHING = Path("requirements-dev.lock")
"""Holds what every other lock holds."""
ABOUT = {
    "requirements-local.lock": "0.3 GB, a minute or two",
    "requirements-dev.lock": "0.9 GB, two or three minutes",
}
"""The time that each takes at first, on a machine with two cores (README)."""


def install(lock: Path) -> int:
    """Installs unless this lock, or the whole one, is installed already; returns the exit status. A stamp
    holds its lock's digest and not only a date: a fresh clone has every file dated now."""
    if any(_installed(each) for each in (lock, EVERYTHING)):
        _stamp(lock).touch()
        return 0
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        made = subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=False)
        if made.returncode:  # it has said why: Debian, for one, has `python3-venv` in a package of its own
            python.unlink(missing_ok=True)
            return made.returncode
    count = sum(line[:1].isalnum() for line in lock.read_text("utf-8").splitlines())
    print(f"installing the {count} packages of {lock.name} (the first time {ABOUT[lock.name]}):", flush=True)
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"]
    if status := _told([*map(str, command), "--require-hashes", "-r", str(lock)]):
        return status
    _stamp(lock).write_text(_digest(lock))
    return 0


def _installed(lock: Path) -> bool:
    return lock.exists() and _stamp(lock).exists() and _stamp(lock).read_text() == _digest(lock)


def _stamp(lock: Path) -> Path:
    return ENVIRONMENT / f".{lock.name}"


def _digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def _told(command: list[str]) -> int:
    """Runs pip, and of what it says prints a line per package."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as pip:
        assert pip.stdout is not None
        fetched = 0
        for line in pip.stdout:
            first, _, rest = line.strip().partition(" ")
            if first == "Collecting":
                fetched += 1
                print(f"  {fetched:3}  {rest.partition(' ')[0]}", flush=True)
            elif line.startswith("Installing collected"):
                print("  all are there; unpacking them", flush=True)
    return pip.returncode


if __name__ == "__main__":
    sys.exit(install(Path(sys.argv[1])))
