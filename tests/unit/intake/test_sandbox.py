"""Hostile code in the painter's place reaches nothing, whatever this kernel refuses (SEC-6)."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from services.intake.reporters import cleaning
from services.intake.reporters.cleaning import cleaned, sandbox_lacks, tell_of_sandbox
from services.intake.reporters.sandbox import CAPABILITIES, LANDLOCK, NAMESPACE, SECCOMP
from tests.unit.intake.test_cleaning import JPEG, PDF, PNG, chatty, drawn, exif, jpeg, png, saved, seen

SERVICE = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0)  # where Yama would protect it, it does not
print("ready", flush=True)
sys.stdin.read()
"""
HOSTILE = """
import ctypes, json, mmap, os, resource, signal, socket, subprocess, sys

libc = ctypes.CDLL(None, use_errno=True)


def called(answer):
    if answer < 0:
        raise OSError(ctypes.get_errno(), "refused")


def environment():
    assert b"SECRET" in open("/proc/{pid}/environ", "rb").read()


def of_the_parent():
    assert open(f"/proc/{{os.getppid()}}/environ", "rb").read()


def memory():
    with open("/proc/{pid}/maps") as maps:
        start = int(maps.readline().partition("-")[0], 16)
    with open("/proc/{pid}/mem", "rb", buffering=0) as file:
        file.seek(start)
        assert file.read(16)


def key():
    assert open({key!r}, "rb").read()


def any_file():
    assert open("/etc/passwd", "rb").read()


def names():
    assert os.listdir({folder!r})


def write():
    open({folder!r} + "/written", "wb").close()


def append():
    os.close(os.open({key!r}, os.O_WRONLY | os.O_APPEND))


def delete():
    os.unlink({doomed!r})


def connect():
    socket.create_connection(("127.0.0.1", {port}), 2).close()


def local_socket():
    socket.socketpair()


def datagram():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", {port}))


def trace():
    called(libc.ptrace(0x4206, {pid}, 0, 0))
    called(libc.ptrace(0x4207, {pid}, 0, 0))
    os.waitpid({pid}, 0)


def read_other():
    buffer = ctypes.create_string_buffer(8)
    local = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)
    with open("/proc/{pid}/maps") as maps:
        start = int(maps.readline().partition("-")[0], 16)
    far = (ctypes.c_void_p * 2)(start, 8)
    called(libc.process_vm_readv({pid}, local, 1, far, 1, 0))


def limits():
    resource.prlimit({pid}, resource.RLIMIT_NOFILE)


def signal_it():
    os.kill({pid}, 0)


def fork():
    if os.fork() == 0:
        os._exit(0)
    os.wait()


def program():
    subprocess.run(["/bin/true"], check=True)


def file_in_memory():
    os.close(os.memfd_create("x"))


def own_limits():
    resource.setrlimit(resource.RLIMIT_CPU, (50, 50))


ATTEMPTS = [
    environment, of_the_parent, memory, key, any_file, names, write, append, delete, connect, local_socket,
    datagram, read_other, limits, signal_it, fork, program, file_in_memory, own_limits, trace,
]


def main():
    done = []
    for attempt in ATTEMPTS:
        try:
            attempt()
        except BaseException:
            continue
        done.append(attempt.__name__)
    print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main()
"""
WITHOUT = """
import importlib.util, os, sys
spec = importlib.util.spec_from_file_location("sandbox", {sandbox!r})
sandbox = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sandbox)
assert sandbox._prctl(sandbox.PR_SET_NO_NEW_PRIVS, 1)
machine = sandbox.CALLS[sandbox.platform.machine()][0]
assert sandbox.install({calls}, machine, otherwise=sandbox.ALLOW, then=sandbox.REFUSE)
os.execv(sys.executable, [sys.executable, "-I", {sandbox!r}, *sys.argv[1:]])
"""
"""An older kernel, or one that was told to refuse: it carries out no such calls."""
UNSHARE, PRCTL = {"x86_64": (272, 157), "aarch64": (97, 167)}[os.uname().machine]
KERNELS = {
    "this": ([], []),
    "no user namespaces": ([UNSHARE], [NAMESPACE]),
    "no Landlock": ([444], [LANDLOCK]),
    "neither": ([444, UNSHARE], [NAMESPACE, LANDLOCK]),
}


@dataclass(frozen=True)
class Prey:
    """The prey of hostile code."""

    source: str
    folder: Path


@pytest.fixture
def prey(tmp_path: Path) -> Iterator[Prey]:
    """A service with a secret in its environment, a key file beside it, and something that listens."""
    (tmp_path / "vault.key").write_bytes(secrets.token_bytes(32))
    (tmp_path / "doomed").touch()
    environment = {"SECRET": "hunter2"}
    service = subprocess.Popen(
        [sys.executable, "-c", SERVICE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    assert service.stdout is not None
    assert service.stdout.readline() == b"ready\n"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        told: dict[str, Any] = {
            "pid": service.pid,
            "key": str(tmp_path / "vault.key"),
            "doomed": str(tmp_path / "doomed"),
            "folder": str(tmp_path),
            "port": listener.getsockname()[1],
        }
        yield Prey(HOSTILE.format(**told), tmp_path)
    service.send_signal(signal.SIGKILL)
    service.communicate()


@pytest.fixture(params=KERNELS)
def refused(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The sandbox on a kernel that refuses something; what it should say of that."""
    calls, lacking = KERNELS[request.param]
    kernel_without(calls, monkeypatch, tmp_path)
    return lacking


def kernel_without(calls: list[int], monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    launcher = folder / "launcher.py"
    launcher.write_text(WITHOUT.format(sandbox=str(cleaning.SANDBOX), calls=calls))
    if calls:
        monkeypatch.setattr(cleaning, "_in_sandbox", lambda: [sys.executable, "-I", str(launcher)])


def test_what_the_kernel_refuses_is_said(refused: list[str]) -> None:
    """As the service starts; as long as seccomp holds nothing is halted."""
    assert sandbox_lacks() == refused
    halted: list[tuple[str, str | None]] = []
    with structlog.testing.capture_logs() as said:
        tell_of_sandbox(lambda part, reason: halted.append((part, reason)))
    assert [line["lacking"] for line in said] == ([refused] if refused else [])
    assert halted == [("painter", None)]


def test_outside_the_sandbox_every_attempt_succeeds(prey: Prey) -> None:
    """Else the next test would show nothing."""
    program = prey.folder / "hostile.py"
    program.write_text(prey.source)
    done = subprocess.run([sys.executable, "-I", str(program)], capture_output=True, check=True)
    attempts = textwrap.dedent(prey.source.partition("ATTEMPTS = [")[2].partition("]")[0])
    assert json.loads(done.stdout) == [name.strip() for name in attempts.split(",") if name.strip()]


def test_hostile_code_reaches_nothing(
    prey: Prey, refused: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No environment, memory, key or other file, no socket, no process, none to write, none to start."""
    program = prey.folder / "hostile.py"
    program.write_text(prey.source)
    monkeypatch.setattr(cleaning, "PAINTER", program)
    assert json.loads(cleaned(jpeg(), JPEG) or b"") == []
    assert (prey.folder / "doomed").exists()
    assert not (prey.folder / "written").exists()


def test_in_it_the_painter_paints(refused: list[str]) -> None:
    """Also what its libraries load late, such as how a camera was held."""
    turned = saved(drawn(), "JPEG", exif=exif(6))
    assert seen(cleaned(turned, JPEG) or b"").size == (40, 80)
    assert cleaned(png(), PNG) is not None
    fonts = cleaned(chatty(), PDF)
    assert fonts is not None or LANDLOCK in refused


def test_without_seccomp_nothing_is_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kernel_without([PRCTL], monkeypatch, tmp_path)
    halted: list[str | None] = []
    tell_of_sandbox(lambda part, reason: halted.append(reason))
    assert None not in halted
    assert cleaned(jpeg(), JPEG) is None


def test_on_a_machine_of_another_kind_nothing_is_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The numbers of that machine's system calls are not known here."""
    source = cleaning.SANDBOX.read_text().replace('"x86_64"', '"other"').replace('"aarch64"', '"another"')
    (tmp_path / "sandbox.py").write_text(source)
    monkeypatch.setattr(cleaning, "SANDBOX", tmp_path / "sandbox.py")
    assert sandbox_lacks() == [CAPABILITIES, SECCOMP]
    assert cleaned(jpeg(), JPEG) is None
