"""Child processes that never outlive the stack, and the small tools for watching them."""

import ctypes
import errno
import fcntl
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).resolve().parents[2]
"""The checkout: services run from here with ``python -m``."""

_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

# The kernel sends the death signal when the *thread* that forked ends, not the process. So every child is
# forked from this one thread, which lives as long as the interpreter, whoever asks for it.
_FORKER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="forker")


_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH")


class StartError(RuntimeError):
    """A part of the stack did not start; the message carries the last lines of its log."""


class Process(Protocol):
    """A process as `subprocess.Popen` has it."""

    pid: int

    @property
    def returncode(self) -> int | None: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, sig: int, /) -> None: ...

    def kill(self) -> None: ...


@dataclass(frozen=True)
class Child:
    """One running part of the stack."""

    name: str
    popen: Process
    log: Path
    started: float = field(default_factory=time.monotonic)

    @property
    def pid(self) -> int:
        return self.popen.pid

    def alive(self) -> bool:
        return self.popen.poll() is None

    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.started

    def wait(self, seconds: float) -> bool:
        """Waits for its end; True if it ended within `seconds`."""
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self, sig: int = signal.SIGTERM, patience: float = 25) -> None:
        """Ask it to end with `sig` and wait; one that does not listen is killed."""
        if not self.alive():
            return
        self.popen.send_signal(sig)
        self.popen.send_signal(signal.SIGCONT)  # it may be frozen by a fault test
        if not self.wait(patience):
            self.popen.kill()
            self.popen.wait()


def passed_on() -> dict[str, str]:
    """The environment of every Python of ours; to it comes what we set, and nothing else. A proxy for the
    internet, or a ZM_ variable of somebody's real deployment, has no business here."""
    told = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return told | {"PYTHONUNBUFFERED": "1"}


def die_with(parent: int, sig: int = signal.SIGKILL) -> None:
    """Has the kernel send this process `sig` when its parent ends. Also called between fork and exec: it is
    one system call, looked up before the fork."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, sig)
        if os.getppid() != parent:  # died between the fork and the line above
            os._exit(1)


@contextmanager
def open_log(log: Path) -> Iterator[int]:
    """A log to append to, as a descriptor."""
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def spawn(
    name: str,
    args: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    keep_fds: Sequence[int] = (),
    death_signal: int | None = signal.SIGKILL,
) -> Child:
    """Start a child with its output appended to `log`.

    It gets its own session, so that Ctrl-C reaches the supervisor alone, which then stops the parts in
    order. It is sent `death_signal` should the supervisor die without doing so.
    """
    parent = os.getpid()

    def in_child() -> None:
        if death_signal is not None:
            die_with(parent, death_signal)

    def fork(output: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(arg) for arg in args],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
            pass_fds=tuple(keep_fds),
            preexec_fn=in_child,
        )

    with open_log(log) as output:
        popen = _FORKER.submit(fork, output).result()
    return Child(name, popen, log)


START_SECONDS = 120.0
"""Seconds that a start may take: only a part that hangs takes so long; on a machine that is busy with other
things a service may take half."""


def wait_until(child: Child, ready: Callable[[], bool], seconds: float = START_SECONDS) -> None:
    """Poll `ready`; a child that ends first, or is not ready in time, is a StartError with its last words."""
    until = time.monotonic() + seconds
    while not ready():
        if not child.alive():
            raise StartError(f"{child.name} {how_it_ended(child)}\n{last_lines(child.log)}")
        if time.monotonic() > until:
            raise StartError(f"{child.name} was not ready after {seconds:.0f} s\n{last_lines(child.log)}")
        time.sleep(0.02)


def how_it_ended(child: Child) -> str:
    """The exit of a dead child in words."""
    code = child.popen.poll()
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with status {code}"


def last_lines(log: Path, count: int = 20) -> str:
    """The end of a log, indented, for a message to a person."""
    if not log.exists():
        return "    (no log)"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16_384))
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join(f"    {line}" for line in lines[-count:]) or "    (empty log)"


def answers(url: str) -> bool:
    """True if `url` answers with success, on loopback and through no proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as response:
            return 200 <= int(response.status) < 300
    except (urllib.error.URLError, OSError):
        return False


def accepts(port: int) -> bool:
    """True if something listens on the loopback port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


class _Ports:
    """Ports that this process was given: a byte per port in one file, locked while the process lives,
    so that stacks which start and stop at the same time never hand out the same one."""

    PLACE = Path("/tmp/zhengming-ports")  # noqa: S108 - one for all of this machine, whatever their TMPDIR

    def __init__(self) -> None:
        self._claimed: set[int] = set()
        self._file: int | None = None

    def claim(self, port: int) -> bool:
        """Takes a port; True if it is ours alone from now on."""
        if port in self._claimed:
            return False
        if self._file is None:  # stays open: closing it would give up every lock
            self._file = os.open(self.PLACE, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            return False
        self._claimed.add(port)
        return True


_PORTS = _Ports()


def hold_port(port: int) -> socket.socket:
    """Takes a loopback port that a person chose, for a part that shares its port (SO_REUSEPORT); StartError
    where anybody has it. Two stacks that share one would each get half of the calls, and neither would fail.

    Until the socket that is given back is closed nobody else gets the port, also while the part is down.
    """
    check_port(port)
    holder = socket.socket()
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        holder.setsockopt(socket.SOL_SOCKET, option, 1)
    holder.bind(("127.0.0.1", port))
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)  # else the check of another would pass
    return holder


def check_port(port: int) -> None:
    """StartError where somebody listens on the loopback port, or holds it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what ended a minute ago is no one
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except (OSError, OverflowError) as error:
            taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            why = "is taken by another program, or by another stack" if taken else f"cannot be had ({error})"
            raise StartError(f"port {port} {why}. Nothing was started; choose another one.") from None


def free_port() -> int:
    """A loopback port that is free now, and that no process of ours was given while it lives.

    Taken from below the range the kernel uses for outgoing connections: a part that is killed and started
    again must find its port as it left it.
    """
    for _ in range(1000):
        port = random.randint(20_000, 31_999)  # noqa: S311 - not a secret
        if not _PORTS.claim(port):
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise StartError("no free port on 127.0.0.1 between 20000 and 31999")
