"""The supervisor of the embedded stack.

    python -m deploy.local.stack run [--clock simulated|system] [--port 8080] [--data DIR]

or, in a program:

    with Stack(folder, clock="simulated") as stack:      # `async with` works as well
        httpx.get(stack.url("intake") + "/readyz")

Order of start: PostgreSQL, NATS and the issuer side by side; databases, roles and migrations; the services;
last the front door, so that an open door means that everything behind it is ready.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from deploy.local import caddy, databases, issuer, staff
from deploy.local.clockfile import ensure_clock
from deploy.local.datafolder import DataFolder
from deploy.local.launcher import LAUNCHER
from deploy.local.nats import Nats
from deploy.local.postgres import Postgres, Running, StopMode
from deploy.local.process import (
    ROOT,
    Child,
    StartError,
    accepts,
    answers,
    check_port,
    free_port,
    hold_port,
    passed_on,
    wait_until,
)
from ops import secretfiles
from shared.kernel.store.migrate import migrate

AUDIT = "audit"
SERVICES = ("intake", "verification", "clarification", "followup", AUDIT)
ISSUER = "deploy.local.issuer"
OURS = "services.{name}"
"""The package of a service; tests start others."""
VERIFIER = "zm_verifier"
"""The role by which audit reads the stores of the others."""
Clock = Literal["simulated", "system"]


@dataclass(frozen=True)
class Ports:
    """Loopback ports; 0 takes a free one. They stay the same while the `Stack` object lives."""

    front: int = 0
    postgres: int = 0
    nats: int = 0
    nats_monitor: int = 0
    issuer: int = 0


class Stack:
    """All parts on one data folder, started and stopped together, and broken one by one for fault tests."""

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        clock: Clock = "simulated",
        ports: Ports | None = None,
        services: Sequence[str] = SERVICES,
        package: str = OURS,
        env: Mapping[str, str] | None = None,
        suites: Mapping[str, str] | None = None,
        empty_broker: bool = False,
        tell: Callable[[str, float], None] = lambda part, seconds: None,
    ) -> None:
        """`empty_broker`: it starts without what it held, which may be of a time that was lost. `tell` hears
        of each part that is ready, and how many seconds after the beginning of the start."""
        ports = ports or Ports()
        self.data = DataFolder(data_dir)
        self.clock: Clock = clock
        self.services = tuple(services)
        self.started_in = 0.0
        self._package = package
        self._extra_env = dict(env or {})
        self.suites = dict(suites or {})
        """ZM_SUITE of a service from its next start on, where it is not the default."""
        self._ports = {name: free_port() for name in self.services}
        self._ports |= {"front": ports.front or free_port(), "issuer": ports.issuer or free_port()}
        self._wanted = ports
        self._children: dict[str, Child] = {}
        self._down: set[str] = set()
        self._empty_broker = empty_broker
        self._lock: int | None = None
        self._held: socket.socket | None = None
        self._tell = tell
        self._began = 0.0
        self._abandoned = threading.Event()
        self._postgres: Postgres | None = None
        self._nats: Nats | None = None

    # --- Addresses ---------------------------------------------------------------------------------

    @property
    def front_url(self) -> str:
        return f"http://127.0.0.1:{self._ports['front']}"

    @property
    def issuer_id(self) -> str:
        """The `iss` of the tokens: the issuer as reached through the front door."""
        return f"{self.front_url}/issuer"

    def url(self, name: str) -> str:
        """A service, or the issuer, through the front door."""
        return f"{self.front_url}/{name}"

    def direct_url(self, name: str) -> str:
        """The same, past the front door."""
        return f"http://127.0.0.1:{self._ports[name]}"

    @property
    def postgres(self) -> Postgres:
        if self._postgres is None:
            raise StartError("the stack was not started")
        return self._postgres

    @property
    def nats(self) -> Nats:
        if self._nats is None:
            raise StartError("the stack was not started")
        return self._nats

    def database_url(self, role: str, database: str | None = None, scheme: str = "postgresql+asyncpg") -> str:
        """Signing in as `role` (zm_intake, zm_intake_owner, zm_vault…), by default to its own database."""
        name = database or role.removesuffix("_owner")
        password = secretfiles.password(self.data.secrets / f"pg-{role}.password")
        return f"{scheme}://{role}:{password}@127.0.0.1:{self.postgres.port}/{name}"

    def _url_file(self, role: str) -> str:
        """The file from which a service reads how it signs in: no password stands in its environment."""
        path = self.data.secrets / f"pg-{role}.url"
        secretfiles.write_private(path, self.database_url(role).encode())
        return str(path)

    def environment(self, service: str) -> dict[str, str]:
        """The environment of a service, all that it is told."""
        env = passed_on() | {
            "ZM_PROFILE": "development",
            "ZM_SERVICE": service,
            "ZM_HOST": "127.0.0.1",
            "ZM_PORT": str(self._ports[service]),
            "ZM_DATABASE_URL_FILE": self._url_file(f"zm_{service}"),
            "ZM_NATS_URL": self.nats.url,
            "ZM_NATS_SEED_FILE": str(self.nats.seed_file(service)),
            "ZM_ISSUER": self.issuer_id,
            "ZM_JWKS_URL": f"{self.direct_url('issuer')}/jwks.json",
            "ZM_KEYS_DIR": str(self.data.keys),
            "ZM_DATA_DIR": str(self.data.root),
            "ZM_OUTGOING_DIR": str(self.data.root / "outgoing"),
            "ZM_VAULT_DIR": str(self.data.root / "vault"),
        }
        if service in self.suites:
            env["ZM_SUITE"] = self.suites[service]
        if self.clock == "simulated":
            env["ZM_CLOCK_FILE"] = str(self.data.clock)
        if service == "intake":
            env["ZM_VAULT_DATABASE_URL_FILE"] = self._url_file("zm_vault")
            env["ZM_VAULT_NATS_SEED_FILE"] = str(self.nats.seed_file("vault"))
        if service == AUDIT:
            for name in self._guarded():
                env[f"ZM_STORE_URL_{name.upper()}"] = self.database_url(VERIFIER, f"zm_{name}")
        return env | self._extra_env

    # --- All together ------------------------------------------------------------------------------

    def start(self) -> None:
        """Start every part, or none: when one fails, the others are stopped and its log is shown."""
        self._began = time.monotonic()
        self._lock = self.data.lock()
        self._abandoned.clear()
        try:
            self._take_ports()
            self.data.prepare(self.services)
            if self.clock == "simulated":
                ensure_clock(self.data.clock)
            self._make_servers()
            if self._empty_broker:
                self.wipe_nats()
            self._start_parts()
        except BaseException:
            self.stop()
            raise
        self.started_in = time.monotonic() - self._began

    def stop(self) -> None:
        """Stop every part in reverse order. Harmless when nothing runs."""
        self._abandoned.set()
        running = [child for name in self.services if (child := self._children.get(name))]
        with ThreadPoolExecutor(max_workers=max(1, len(running))) as pool:
            list(pool.map(Child.end, running))
        for name in ("caddy", "issuer"):
            if child := self._children.get(name):
                child.end(patience=10)
        if self._nats:
            self._nats.stop()
        if self._postgres:
            self._postgres.stop("fast")
        self._children.clear()
        self._down.clear()
        if self._held is not None:
            self._held.close()
            self._held = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    # --- One by one, for fault tests ---------------------------------------------------------------

    def pids(self) -> dict[str, int]:
        """Process ids of every part that lives, by name."""
        return {name: child.pid for name, child in self._all_children().items() if child.alive()}

    def kill(self, name: str, sig: int = signal.SIGKILL) -> None:
        """Send a part a signal; return when it is dead, if the signal is one that ends it."""
        child = self._all_children()[name]
        if sig in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            self._down.add(name)
        child.popen.send_signal(sig)
        if name in self._down and not child.wait(30):
            raise StartError(f"{name} did not end within 30 s of {signal.Signals(sig).name}")

    def start_service(self, name: str, *, wait: bool = True) -> None:
        """Start a service, the issuer or caddy on the port it had; `wait` for it to be ready."""
        child = self._children.get(name)
        if child is None or not child.alive():
            self._down.discard(name)
            if name == "caddy":
                self._start_caddy()
            else:
                self._start_python(name, wait=wait)

    def start_nats(self) -> None:
        self._down.discard("nats")
        self.nats.start()

    def stop_nats(self) -> None:
        self._down.add("nats")
        self.nats.stop()

    def kill_nats(self) -> None:
        self._down.add("nats")
        self.nats.kill()

    def wipe_nats(self) -> None:
        """Lose all streams; NATS must be stopped."""
        self.nats.wipe()

    def start_postgres(self) -> Running:
        self._down.discard("postgres")
        return self.postgres.start()

    def stop_postgres(self, mode: StopMode = "fast") -> None:
        self._down.add("postgres")
        self.postgres.stop(mode)

    def ended(self) -> list[Child]:
        """Parts that ended though nobody asked them to."""
        return [
            child
            for name, child in self._all_children().items()
            if name not in self._down and not child.alive()
        ]

    def start_again(self, name: str) -> None:
        """Start any part by its name."""
        match name:
            case "postgres":
                self.start_postgres()
            case "nats":
                self.start_nats()
            case _:
                self.start_service(name, wait=False)

    def after_restore(self) -> dict[str, subprocess.CompletedProcess[str]]:
        """Brings every service back to right after databases were restored; all must be running. Returns the
        words of each, and whether it leaves something to a person (status 1)."""
        return {name: self.command(name, "after-restore") for name in self.services}

    def command(self, service: str, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Runs an operator's command on a service: `zhengming SERVICE WORDS`, in its environment."""
        env = self.environment(service) | env
        return LAUNCHER.run("ops", [service, *words], log=self.data.log("ops"), env=env)

    # --- Tokens and time ---------------------------------------------------------------------------

    def token(self, username: str) -> str:
        """An access token of a seeded person (people.json)."""
        password = issuer.people_password(self.data.issuer)
        return self._token(grant_type="password", username=username, password=password)

    def client_token(self, client_id: str = "petition-platform") -> str:
        """An access token of a service account."""
        secret = issuer.client_secret(self.data.issuer, client_id)
        return self._token(grant_type="client_credentials", client_id=client_id, client_secret=secret)

    def move_clock(self, instant: datetime) -> None:
        """Move the simulated clock forward to `instant`, for all services at once."""
        body = json.dumps({"now": instant.isoformat()}).encode()
        self._ask("PUT", "/clock", body, "application/json")

    def _token(self, **form: str) -> str:
        answer = self._ask(
            "POST", "/token", urllib.parse.urlencode(form).encode(), "application/x-www-form-urlencoded"
        )
        return str(json.loads(answer)["access_token"])

    def _ask(self, method: str, path: str, body: bytes, media_type: str) -> bytes:
        request = urllib.request.Request(  # noqa: S310 - our own loopback address
            self.direct_url("issuer") + path, body, {"Content-Type": media_type}, method=method
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as response:
            return bytes(response.read())

    # --- How it is done ----------------------------------------------------------------------------

    def _take_ports(self) -> None:
        """Takes the ports that somebody chose, before anything is started: they must be free."""
        wanted = self._wanted
        for port in filter(None, (wanted.postgres, wanted.nats, wanted.nats_monitor, wanted.issuer)):
            check_port(port)
        self._held = hold_port(self._ports["front"])

    def _ready(self, part: str) -> None:
        self._tell(part, time.monotonic() - self._began)

    def _make_servers(self) -> None:
        """Once per object: their ports stay the same from one start to the next."""
        if self._postgres is None:
            password = self.data.secrets / "pg-postgres.password"
            log = self.data.log("postgres")
            self._postgres = Postgres(self.data.postgres, password, log, self._wanted.postgres)
        ports = (self._nats.port, self._nats.monitor_port) if self._nats else None
        port, monitor = ports or (self._wanted.nats, self._wanted.nats_monitor)
        self._nats = Nats(
            self.data.nats,
            self.data.secrets,
            self.data.log("nats"),
            # All, also when only some are started: one that listens to an absent service finds no stream,
            # and must not be told that it may not look.
            tuple(dict.fromkeys((*SERVICES, *self.services))),
            port=port,
            monitor_port=monitor,
            keep_fds=self._keep_fds(),
        )

    def _start_parts(self) -> None:
        # While the servers start.
        LAUNCHER.load([self._module(name) for name in ("issuer", *self.services)], self.data.log("launcher"))
        with ThreadPoolExecutor(max_workers=len(self.services) + 3) as pool:

            def together(jobs: Iterable[Callable[[], object]]) -> None:
                futures = [pool.submit(job) for job in jobs]
                try:
                    for future in futures:
                        future.result()
                except BaseException:  # Ctrl-C as well: let the others notice before the pool is joined
                    self._abandoned.set()
                    raise

            def told(part: str, job: Callable[[], object]) -> Callable[[], object]:
                def do() -> None:
                    job()
                    self._ready(part)

                return do

            together(
                [
                    self._start_databases,
                    told("NATS", self.start_nats),
                    told("issuer", partial(self._start_python, "issuer")),
                ]
            )
            together([told(name, partial(self._start_python, name)) for name in self.services])
        if "intake" in self.services and self._package == OURS:
            self._import_staff()
        self._start_caddy()
        self._ready("front door")

    def _start_databases(self) -> None:
        admin_url = self.start_postgres().admin_url
        self._ready("PostgreSQL")

        async def ensure() -> None:
            await databases.close_defaults(admin_url)
            await asyncio.gather(*(self._ensure_database(admin_url, name) for name in names))

        names = [f"zm_{name}" for name in (*self.services, "vault")]
        asyncio.run(ensure())
        self._migrate()
        asyncio.run(self._ensure_verifier(admin_url))
        self._ready("databases")

    async def _ensure_verifier(self, admin_url: str) -> None:
        """Makes the role that may read the events of every store, for audit's guard."""
        password = secretfiles.password(self.data.secrets / f"pg-{VERIFIER}.password")
        for name in self._guarded():
            await databases.ensure_reader(admin_url, f"zm_{name}", VERIFIER, password, f"{name}_events")

    def _guarded(self) -> list[str]:
        return [name for name in self.services if name != AUDIT]

    async def _ensure_database(self, admin_url: str, name: str) -> None:
        owner = f"{name}_owner"
        passwords = databases.Passwords(
            owner=secretfiles.password(self.data.secrets / f"pg-{owner}.password"),
            service=secretfiles.password(self.data.secrets / f"pg-{name}.password"),
        )
        await databases.ensure_database(admin_url, name, owner, name, passwords)

    def _migrate(self) -> None:
        """Brings every database to its newest revision, as its owner. Done here and not by a process per
        service: loading a service takes longer than its migrations do."""
        for name in self.services:
            folder = Path(*self._package.format(name=name).split("."))
            places = {f"zm_{name}_owner": folder / "migrations"}
            if name == "intake":
                places["zm_vault_owner"] = folder / "vault" / "migrations"
            for owner, migrations in places.items():
                self._check_abandoned()
                if (ROOT / migrations).is_dir():
                    migrate(str(migrations), self.database_url(owner))

    def _module(self, name: str) -> str:
        return ISSUER if name == "issuer" else f"{self._package.format(name=name)}.main"

    def _start_python(self, name: str, *, wait: bool = True) -> None:
        args = [] if name == "issuer" else ["serve"]
        env = self._issuer_environment() if name == "issuer" else self.environment(name)
        child = LAUNCHER.launch(
            name, self._module(name), args, log=self.data.log(name), env=env, keep_fds=self._keep_fds()
        )
        self._children[name] = child
        if wait:
            url = f"{self.direct_url(name)}/readyz"

            def ready() -> bool:
                self._check_abandoned()
                return accepts(self._ports[name]) and answers(url)

            wait_until(child, ready)

    def _issuer_environment(self) -> dict[str, str]:
        env = passed_on()
        env |= {"ZM_PORT": str(self._ports["issuer"]), "ZM_ISSUER": self.issuer_id}
        env |= {"ZM_KEYS_DIR": str(self.data.issuer)}
        if self.clock == "simulated":
            env["ZM_CLOCK_FILE"] = str(self.data.clock)
        return env

    def _import_staff(self) -> None:
        """Tells who serves in the seeded organs, as a real organ's identity provider does (B8)."""
        staff.bring_in(self.direct_url("intake"), self.client_token("staff-directory"))
        told = [self.direct_url(name) for name in self._guarded()]
        staff.await_copies(told, self.token(staff.ANYBODY))
        self._ready("staff")

    def _start_caddy(self) -> None:
        upstreams = {name: self._ports[name] for name in (*self.services, "issuer")}
        self._children["caddy"] = caddy.start(
            self.data.caddy, self.data.log("caddy"), self._ports["front"], upstreams, self._keep_fds()
        )

    def _check_abandoned(self) -> None:
        if self._abandoned.is_set():
            raise StartError("the start was abandoned")

    def _keep_fds(self) -> tuple[int, ...]:
        return () if self._lock is None else (self._lock,)

    def _all_children(self) -> dict[str, Child]:
        servers = {"postgres": self._postgres, "nats": self._nats}
        running = {name: server.child for name, server in servers.items() if server and server.child}
        return running | self._children


if __name__ == "__main__":
    from deploy.local.console import main

    sys.exit(main())
