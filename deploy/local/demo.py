"""`make demo`: one whole case, played through the public API, replayed to two days, and proved.

Shows each step as it happens, then the finished timeline, the same case as it was known on two days, a
bundle that is checked offline, and what `verify-store` says of an altered copy of a store. Ends with
status 1 at the first thing that is not as the scenario's table says.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.local.console import tell_ready
from deploy.local.player import SHANGHAI, Departure, Happened, Onlooker, Player, load, there_are
from deploy.local.stack import Stack
from services.audit.verify_store import verify_store
from shared.kernel.evidence.verify import main as verify_bundle

PUBLISHERS = ("intake", "verification", "clarification", "followup")
STYLES = {"accepted": "green", "refused": "yellow", "followed": "cyan", "due": "magenta", "looked": "blue"}
MARKS = {"accepted": "✓", "refused": "✗", "followed": "→", "due": "⏱", "looked": "◎"}


class Demo:
    """One demonstration on a running stack."""

    def __init__(
        self, stack: Stack, scenario: dict[str, Any], console: Console, onlooker: Onlooker | None = None
    ) -> None:
        self.stack = stack
        self.scenario = scenario
        self.console = console
        self.player = Player(stack, self._tell, onlooker)
        self._day = ""

    def run(self) -> None:
        """Everything in order; raises Departure."""
        self._headline(f"{self.scenario['title_zh']}  ·  {self.scenario['title_en']}")
        self.player.play(self.scenario)
        self.prove()

    def prove(self) -> None:
        """The history of what was played, and its proof."""
        number = self.player.cases[self.scenario["replay"]["number"]].number
        self._timeline(number)
        for day in self.scenario["replay"]["days"]:
            self._as_of(number, day)
        self._difference(number, *self.scenario["replay"]["days"])
        self._bundle(number)
        asyncio.run(self._tamper())

    # --- telling -----------------------------------------------------------------------------------

    def _headline(self, words: str) -> None:
        self.console.print()
        self.console.rule(f"[bold]{words}")

    def _tell(self, happened: Happened) -> None:
        step, day = happened.step, happened.at.date().isoformat()
        line = Text()
        line.append(f"{day if day != self._day else '':<11}", "bold")
        self._day = day
        line.append(f"{step.get('row', ''):>3}  ", "dim")
        line.append(MARKS[happened.outcome] + " ", STYLES[happened.outcome])
        line.append(f"{step.get('who') or step.get('as', ''):<38}")
        line.append(f"{step.get('do', '').rpartition(':')[2]:<26}")
        line.append(f"{happened.number:<27}", "dim")
        line.append(happened.words, STYLES[happened.outcome])
        if happened.rule:
            line.append(f"  [{happened.rule}]", "dim")
        self.console.print(line, soft_wrap=True)

    # --- replay ------------------------------------------------------------------------------------

    def _audit(self, path: str, **params: Any) -> dict[str, Any]:
        given = {k: v for k, v in params.items() if v is not None}
        answer = self.player.get(self.scenario["replay"]["auditor"], f"/audit/v1{path}", **given)
        body: dict[str, Any] = answer.json()
        return body

    def _whole_timeline(self, number: str) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = self._audit(f"/cases/{number}/timeline", limit=500, cursor=cursor)
            events += page["events"]
            cursor = page["next"]
            if cursor is None:
                return events

    def _timeline(self, number: str) -> None:
        """The whole story from one number, and that it holds what the table promised."""
        self._headline(f"回放 · the history of {number}, from every service")
        events = self._caught_up(number)
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("发生", "服务", "事件", "编号", "何人", "规则", ""):
            table.add_column(name, no_wrap=True)
        for event in events:
            when = datetime.fromisoformat(event["occurred_at"]).astimezone(SHANGHAI)
            table.add_row(
                when.strftime("%Y-%m-%d %H:%M"),
                event["service"],
                event["type"],
                event["number"],
                event["by"]["actor"],
                event["rule"],
                _detail(event),
            )
        self.console.print(table)
        self.console.print(f"{len(events)} events; every event that the table promises is there, in order.")

    def _missing(self, events: list[dict[str, Any]]) -> str:
        """The first event that the table promises and audit does not replay on its day; "" where all are
        there. Per service the promised ones are a subsequence of what happened."""
        for service in PUBLISHERS:
            told = iter(
                (e["type"], datetime.fromisoformat(e["occurred_at"]).astimezone(SHANGHAI).date().isoformat())
                for e in events
                if e["service"] == service
            )
            # A case that stands apart (a sealed envelope) is no part of this story for those who replay it.
            apart = self.scenario["replay"].get("apart", ())
            told_of = (p for p in self.player.expected if p.service == service and p.case not in apart)
            for promise in told_of:
                if (promise.type, promise.day) not in told:
                    return f"{promise.type} of {service} on {promise.day}"
        return ""

    def _caught_up(self, number: str) -> list[dict[str, Any]]:
        """The timeline once all that is promised is there: audit follows each service in its own time."""
        events: list[dict[str, Any]] = []

        def complete() -> bool:
            with suppress(Departure):  # a case that audit has not heard of yet
                events[:] = self._whole_timeline(number)
                return not self._missing(events)
            return False

        try:
            self.player.patiently({"wait": "audit"}, complete)
        except Departure:
            missing = self._missing(self._whole_timeline(number))
            raise Departure(f"audit does not tell {missing}") from None
        return events

    def _as_of(self, number: str, day: str) -> None:
        """The case as it was known on a day, which is what its services answered that day."""
        self._headline(f"截至 {day[:10]} · as recorded before {day}")
        streams = {s["id"]: s for s in self._audit(f"/cases/{number}/state", as_of=day)["streams"]}
        for view in streams.values():
            self.console.print(
                f"  {view['kind']:<18}{view['number']:<28}{view['state']:<18}version {view['version']}"
            )
        instant = datetime.fromisoformat(day)
        given = {v["id"]: v for at, _, v in self.player.answers if at < instant}
        same = 0
        for id, view in given.items():
            later = streams.get(id)
            if later is not None and later["version"] == view["version"]:
                if later != view:
                    raise Departure(f"audit replays {view['kind']} otherwise than its service answered")
                same += 1
        if same == 0:
            raise Departure("no answer of that time to compare with")
        self.console.print(f"  {same} answers given before that day are exactly what is replayed now.")

    def _difference(self, number: str, begin: str, end: str) -> None:
        self._headline(f"{begin[:10]} → {end[:10]} · what changed in between")
        for stream in self._audit(f"/cases/{number}/difference", **{"from": begin, "to": end})["streams"]:
            before = stream["before"]["state"] if stream["before"] else "—"
            self.console.print(
                f"  {stream['kind']:<18}{stream['number']:<28}{before} → {stream['after']['state']}"
            )

    # --- proof -------------------------------------------------------------------------------------

    def _bundle(self, number: str) -> None:
        """A bundle of evidence, checked with nothing but itself and the public key."""
        self._headline("证明 · proof, checked offline")
        bundle = self._audit(f"/cases/{number}/bundle", withhold="L2")
        key = self.player.client(self.scenario["replay"]["auditor"]).get("/audit/v1/logs/key")
        with tempfile.TemporaryDirectory() as folder:
            path, keys = Path(folder) / "bundle.json", Path(folder) / "keys"
            path.write_text(json.dumps(bundle), "utf-8")
            keys.write_text(key.text, "utf-8")
            if verify_bundle([str(path), "--key", str(keys)]) != 0:
                raise Departure("the bundle does not verify")
            bundle["entries"][0]["topic"] = "intake.SomethingElse"
            path.write_text(json.dumps(bundle), "utf-8")
            self.console.print("  …and with one word changed in the bundle:")
            if verify_bundle([str(path), "--key", str(keys)]) == 0:
                raise Departure("an altered bundle was not noticed")

    async def _tamper(self) -> None:
        """The stores as they are, then a copy of one with one row altered by its own administrator."""
        audit = self.stack.database_url("zm_audit")
        for service in PUBLISHERS:
            report = await verify_store(service, self.stack.database_url(f"zm_{service}"), audit)
            self.console.print(report.report())
            if not report.same:
                raise Departure(f"the store of {service} does not match its evidence")
        self._headline("篡改 · an administrator alters one row in a copy of the store")
        admin = self.stack.start_postgres().admin_url
        copy = "zm_clarification_altered"
        connection = await asyncpg.connect(admin)
        try:
            await connection.execute(f"DROP DATABASE IF EXISTS {copy}")
            await self._disconnected(connection, "zm_clarification", copy)
        finally:
            await connection.close()
        url = admin.rsplit("/", 1)[0] + f"/{copy}"
        connection = await asyncpg.connect(url)
        try:
            await connection.execute("ALTER TABLE clarification_events DISABLE TRIGGER USER")
            await connection.execute(
                "UPDATE clarification_events SET recorded_at = recorded_at - interval '1 day'"
                " WHERE notification_id = (SELECT (max(notification_id) + 1) / 2 FROM clarification_events)"
            )
        finally:
            await connection.close()
        report = await verify_store("clarification", url, audit)
        self.console.print(report.report())
        if report.same:
            raise Departure("verify-store did not notice the alteration")

    async def _disconnected(self, admin: asyncpg.Connection[Any], source: str, copy: str) -> None:
        """PostgreSQL copies a database only while nobody is connected to it."""
        service = source.removeprefix("zm_")
        self.stack.kill(service, signal.SIGTERM)
        try:
            await admin.execute(f"CREATE DATABASE {copy} TEMPLATE {source}")
        finally:
            self.stack.start_service(service)


def _detail(event: dict[str, Any]) -> str:
    """The addition to a line of the timeline: the code of a refusal, a due date."""
    told = event["event"] or {}
    if event["type"] == "CommandRefused":
        return f"✗ {told['command']}: {told['code']}"
    if event["type"].startswith("Deadline"):
        return f"{told['deadline']} due {told['due']}"
    return "  ".join(f"{d['id']} until {d['due']}" for d in event.get("deadlines", ()))


def main(
    argv: list[str] | None = None,
    out: Callable[[], Console] = lambda: Console(width=200),
    onlooker: Onlooker | None = None,
) -> int:
    """Plays the scenario or drill that is named (2 by default) on a fresh stack of its own. Exit status 2
    for one that does not exist."""
    arguments = sys.argv[1:] if argv is None else argv
    wanted = arguments[0] if arguments else "2"
    if wanted.upper() not in (known := there_are()):
        print(f"没有 {wanted} / there is no scenario {wanted}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    console = out()
    with tempfile.TemporaryDirectory(prefix="zhengming-demo-") as folder:
        console.print("启动 · starting PostgreSQL, NATS JetStream, five services and the front door …")
        with Stack(Path(folder), tell=tell_ready) as stack:
            console.print(f"started in {stack.started_in:.1f} s at {stack.front_url}")
            demo = Demo(stack, load(wanted.upper()), console, onlooker)
            try:
                demo.run()
            except Departure as departure:
                console.print(f"\n[bold red]DEPARTURE[/] {departure}", soft_wrap=True)
                return 1
            finally:
                demo.player.close()
        console.print("\n[bold green]完 · done: every step as the table says, and the proof holds.[/]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
