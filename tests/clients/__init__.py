"""Clients that public generators make of the API documents, as an integrator would make them.

`generated` has each generator make one for every service; what it could not make of a document it says
itself, and that fails. The generators in JavaScript are installed like the linters (`tests.linters`).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.linters import NODE, install
from tools.documents import TARGET

HERE = Path(__file__).resolve().parent
DRIVES = HERE / "drives"
PLACE = Path(sys.prefix) / "clients"
MODULES = PLACE / "node_modules"
SERVICES = ("intake", "verification", "clarification", "followup", "vault", "audit")
MINUTES = 300
"""Seconds after which a generator or a compiler hangs."""


class Failed(AssertionError):
    """A tool said that something is wrong."""


def document_of(service: str) -> Path:
    return TARGET / f"{service}.openapi.json"


def operations_of(service: str) -> list[str]:
    """The ids of the operations of a service."""
    paths: dict[str, Any] = json.loads(document_of(service).read_text("utf-8"))["paths"]
    return [operation["operationId"] for methods in paths.values() for operation in methods.values()]


def run(*command: str | Path, cwd: Path, told: str = "") -> str:
    """Runs a tool and returns its output; `told` stands on its standard input. Raises Failed."""
    done = subprocess.run(
        command, cwd=cwd, input=told, capture_output=True, text=True, timeout=MINUTES, check=False
    )
    if done.returncode:
        raise Failed(f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}")
    return done.stdout + done.stderr


def openapi_python_client(folder: Path) -> None:
    """Python: one package per service."""
    (folder / "config.yml").write_text("post_hooks: []\n")  # its code is not formatted by our linter
    for service in SERVICES:
        said = run(
            *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"),
            *("--path", document_of(service), "--output-path", folder / service),
            *("--config", folder / "config.yml", "--fail-on-warning"),
            cwd=folder,
        )
        if "WARNING" in said.upper():
            raise Failed(said)
    shutil.copytree(DRIVES / "python", folder, dirs_exist_ok=True)


def mypy(folder: Path) -> None:
    """The strict type checker over what was generated, and over the program that uses it."""
    run(
        *(sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--config-file="),
        *(*SERVICES, "drive.py"),
        cwd=folder,
    )


def javascript(folder: Path) -> None:
    """TypeScript twice: types for openapi-fetch, and the SDK of hey-api; compiled together, strictly."""
    install(HERE, PLACE)
    (folder / "node_modules").symlink_to(MODULES)
    for service in SERVICES:
        types = folder / "types" / f"{service}.ts"
        run(NODE, MODULES / "openapi-typescript/bin/cli.js", document_of(service), "-o", types, cwd=folder)
    jobs = [
        {"input": str(document_of(s)), "output": {"path": str(folder / "sdk" / s)}, "logs": {"file": False}}
        for s in SERVICES
    ]
    (folder / "openapi-ts.config.cjs").write_text(f"module.exports = {json.dumps(jobs)}\n")
    run(
        *(NODE, MODULES / "@hey-api/openapi-ts/bin/run.js", "-f", folder / "openapi-ts.config.cjs"),
        cwd=folder,
    )
    shutil.copytree(DRIVES / "typescript", folder, dirs_exist_ok=True)
    shutil.copy(HERE / "tsconfig.json", folder)
    run(NODE, MODULES / "typescript/bin/tsc", "--project", folder, cwd=folder)
