"""The supervisor, with toy services: everything starts, breaks, heals and ends together."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from deploy.local.datafolder import DataFolderInUse
from deploy.local.process import ROOT, StartError, answers, free_port
from deploy.local.stack import Ports, Stack
from shared.kernel.store.mark import CannotTakeOver

pytestmark = pytest.mark.external

TOY = "tests.unit.local.toy"
TOYS = ("intake", "audit")
AWKWARD = """用户 的"正名'100%s{项目}$HOME"""


def make(folder: Path, **more: Any) -> Stack:
    return Stack(folder, services=TOYS, package=TOY, **more)


def state(stack: Stack, service: str) -> dict[str, Any]:
    answer: dict[str, Any] = httpx.get(f"{stack.url(service)}/state", timeout=60).raise_for_status().json()
    return answer


def gone(pids: list[int], seconds: float = 120) -> bool:
    """True if all of them have ended (a zombie, waiting for its adopter, has)."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not any(_lives(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name holds characters that configuration languages read in their own ways."""
    return tmp_path_factory.mktemp("stack") / AWKWARD


@pytest.fixture(scope="module")
def stack(folder: Path) -> Iterator[Stack]:
    with make(folder) as stack:
        yield stack


def test_everything_is_behind_the_door(stack: Stack) -> None:
    assert set(stack.pids()) == {"postgres", "nats", "issuer", "caddy", *TOYS}
    intake, audit = state(stack, "intake"), state(stack, "audit")
    assert intake["service"] == "intake"
    assert intake["vault"]
    assert not audit["vault"]
    assert not intake["owner"]


def test_keys_are_private_and_of_32_bytes(stack: Stack, folder: Path) -> None:
    for name in ("store-intake", "store-audit", "bus", "vault", "checkpoint-ed25519"):
        file = folder / "keys" / f"{name}.key"
        assert file.stat().st_size == 32
        assert file.stat().st_mode & 0o777 == 0o600
    assert (folder / "keys" / "DEVELOPMENT").exists()  # what a production start refuses


def test_tokens_and_time(stack: Stack) -> None:
    assert stack.token("subject-wu").count(".") == 2
    assert stack.client_token().count(".") == 2
    stack.move_clock(datetime.fromisoformat("2022-03-01T09:00:00+08:00"))
    assert state(stack, "audit")["now"] == "2022-03-01T01:00:00+00:00"


def test_a_second_start_on_the_same_data_is_refused(stack: Stack, folder: Path) -> None:
    with pytest.raises(DataFolderInUse, match="already runs"):
        make(folder).start()
    assert stack.ended() == []


def test_a_clone_in_a_folder_with_chinese_letters_starts(tmp_path: Path) -> None:
    """As a newcomer has it: program and data lie in a folder with such a name."""
    clone = tmp_path / AWKWARD / "zhengming"
    for part in ("deploy", "services", "shared", "ops", "tests/unit/local/toy"):
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, clone / part, ignore=shutil.ignore_patterns("__pycache__"))
    for package in ("tests", "tests/unit", "tests/unit/local"):
        (clone / package / "__init__.py").touch()
    console = Console(clone / ".data", clone)
    console.wait_until_up()
    console.popen.send_signal(signal.SIGINT)
    output, _ = console.popen.communicate(timeout=120)
    assert console.popen.returncode == 0, output


def test_a_port_that_a_foreign_program_has_is_noticed_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as foreign:
        foreign.bind(("0.0.0.0", 0))
        foreign.listen()
        port = foreign.getsockname()[1]
        stack = make(tmp_path, ports=Ports(front=port))
        with pytest.raises(StartError, match=f"^port {port} is taken[^\n]*$"):
            stack.start()
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
    os.close(make(tmp_path).data.lock(patience=0))  # it is free


def test_a_port_that_another_stack_has_is_noticed_also_while_its_door_is_closed(
    stack: Stack, tmp_path: Path
) -> None:
    """Caddy shares its port with whoever asks for it in the same way; each would get half of the calls."""
    port = urlsplit(stack.front_url).port
    assert port is not None
    for _ in range(2):
        second = subprocess.run(
            [*Console.COMMAND, "--data", str(tmp_path), "--port", str(port), "--services", "audit"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (second.returncode, second.stderr.count("\n")) == (1, 1)
        assert f"port {port} is taken" in second.stderr
        stack.kill("caddy")
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
    stack.start_service("caddy")
    assert state(stack, "intake")["service"] == "intake"


@pytest.mark.parametrize("chosen", ["postgres", "nats", "nats_monitor", "issuer"])
def test_any_port_that_was_chosen_is_looked_at(tmp_path: Path, chosen: str) -> None:
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", 0))
        foreign.listen()
        ports = Ports(**{chosen: foreign.getsockname()[1]})
        with pytest.raises(StartError, match="is taken"):
            make(tmp_path, ports=ports).start()


def test_each_part_that_is_ready_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    with make(tmp_path, tell=lambda part, seconds: told.append(part)):
        assert told[-1] == "front door"
    assert set(told) == {"PostgreSQL", "NATS", "issuer", "databases", *TOYS, "front door"}
    assert told.index("databases") > told.index("PostgreSQL")


def test_a_killed_service_starts_again_where_it_was(stack: Stack) -> None:
    before = state(stack, "intake")["starts"]
    stack.kill("intake")
    assert "intake" not in stack.pids()
    assert stack.ended() == []  # it was asked for
    stack.start_service("intake")
    assert state(stack, "intake")["starts"] == before + 1


def test_nats_is_killed_and_wiped(stack: Stack) -> None:
    messages = state(stack, "audit")["streams"]
    stack.kill_nats()
    stack.start_nats()
    assert state(stack, "audit")["streams"] == messages
    with pytest.raises(StartError):
        stack.wipe_nats()
    stack.stop_nats()
    stack.wipe_nats()
    stack.start_nats()
    stack.kill("audit", signal.SIGTERM)
    stack.start_service("audit")
    assert state(stack, "audit")["streams"] == 1


def test_postgres_crashes_and_comes_back(stack: Stack) -> None:
    starts = state(stack, "audit")["starts"]
    stack.stop_postgres("immediate")
    assert "postgres" not in stack.pids()
    stack.start_postgres()
    assert state(stack, "audit")["starts"] == starts


async def test_a_later_start_finds_the_data_of_the_first(tmp_path: Path) -> None:
    stack = Stack(tmp_path, services=("audit",), package=TOY)
    async with stack:
        assert state(stack, "audit")["starts"] == 1
        first = list(stack.pids().values())
    assert gone(first)
    async with Stack(tmp_path, services=("audit",), package=TOY) as again:
        assert state(again, "audit")["starts"] == 2
        assert state(again, "audit")["streams"] == 2


@pytest.mark.parametrize("mark", ["0", "999", None])
def test_a_folder_of_another_version_is_refused_in_both_languages(tmp_path: Path, mark: str | None) -> None:
    """Before anything is started in it, and nothing of it is changed."""
    data = make(tmp_path).data
    data.postgres.mkdir()
    if mark is not None:
        data.format.write_text(mark)
    with pytest.raises(CannotTakeOver, match=r"本版本不能接手(.|\n)*cannot be taken over"):
        make(tmp_path).start()
    assert {path.name for path in tmp_path.iterdir()} == {"lock", "postgres"} | (
        {"format"} if mark else set()
    )
    os.close(make(tmp_path).data.lock(patience=0))  # it is free


def test_a_service_that_fails_to_start_is_quoted_and_nothing_is_left(tmp_path: Path) -> None:
    stack = make(tmp_path, env={"TOY_FAILS": "audit"})
    with pytest.raises(StartError, match=r"audit ended with status 1(.|\n)*told to fail"):
        stack.start()
    assert stack.pids() == {}
    os.close(make(tmp_path).data.lock(patience=0))  # it is free


class Console:
    """`python -m deploy.local.stack run` in a process of its own."""

    COMMAND = (sys.executable, "-m", "deploy.local.stack", "run", "--package", TOY)

    def __init__(self, folder: Path, root: Path = ROOT) -> None:
        self.port = free_port()
        command = [*self.COMMAND, "--data", str(folder), "--port", str(self.port), "--services", "audit"]
        self.popen = subprocess.Popen(
            command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def wait_until_up(self) -> None:
        until = time.monotonic() + 120
        while not answers(f"http://127.0.0.1:{self.port}/audit/readyz"):
            assert self.popen.poll() is None, self.popen.communicate()[0]
            assert time.monotonic() < until
            time.sleep(0.1)

    def family(self) -> list[int]:
        """Pids of all processes below it."""
        below, found = {self.popen.pid}, list[int]()
        parents = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
        while new := [pid for pid, parent in parents.items() if parent in below and pid not in below]:
            below |= set(new)
            found += new
        return found


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="counts processes through /proc")
@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_the_supervisor_leaves_no_process_behind(tmp_path: Path, sig: int) -> None:
    console = Console(tmp_path)
    console.wait_until_up()
    family = console.family()
    assert len(family) > 4
    console.popen.send_signal(sig)
    output, _ = console.popen.communicate(timeout=120)
    assert gone(family), output
    if sig == signal.SIGKILL:
        with Stack(
            tmp_path, services=("audit",), package=TOY
        ) as stack:  # and the next start is an ordinary one
            assert state(stack, "audit")["starts"] == 2
    else:
        assert console.popen.returncode == 0, output
        assert "stopped" in output


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_stopping_in_the_middle_of_the_start(tmp_path: Path, sig: int) -> None:
    console = Console(tmp_path)
    until = time.monotonic() + 120
    while len(family := console.family()) < 2 and time.monotonic() < until:
        time.sleep(0.02)  # until its first servers are on their way
    console.popen.send_signal(sig)
    output, _ = console.popen.communicate(timeout=120)
    assert console.popen.returncode == 0, output
    assert gone(family)


def test_proxies_and_foreign_variables_do_not_reach_a_service(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid")
    monkeypatch.setenv("ZM_DATABASE_URL", "postgresql://production")
    env = stack.environment("audit")
    assert "HTTP_PROXY" not in env
    assert "production" not in json.dumps(env)
    password = (stack.data.secrets / "pg-zm_audit.password").read_text()
    assert password not in json.dumps(env)
    assert password in Path(env["ZM_DATABASE_URL_FILE"]).read_text()
    assert os.environ["ZM_DATABASE_URL"] == "postgresql://production"
