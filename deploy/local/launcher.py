"""Python modules as processes of their own, forked from one process that has loaded them before.

    LAUNCHER.launch("intake", "services.intake.main", ["serve"], log=log, env=env)

Loading a service takes four times as long as the rest of its start, and all services load nearly the same.
So a supervisor has one launcher, which loads each module once. A child is forked from it and then runs the
module as `python -m` does; it has nothing of the launcher but what was loaded.
"""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local.process import ROOT, Child, StartError, die_with, open_log, passed_on, spawn

_LARGEST = 1 << 17
"""Bytes of a request: module, arguments and environment."""
_MOST_FDS = 16


class Forked:
    """A process that the launcher has forked, with the methods of `subprocess.Popen`."""

    def __init__(self, pid: int, pidfd: int, teller: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._pidfd = pidfd
        self._teller = teller
        self._asking = threading.Lock()

    def poll(self) -> int | None:
        """The exit status, None while it lives."""
        if self._asking.acquire(blocking=False):  # else another thread waits for it
            try:
                self._ask(0)
            finally:
                self._asking.release()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        with self._asking:
            self._ask(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return self.returncode

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has just ended
                signal.pidfd_send_signal(self._pidfd, sig)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ask(self, seconds: float | None) -> None:
        if self.returncode is None and select.select([self._teller], [], [], seconds)[0]:
            # Without a last word the launcher died, and its children with it.
            self.returncode = int(self._teller.recv(16) or -signal.SIGKILL)
            self._teller.close()
            os.close(self._pidfd)


class Launcher:
    """A launcher, started when it is first needed. A process needs one, `LAUNCHER`; with it end all that it
    has forked."""

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._child: Child | None = None
        self._control: socket.socket | None = None

    def load(self, modules: Sequence[str], log: Path) -> None:
        """Has modules loaded, and does not wait for it. A module that is loaded must do nothing by that."""
        if sys.platform == "linux":
            self._ask({"load": list(modules)}, [], log)

    def launch(
        self,
        name: str,
        module: str,
        args: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str],
        keep_fds: Sequence[int] = (),
    ) -> Child:
        """Starts a module as `spawn` starts `python -m module`, which is also how it is done where there is
        no Linux: only there a process can be held by a descriptor."""
        if sys.platform != "linux":
            return spawn(name, [sys.executable, "-m", module, *args], log=log, env=env, keep_fds=keep_fds)
        with open_log(log) as output:
            forked = self._fork(module, args, env, [output, output, *keep_fds], log)
        return Child(name, forked, log)

    def run(
        self, module: str, args: Sequence[str], *, log: Path, env: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Runs a module to its end, as `subprocess.run` runs `python -m module`, with what it says."""
        command = [sys.executable, "-m", module, *args]
        if sys.platform != "linux":
            return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
        with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complained:
            forked = self._fork(module, args, env, [said.fileno(), complained.fileno()], log)
            status = forked.wait()
            for file in (said, complained):
                file.seek(0)
            return subprocess.CompletedProcess(command, status, said.read(), complained.read())

    def _fork(
        self, module: str, args: Sequence[str], env: Mapping[str, str], fds: Sequence[int], log: Path
    ) -> Forked:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            request = {"module": module, "args": list(args), "env": dict(env)}
            self._ask(request, [theirs.fileno(), *fds], log)
        pid, pidfds, *_ = socket.recv_fds(ours, 16, 1, socket.MSG_CMSG_CLOEXEC)
        if not pid:
            ours.close()
            raise StartError(f"{module} was not started: the launcher ended")
        return Forked(int(pid), pidfds[0], ours)

    def _ask(self, request: Mapping[str, Any], fds: Sequence[int], log: Path) -> None:
        with self._starting:
            if self._control is None or self._child is None or not self._child.alive():
                self._start(log.with_name("launcher.log"))
            assert self._control is not None
            socket.send_fds(self._control, [json.dumps(request).encode()], fds)

    def _start(self, log: Path) -> None:
        self.end()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            words = [sys.executable, "-m", "deploy.local.launcher", str(theirs.fileno())]
            self._child = spawn("launcher", words, log=log, env=passed_on(), keep_fds=[theirs.fileno()])

    def end(self) -> None:
        """Ends the launcher, and what it has forked."""
        if self._control is not None and self._child is not None:
            self._control.close()
            self._child.popen.wait()


LAUNCHER = Launcher()
"""The launcher of this process."""


# --- In the launcher -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Ordered:
    """The module that a child is to run."""

    module: str
    args: list[str]
    env: dict[str, str]


def _serve(control: socket.socket) -> _Ordered | None:
    """Loads and forks until nobody can ask any more; what still runs then ends with it. Returns in every
    child as well, with what that one is to run."""
    running: dict[int, tuple[int, socket.socket]] = {}
    while True:
        ready, _, _ = select.select([control.fileno(), *running], [], [])
        for pidfd in running.keys() & set(ready):
            pid, teller = running.pop(pidfd)
            _, status = os.waitpid(pid, 0)
            with teller, suppress(BrokenPipeError):  # nobody wants to know any more
                teller.send(str(os.waitstatus_to_exitcode(status)).encode())
            os.close(pidfd)
        if control.fileno() not in ready:
            continue
        message, fds, *_ = socket.recv_fds(control, _LARGEST, _MOST_FDS)
        if not message:
            return None
        request = json.loads(message)
        if "load" in request:
            _load(request["load"])
            continue
        launcher, teller = os.getpid(), socket.socket(fileno=fds[0])
        if (pid := os.fork()) == 0:
            for of_launcher in (control, teller, *(other for _, other in running.values())):
                of_launcher.close()
            for pidfd in running:
                os.close(pidfd)
            ordered = _Ordered(**request)
            _stand_alone(launcher, fds[1], fds[2], ordered.env)
            return ordered
        pidfd = os.pidfd_open(pid)
        running[pidfd] = pid, teller
        with suppress(BrokenPipeError):
            socket.send_fds(teller, [str(pid).encode()], [pidfd])
        for descriptor in fds[1:]:
            os.close(descriptor)


def _load(modules: Sequence[str]) -> None:
    for module in modules:
        with suppress(Exception):  # whoever is to run it fails of it again, and says so in their own log
            importlib.import_module(module)
    gc.collect()
    gc.freeze()  # else the first collection of every child would copy all of it


def _stand_alone(launcher: int, output: int, errors: int, env: Mapping[str, str]) -> None:
    """Makes a child of the launcher what a process that `spawn` starts would be."""
    os.setsid()
    die_with(launcher)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for place, descriptor in enumerate((nothing, output, errors)):
        os.dup2(descriptor, place)
        os.close(descriptor)
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(env)


def _run(ordered: _Ordered) -> None:
    from shared.kernel import failpoint  # a service, not the supervisor, is what needs it

    failpoint.arm(os.environ)  # it was loaded under another environment
    sys.argv = [ordered.module, *ordered.args]
    sys.modules.pop(ordered.module, None)  # it runs anew, as __main__
    runpy.run_module(ordered.module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    if (ordered := _serve(socket.socket(fileno=int(sys.argv[1])))) is not None:
        _run(ordered)
