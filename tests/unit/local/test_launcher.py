"""A process that is forked from loaded modules stands as one that Python has started."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.launcher import Launcher
from deploy.local.process import Child, last_lines, passed_on, spawn, wait_until
from shared.kernel.failpoint import EXIT_CODE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere Python starts every process")

PROBE = "tests.unit.local.probe"
ENV = passed_on() | {
    "LC_ALL": "C.UTF-8",  # else Python itself adds a variable
    "ZM_PROFILE": "development",
    "OF_CHILD": "新",
}
Start = Callable[..., Child]


def told(child: Child) -> Any:
    """The words of the probe, which stand in its log while it lives."""
    wait_until(child, lambda: child.log.exists() and child.log.read_text("utf-8").endswith("\n"))
    return json.loads(child.log.read_text("utf-8").splitlines()[0])


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """One of its own: the stack of the worker lives by another."""
    launcher = Launcher()
    launcher.load([PROBE], tmp_path_factory.mktemp("launcher") / "log")
    yield launcher
    launcher.end()


@pytest.fixture
def start(launcher: Launcher, tmp_path: Path) -> Start:
    def start(name: str, how: str = "wait", **env: str) -> Child:
        return launcher.launch(name, PROBE, [how], log=tmp_path / name, env=ENV | env)

    return start


def test_it_stands_as_if_python_had_started_it(launcher: Launcher, tmp_path: Path) -> None:
    log, (ours, theirs) = tmp_path / "same", os.pipe()
    stood = []
    for way in ("spawn", "launch"):
        log.unlink(missing_ok=True)
        if way == "spawn":
            words = [sys.executable, "-m", PROBE, "wait"]
            child = spawn("probe", words, log=log, env=ENV, keep_fds=[theirs])
        else:
            child = launcher.launch("probe", PROBE, ["wait"], log=log, env=ENV, keep_fds=[theirs])
        standing, _ = told(child)
        kept = os.readlink(f"/proc/self/fd/{theirs}")
        assert list(standing.pop("descriptors").values()).count(kept) == 1
        standing["args"][0] = Path(standing["args"][0]).name
        stood.append(standing)
        child.end()
    os.close(ours)
    os.close(theirs)
    assert stood[1] == stood[0]
    assert stood[1]["environment"] == ENV


def test_it_has_no_descriptor_but_its_own(start: Start) -> None:
    others = [start(f"other-{n}") for n in range(3)]
    for child in others:
        told(child)
    standing, _ = told(probe := start("probe"))
    assert set(standing["descriptors"]) == {"0", "1", "2"}
    for child in [*others, probe]:
        child.end()


def test_no_two_draw_the_same_by_chance(start: Start) -> None:
    children = [start(f"probe-{n}") for n in range(3)]
    drawn = [each for child in children for each in told(child)[1]]
    assert len(set(drawn)) == len(drawn)
    for child in children:
        child.end()


@pytest.mark.parametrize(("how", "status"), [("exit", 3), ("fail", 1), ("end", 0)])
def test_its_end_is_told(start: Start, how: str, status: int) -> None:
    child = start("probe", how)
    assert child.wait(120)
    assert (child.popen.poll(), child.alive()) == (status, False)
    assert ("the probe was told to fail" in last_lines(child.log)) == (how == "fail")
    child.popen.send_signal(signal.SIGTERM)  # to nobody


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_it(start: Start, sig: signal.Signals) -> None:
    child = start("probe")
    told(child)
    assert not child.wait(0)
    with pytest.raises(subprocess.TimeoutExpired):
        child.popen.wait(0)
    child.popen.send_signal(sig)
    assert child.wait(120)
    assert child.popen.returncode == -sig


def test_it_dies_where_its_own_environment_says(start: Start) -> None:
    child = start("probe", ZM_FAILPOINT="probe:1")
    assert child.wait(120)
    assert child.popen.returncode == EXIT_CODE


def test_what_a_command_says_is_given_back(launcher: Launcher, tmp_path: Path) -> None:
    done = launcher.run(PROBE, ["fail"], log=tmp_path / "log", env=ENV)
    assert (done.returncode, json.loads(done.stdout)[0]["args"][1:]) == (1, ["fail"])
    assert done.stderr.splitlines()[-1] == "RuntimeError: the probe was told to fail"


def test_a_module_that_cannot_be_loaded_says_so_in_the_log_of_who_wanted_it(
    launcher: Launcher, tmp_path: Path
) -> None:
    launcher.load(["tests.unit.local.nothing"], tmp_path / "log")
    child = launcher.launch("nothing", "tests.unit.local.nothing", [], log=tmp_path / "nothing", env=ENV)
    assert child.wait(120)
    assert child.popen.returncode == 1
    assert "No module named tests.unit.local.nothing" in last_lines(child.log)


def test_all_die_with_the_launcher_and_the_next_is_started_by_another(
    launcher: Launcher, start: Start
) -> None:
    child = start("probe")
    told(child)
    launcher.end()
    assert child.wait(120)
    assert child.popen.returncode == -signal.SIGKILL
    again = start("again", "exit")
    assert again.wait(120)
    assert again.popen.returncode == 3
