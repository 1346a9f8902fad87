"""Running PostgreSQL under another account when we are root.

PostgreSQL refuses uid 0. As root its programs therefore run as an existing unprivileged account that owns
the PostgreSQL data folder and nothing else. That account may be unable to walk to the binaries or to the
data (a checkout inside a folder of mode 700). Rather than open those folders to everybody, which would
outlive us, we give the child the one capability it lacks.
"""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.process import StartError

_CANDIDATES = ("nobody", "postgres")
# From nothing to more. dac_read_search reads files and walks folders; dac_override (all that a container
# usually has) also executes files that are closed to others.
_CAPABILITIES = (None, "dac_read_search", "dac_override")


@dataclass(frozen=True)
class Account:
    """An unprivileged account, and the capability its programs need here."""

    uid: int
    gid: int
    capability: str | None = None

    def command(self, args: Sequence[str | Path], *, death_signal: int | None = None) -> list[str]:
        """`args`, run under this account."""
        prefix = ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups"]
        if self.capability is None:
            prefix += ["--inh-caps=-all"]
        else:
            only = f"-all,+{self.capability}"
            # Without no_setuid_fixup the kernel answers access(2) as if the capability were not held, and
            # initdb concludes that it cannot find `postgres`. Across execve only the ambient one remains.
            prefix += [f"--inh-caps={only}", f"--ambient-caps={only}", "--securebits=+no_setuid_fixup"]
        if death_signal is not None:
            # Here and not in the fork: a change of user clears the death signal.
            prefix += ["--pdeathsig", signal.Signals(death_signal).name.removeprefix("SIG")]
        return [*prefix, "--", *(str(arg) for arg in args)]


def account_for(folder: Path, program: Path) -> Account | None:
    """The account that owns `folder` (created, or given to it) and can run `program`; None unless root."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        folder.chmod(0o700)
        return None
    if shutil.which("setpriv") is None:
        raise StartError("as root, setpriv (util-linux) is needed: PostgreSQL does not run as root")
    uid, gid = _owner(folder)
    os.chown(folder, uid, gid)
    folder.chmod(0o700)
    for capability in _CAPABILITIES:
        account = Account(uid, gid, capability)
        if _can_work(account, folder, program):
            return account
    raise StartError(
        f"no account to run PostgreSQL as: uid {uid} cannot reach {folder} or {program}, "
        "and no capability that would let it is to be had. Run the stack as an ordinary user."
    )


def _owner(folder: Path) -> tuple[int, int]:
    """The owner of the data, if there was one before; else the first unprivileged account there is."""
    there = folder.stat()
    if there.st_uid != 0:
        return there.st_uid, there.st_gid
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise StartError(f"none of the accounts {', '.join(_CANDIDATES)} exists to run PostgreSQL as")


def _can_work(account: Account, folder: Path, program: Path) -> bool:
    """Tries it, because mode bits alone do not tell (ACLs, mounts, the bounding set)."""
    script = 'cd "$1" && test -w . && test -x "$2" && exec "$2" --version'
    probe = account.command(["/bin/sh", "-c", script, "probe", folder, program])
    return subprocess.run(probe, capture_output=True, cwd="/", check=False).returncode == 0
