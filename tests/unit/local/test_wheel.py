"""The package: built without a network, it holds all that the services need and serves from where it lies."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.request import urlopen
from uuid import uuid4

import pytest

from deploy.local.databases import ensure_database
from deploy.local.postgres import Postgres
from deploy.local.process import ROOT, answers, free_port, spawn, wait_until
from ops.keys import SERVICES
from tests.servers import PASSWORDS

PACKAGES = ("ops", "services", "shared")
IMPORT_ALL = """
import importlib, json, pkgutil, sys
names = []
for package in sys.argv[1:]:
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if not module.name.endswith((".env", ".__main__")):  # which act when they are imported
            names.append(module.name)
print(json.dumps({name: importlib.import_module(name).__file__ for name in names}))
"""
EACH = """
import gc, importlib, json, os, runpy, sys, tempfile
script, *services = sys.argv[1:]
for service in services:
    importlib.import_module(f"services.{service}.main")
gc.freeze()
told = []
for words, more in json.load(sys.stdin):
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complained:
        if (child := os.fork()) == 0:
            os.dup2(said.fileno(), 1)
            os.dup2(complained.fileno(), 2)
            os.environ.update(more)
            sys.argv = [script, *words]
            runpy.run_path(script, run_name="__main__")
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        for file in (said, complained):
            file.seek(0)
        told.append((status, said.read(), complained.read()))
print(json.dumps(told))
"""
"""Runs the console script for each list of words and what comes to the environment, forked from a process
that has loaded the services: to load one takes longer than all the rest."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `make wheel` builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    uv = Path(sysconfig.get_path("scripts")) / "uv"
    command = [str(uv), "build", "--wheel", "--offline", "--quiet", "--out-dir", str(folder), str(ROOT)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but the package; what it depends on comes from the tests' environment."""
    site = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet"]
    subprocess.run([*command, "--target", str(site), str(wheel)], check=True)
    return site


def environment(site: Path, **more: str) -> dict[str, str]:
    own = {"PATH": os.defpath, "PYTHONPATH": str(site), "PYTHONIOENCODING": "utf-8"}
    return own | {"ZM_PROFILE": "development"} | more


def zhengming(
    site: Path, *words: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The console script, from a folder that holds nothing."""
    (empty := site.parent / "empty").mkdir(exist_ok=True)
    return subprocess.run(
        [str(site / "bin" / "zhengming"), *words],
        cwd=empty,
        env=env or environment(site),
        capture_output=True,
        text=True,
        check=False,
    )


def files_of_the_tree() -> Iterator[str]:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(ROOT).as_posix()


def test_the_wheel_holds_code_migrations_and_data_and_nothing_of_the_tests(wheel: Path) -> None:
    held = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}
    told = {name for name in held if ".dist-info/" not in name}
    assert told == set(files_of_the_tree())
    assert {"shared/language/law/policy.json", "shared/language/organs/data/contacts.json"} <= told


def test_every_module_is_imported_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", IMPORT_ALL, *PACKAGES],
        cwd=tmp_path,
        env=environment(installed),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    places = json.loads(done.stdout)
    assert len(places) > 250
    assert [name for name, place in places.items() if not Path(place).is_relative_to(installed)] == []


def test_each_service_tells_its_commands_and_looks_at_its_settings(installed: Path, tmp_path: Path) -> None:
    assert zhengming(installed, "keys", "make", str(tmp_path)).returncode == 0
    stores = {f"ZM_{of}DATABASE_URL": "postgresql+asyncpg://zm@db.example/zm" for of in ("", "VAULT_")}
    asked = [
        ((service, word), {"ZM_KEYS_DIR": str(tmp_path)} | more)
        for service in SERVICES
        for word, more in (("--help", {}), ("settings", stores), ("settings", {"ZM_PROFILE": "production"}))
    ]
    done = subprocess.run(
        [sys.executable, "-P", "-c", EACH, str(installed / "bin" / "zhengming"), *SERVICES],
        cwd=tmp_path,
        env=environment(installed),
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    told = iter(json.loads(done.stdout))
    for service in SERVICES:
        assert f"usage: zhengming {service}" in next(told)[1]
        assert next(told) == [0, "设置完整 / the settings are complete\n", ""]
        status, _, wrong = next(told)
        assert (status, "Traceback" in wrong) == (1, False)
        assert "ZM_DATABASE_URL: not set" in wrong


@pytest.mark.external
def test_a_service_migrates_and_serves_from_the_wheel(
    installed: Path, server: Postgres, tmp_path: Path
) -> None:
    made = f"m_{uuid4().hex[:12]}"
    roles = "zm_followup_owner", "zm_followup"
    asyncio.run(ensure_database(server.start().admin_url, made, *roles, PASSWORDS))
    place, port = f"127.0.0.1:{server.port}/{made}", free_port()
    env = environment(
        installed,
        ZM_OWNER_DATABASE_URL=f"postgresql+asyncpg://zm_followup_owner:{PASSWORDS.owner}@{place}",
        ZM_DATABASE_URL=f"postgresql+asyncpg://zm_followup:{PASSWORDS.service}@{place}",
        ZM_KEYS_DIR=str(tmp_path / "keys"),
        ZM_PORT=str(port),
    )
    assert zhengming(installed, "keys", "make", str(tmp_path / "keys"), "--for", "followup").returncode == 0
    migrated = zhengming(installed, "followup", "migrate", env=env)
    assert migrated.returncode == 0, migrated
    command = [str(installed / "bin" / "zhengming"), "followup", "serve"]
    child = spawn("followup", command, log=tmp_path / "log", env=env, cwd=tmp_path)
    try:
        wait_until(child, lambda: answers(f"http://127.0.0.1:{port}/readyz"))
        with urlopen(f"http://127.0.0.1:{port}/openapi.json", timeout=60) as answer:
            assert "followup" in json.load(answer)["info"]["title"]
    finally:
        child.end()
