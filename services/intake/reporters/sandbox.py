"""Runs a program that reads what strangers sent, where it can reach nothing (SEC-6).

`sandbox.py PROGRAM ARGUMENT…` loads the program, shuts itself in and calls its `main()`. A bug in a library
that reads the file then has standard input and output, some memory and some time: no network, no other
process, no file but Python's own libraries and the fonts, none to write, no program to start, no way back.
The kernel holds this by several means, each for itself:

* seccomp: only the system calls of reading, computing and writing are carried out. Without it nothing runs.
* Landlock: which files are opened. Where the kernel has none, no file is opened at all.
* a user namespace of its own, with a network that has no interface. Some kernels refuse it.
* no capability, no new privileges, no core file, no memory that others may read.

`sandbox.py` alone prints as JSON what this kernel refuses. It starts in isolated mode (-I) and uses nothing
of the project; numbers stand here as the kernel's own headers have them.
"""

from __future__ import annotations

import ctypes
import errno
import importlib.util
import json
import os
import platform
import resource
import struct
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

MOST_MEMORY = 768 * 1024**2
"""Limit of the worker's address space. The greatest picture and its half take a third; PDF and JPEG unpack
more than is seen."""
MOST_WORK = 60
"""Seconds of computing."""
FONTS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/usr/share/X11/fonts",
    "/usr/share/fontconfig",
)
NOT_SHUT = 3
"""Exit status where seccomp is refused: nothing was run."""

SECCOMP, LANDLOCK, NAMESPACE, CAPABILITIES = "seccomp", "landlock", "user namespace", "capabilities"

# <linux/prctl.h>, <linux/seccomp.h>, <linux/filter.h>, <linux/audit.h>, <linux/sched.h>, <linux/capability.h>
PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 4, 22, 38
SECCOMP_MODE_FILTER = 2
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
NUMBER_AT, MACHINE_AT = 0, 4
NAMESPACES = 0x10000000 | 0x40000000 | 0x08000000 | 0x04000000
"""User, network, interprocess communication, host name."""
CAPABILITIES_V3 = 0x20080522
# <linux/landlock.h>
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
READ_FILE, READ_DIR = 1 << 2, 1 << 3
RIGHTS_BY_VERSION = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""Number of rights over files that each version of Landlock knows; a newer one knows no fewer than the last
here."""
NETWORK_FROM, SCOPES_FROM = 4, 6

CALLS: dict[str, tuple[int, int, tuple[int, ...], tuple[int, ...]]] = {
    # Machine: its name for seccomp, capset, the calls that are carried out, those that open files.
    # Of both: read, write, close, fstat, lseek, mmap, mprotect, munmap, brk, rt_sigaction, rt_sigprocmask,
    # rt_sigreturn, pread64, readv, writev, sched_yield, mremap, madvise, getpid, gettid, exit, exit_group,
    # uname, getuid, geteuid, getgid, getegid, sigaltstack, futex, sched_getaffinity, clock_gettime,
    # clock_getres, gettimeofday, getrusage, sysinfo, getrandom, restart_syscall, rseq, getcwd; then openat,
    # newfstatat, statx, getdents64, readlinkat, faccessat, faccessat2 (open, stat, lstat, access, readlink).
    "x86_64": (
        0xC000003E,
        126,
        (
            *(0, 1, 3, 5, 8, 9, 10, 11, 12, 13, 14, 15, 17, 19, 20, 24, 25, 28, 39, 186, 60, 231, 63),
            *(102, 107, 104, 108, 131, 202, 204, 228, 229, 96, 98, 99, 318, 219, 334, 79),
        ),
        (257, 262, 332, 217, 267, 269, 439, 2, 4, 6, 21, 89),
    ),
    "aarch64": (
        0xC00000B7,
        91,
        (
            *(63, 64, 57, 80, 62, 222, 226, 215, 214, 134, 135, 139, 67, 65, 66, 124, 216, 233, 172, 178, 93),
            *(94, 160, 174, 175, 176, 177, 132, 98, 123, 113, 114, 169, 165, 179, 278, 128, 293, 17),
        ),
        (56, 79, 291, 61, 78, 48, 439),
    ),
}

_libc = ctypes.CDLL(None, use_errno=True)


def main(arguments: Sequence[str]) -> int:
    if not arguments:
        print(json.dumps(shut()), flush=True)
        return 0
    path, *rest = arguments
    program = _loaded(path)
    if hasattr(program, "prepare"):
        program.prepare()
    if SECCOMP in shut():
        return NOT_SHUT
    sys.argv = [path, *rest]
    program.main()
    return 0


def shut() -> list[str]:
    """Shuts itself in, for good; returns the means that this kernel refuses."""
    refused = []
    _bound()
    _prctl(PR_SET_DUMPABLE, 0)
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    if _libc.unshare(NAMESPACES) != 0:
        refused.append(NAMESPACE)
    files = _only_these_files([*_libraries(), *FONTS])
    if not files:
        refused.append(LANDLOCK)
    if not _no_capabilities():
        refused.append(CAPABILITIES)
    if not _only_these_calls(files=files):
        refused.append(SECCOMP)
    return refused


def _loaded(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("program", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _bound() -> None:
    """Bounds its resources. It writes no file, not even its memory when it dies, and starts no other."""
    for limit, most in (
        (resource.RLIMIT_AS, MOST_MEMORY),
        (resource.RLIMIT_CPU, MOST_WORK),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(limit, (most, most))


def _prctl(option: int, value: int, more: object = 0) -> bool:
    return bool(_libc.prctl(option, value, more, 0, 0) == 0)


def _libraries() -> list[str]:
    """The folders in which Python keeps its modules: by its own settings, not by paths that somebody may have
    added."""
    paths = sysconfig.get_paths()
    return sorted({paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def _only_these_files(folders: Iterable[str]) -> bool:
    """Landlock: in these folders files are read; nothing else is done with any file, and no port is used."""
    version = _libc.syscall(CREATE_RULESET, None, 0, 1)
    if version < 1:
        return False
    newest = max(RIGHTS_BY_VERSION)
    rights = (1 << RIGHTS_BY_VERSION[min(version, newest)]) - 1
    network = 0b11 if version >= NETWORK_FROM else 0
    scopes = 0b11 if version >= SCOPES_FROM else 0
    asked = struct.pack("=QQQ", rights, network, scopes)
    size = 8 if version < NETWORK_FROM else 16 if version < SCOPES_FROM else 24
    rules = _libc.syscall(CREATE_RULESET, asked, size, 0)
    if rules < 0:
        return False
    try:
        for folder in folders:
            if Path(folder).is_dir() and not _readable(rules, folder):
                return False
        return bool(_libc.syscall(RESTRICT_SELF, rules, 0) == 0)
    finally:
        os.close(rules)


def _readable(rules: int, folder: str) -> bool:
    file = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        beneath = struct.pack("=Qi", READ_FILE | READ_DIR, file)
        return bool(_libc.syscall(ADD_RULE, rules, 1, beneath, 0) == 0)
    finally:
        os.close(file)


def _no_capabilities() -> bool:
    """Gives away what root, or the first process of a user namespace, may do."""
    machine = CALLS.get(platform.machine())
    header, nothing = struct.pack("=Ii", CAPABILITIES_V3, 0), bytes(24)
    return machine is not None and bool(_libc.syscall(machine[1], header, nothing) == 0)


def _only_these_calls(*, files: bool) -> bool:
    """Seccomp: every other system call answers that it is not permitted."""
    machine = CALLS.get(platform.machine())
    if machine is None:
        return False
    name, _, always, of_files = machine
    return install([*always, *(of_files if files else ())], name)


def install(allowed: Sequence[int], machine: int, *, otherwise: int = REFUSE, then: int = ALLOW) -> bool:
    """Puts a filter in place that answers `then` to these calls and `otherwise` to all others."""
    count = len(allowed)
    program = [
        (LOAD, 0, 0, MACHINE_AT),
        (EQUAL, 1, 0, machine),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER_AT),
        *((EQUAL, count - at, 0, number) for at, number in enumerate(allowed)),
        (RETURN, 0, 0, otherwise),
        (RETURN, 0, 0, then),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    filter = Program(len(program), ctypes.addressof(code))
    return _prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(filter))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
