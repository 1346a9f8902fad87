"""The guards of the evidence: everything that is stored is looked at, and every difference is told."""

from __future__ import annotations

import asyncio
import json
import secrets
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import asyncpg
import httpx
import pytest

from deploy.local.postgres import Postgres
from services.audit.main import _check, _dead, build
from services.audit.tables import ACCESS
from shared.kernel.bus.envelope import open as open_envelope
from shared.kernel.bus.envelope import to_cloudevent
from shared.kernel.settings import Settings
from tests.audit.conftest import Audit, KnownPeople
from tests.audit.test_replay import timeline
from tests.audit.test_verify_store import ADD, SIZE, SWAP, Store
from tests.audit.test_watch import LATER, read
from tests.audit.world import EPOCH, KEY, World
from tests.servers import Database, migrated_database


async def do(database: Database, *statements: str) -> None:
    """Acts as somebody with all rights over audit's database."""
    connection = await asyncpg.connect(database.plain_admin_url)
    try:
        for table in ("access_log", "access_nodes", "checkpoints", "ledger", "nodes"):
            await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def metric(audit: Audit, name: str) -> float | None:
    """A number as Prometheus reads it."""
    lines = (await audit.client.get("/metrics")).text.splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)), None)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes pages so small that the few rows there are go over several."""
    monkeypatch.setattr("services.audit.guard.PAGE", 4)


# --- The access log ---


@pytest.fixture
async def replayed(told: Audit) -> Audit:
    """Five replays, three of them signed over."""
    for n in range(5):
        if n == 3:
            await told.parts.trees.checkpoint(ACCESS)
        await timeline(told)
    return told


CUT = ("DELETE FROM access_log WHERE id > 2", "DELETE FROM access_nodes WHERE idx << level >= 2")


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        (("UPDATE access_log SET who = 'p-nobody' WHERE id = 2",), "record 2 of the access log was altered"),
        (
            ("UPDATE access_log SET at = at - interval '1 day' WHERE id = 5",),
            "record 5 of the access log was",
        ),
        (("DELETE FROM access_log WHERE id = 2",), "record 2 of the access log is missing"),
        (("DELETE FROM access_log WHERE id > 3",), "record 4 of the access log is missing"),
        (CUT, "the access log was cut off: it had 3 records when it was signed, now 2"),
        (("DELETE FROM access_nodes", "DELETE FROM access_log"), "was cut off: it had 3"),
        (
            ("UPDATE access_nodes SET hash = sha256(hash) WHERE level = 0 AND idx = 4",),
            "does not fit its tree",
        ),
        (("DELETE FROM access_nodes WHERE level = 0 AND idx = 4",), "records that are in no tree"),
        (("UPDATE checkpoints SET root = sha256(root)",), "the checkpoint at 3 is not what was signed"),
        (
            ("UPDATE checkpoints SET note = replace(note, '3', '4')",),
            "the checkpoint at 3 is not what was signed",
        ),
    ],
)
async def test_64_what_was_done_to_the_access_log_is_told(
    replayed: Audit, database: Database, statements: tuple[str, ...], found: str
) -> None:
    """Altered, removed, cut off at the end, forged: nobody has the key that signs."""
    assert await replayed.parts.guard.check_access() == []
    await do(database, *statements)
    assert any(found in told for told in await replayed.parts.guard.check_access())


async def test_64_an_access_log_written_anew_is_told(
    replayed: Audit, database: Database, tmp_path: Path, settings: Settings
) -> None:
    """As a whole, with a sound tree: the signature over its beginning says that it was another one; and where
    the signatures were removed as well, what is kept outside does, and the process that saw it."""
    note = await replayed.parts.trees.checkpoint(ACCESS)
    (tmp_path / "kept").write_text(note)
    assert await replayed.parts.guard.check_kept(tmp_path / "kept") == []
    await do(database, "DELETE FROM access_log", "DELETE FROM access_nodes", "DELETE FROM replayed")
    replayed.parts.access._tree = None
    for _ in range(7):
        await timeline(replayed)
    found = await replayed.parts.guard.check_access()
    assert "the access log is another one than was signed at 3 records" in found
    await do(database, "DELETE FROM checkpoints")
    (seen,) = await replayed.parts.guard.check_access()
    assert "no longer holds what it held at 5" in seen
    assert await _check(settings, []) == 0
    assert await _check(settings, [tmp_path / "kept"]) == 1
    assert await _check(settings, [tmp_path / "nothing-there"]) == 2


# --- The services' stores ---


@pytest.fixture
async def store(server: Postgres, audit: Audit) -> Store:
    """A store that audit guards, and whose whole log it has received."""
    store = Store(await migrated_database(server, "zm_intake", "services/intake/migrations"))
    await store.fill(SIZE)
    published = [open_envelope(to_cloudevent(entry, KEY, EPOCH), KEY) for entry in store.entries]
    await audit.parts.ledger.take_in(published)
    audit.parts.guard._stores = {"intake": store.url}
    return store


@pytest.mark.parametrize(
    ("statement", "position"),
    [
        ("UPDATE intake_events SET state = state || 'x' WHERE notification_id = 3", 3),
        ("UPDATE intake_events SET correlation_id = gen_random_uuid() WHERE notification_id = 4", 4),
        ("UPDATE intake_events SET event_id = gen_random_uuid() WHERE notification_id = 5", 5),
        ("DELETE FROM intake_events WHERE notification_id = 9", 9),
        (SWAP, 3),
    ],
)
async def test_the_worker_tells_what_was_done_to_a_store(
    audit: Audit, store: Store, statement: str, position: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself, without anybody running a command: an alarm and a line of the log, until it is put right."""
    told: list[dict[str, object]] = []
    monkeypatch.setattr("services.audit.rounds.log.error", lambda event, **named: told.append(named))
    await audit.parts.rounds.look_at("intake")
    assert (told, await metric(audit, 'zm_halted{part="evidence.intake"}')) == ([], 0)
    looked = await metric(audit, 'zm_audit_checked_timestamp_seconds{part="intake"}')
    await store.break_by("CREATE TABLE before AS SELECT * FROM intake_events", statement)
    guarding = asyncio.create_task(audit.parts.rounds.guard(0.01, 0.01))
    while await metric(audit, 'zm_halted{part="evidence.intake"}') != 1:
        await asyncio.sleep(0.01)
    assert f"position {position}:" in str(told[0]["findings"])
    await store.break_by("DELETE FROM intake_events", "INSERT INTO intake_events SELECT * FROM before")
    while await metric(audit, 'zm_halted{part="evidence.intake"}') != 0:
        await asyncio.sleep(0.01)
    guarding.cancel()
    again = await metric(audit, 'zm_audit_checked_timestamp_seconds{part="intake"}')
    assert looked is not None
    assert again is not None
    assert again > looked


async def test_a_row_at_a_place_that_no_log_has_is_told(audit: Audit, store: Store) -> None:
    """A service would fold it with its stream, and no relay would ever come to it."""
    assert await audit.parts.guard.check_log("intake") == []
    await store.break_by(ADD.format(position=-7))
    (told,) = await audit.parts.guard.check_log("intake")
    assert "not those of a log" in told


async def test_a_ledger_of_every_kind_of_event_is_as_it_was_sealed(told: Audit, world: World) -> None:
    """Cases, refusals, readings of one and of several: nothing is told of what nobody touched."""
    read(world.intake, "p-searching", LATER, world.first, world.second)
    await told.take_in(world.intake)
    for producer in world.producers:
        assert await told.parts.guard.check_log(producer.service) == []


async def test_a_store_that_is_away_is_looked_at_again(audit: Audit, store: Store) -> None:
    """Being away is no finding, and no look either: the time of the last one stays."""
    audit.parts.guard._stores = {"intake": store.url.replace(store.database.name, "nowhere")}
    assert not await audit.parts.rounds.look_at("intake")
    assert await metric(audit, 'zm_audit_checked_timestamp_seconds{part="intake"}') == 0
    assert await metric(audit, 'zm_part_errors_total{part="guard.intake"}') == 1


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (
            "UPDATE ledger SET organ = 'DI-99' WHERE position = 2",
            "position 2: audit's ledger was altered (organ)",
        ),
        (
            "UPDATE ledger SET line = convert_to(replace(convert_from(line, 'UTF8'), 'p-clerk', 'p-x'),"
            " 'UTF8') WHERE position = 3",
            "position 3: audit's ledger was altered (line)",
        ),
        (
            "UPDATE ledger SET sealed = sealed || 'x' WHERE position = 4",
            "position 4: audit's ledger was altered (sealed)",
        ),
        ("UPDATE ledger SET content_digest = sha256('') WHERE position = 5", "does not fit its tree"),
        ("DELETE FROM ledger WHERE position = 6", "lacks events"),
        ("UPDATE nodes SET hash = sha256(hash) WHERE level = 3", "does not fit its tree"),
    ],
)
async def test_audits_own_ledger_is_held_against_its_seals(
    audit: Audit, store: Store, database: Database, statement: str, found: str
) -> None:
    """A clear column beside sealed content decides who sees it, and is no truer for that."""
    assert await audit.parts.guard.check_log("intake") == []
    await do(database, statement)
    assert any(found in told for told in await audit.parts.guard.check_log("intake"))


# --- Checkpoints leave the machine ---


async def test_64_checkpoints_leave_the_machine_each_hour(
    told: Audit, world: World, settings: Settings, database: Database
) -> None:
    """Once an hour to each place; what was sent convicts an audit that was written anew with all its
    signatures. A place outside the organs learns no size of a log (SEC-1)."""
    assert await told.parts.outside.send_hourly()
    assert not await told.parts.outside.send_hourly()
    for kind in settings.checkpoint_places:
        while await told.parts.outgoing.deliver_next(kind):
            pass
    files = sorted(settings.outgoing_dir.iterdir(), key=lambda file: file.stat().st_size)
    assert len(files) == 2
    digest, message = (json.loads(file.read_bytes()) for file in files)
    assert (digest["kind"], message["kind"]) == ("checkpoint-timestamp", "checkpoint-superior")
    assert digest["payload"].keys() == {"format", "origin", "hour", "sha256"}
    assert message["payload"]["checkpoints"].keys() >= {"intake", "verification", "access"}
    assert await _check(settings, [files[1]]) == 0
    await do(
        database,
        "DELETE FROM checkpoints",
        "DELETE FROM nodes WHERE service = 'intake' AND idx << level >= 4",
    )
    assert await told.parts.guard.check_kept(files[1]) == [
        f"intake had {len(world.intake.entries)} leaves when it was signed, now 4"
    ]


async def test_a_log_that_changed_is_sent_no_more(
    told: Audit, settings: Settings, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others are; what was given up is sent again by `dead replay`."""
    await told.parts.trees.checkpoint("intake")
    await do(database, "UPDATE nodes SET hash = sha256(hash) WHERE service = 'intake' AND level = 2")
    assert await told.parts.outside.send_hourly()
    async with told.parts.engine.connect() as connection:
        query = "SELECT payload FROM effects WHERE kind = 'checkpoint-superior'"
        payload = (await connection.exec_driver_sql(query)).scalar_one()
    assert "verification" in payload["checkpoints"]
    assert "intake" not in payload["checkpoints"]
    await do(database, "UPDATE effects SET state = 'dead'")
    capsys.readouterr()
    assert await _dead(settings, Namespace(what="list")) == 1
    key = next(
        line.split()[0] for line in capsys.readouterr().out.splitlines() if "checkpoint-superior" in line
    )
    assert await _dead(settings, Namespace(what="replay", key=["nothing"], all=False)) == 1
    assert not await told.parts.outgoing.deliver_next("checkpoint-superior")
    assert await _dead(settings, Namespace(what="replay", key=[key], all=False)) == 0
    assert await told.parts.outgoing.deliver_next("checkpoint-superior")
    assert settings.outgoing_dir.exists()


async def test_64_a_running_audit_does_all_this_by_itself(settings: Settings, store: Store) -> None:
    """From its start on: it looks, signs and sends, without anybody running a command."""
    app, parts = build(replace(settings, stores={"intake": store.url}), KnownPeople())
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://audit") as client,
    ):
        running = Audit(parts, client)
        for part in ("access", "intake"):
            while not await metric(running, f'zm_audit_checked_timestamp_seconds{{part="{part}"}}'):
                await asyncio.sleep(0.05)
        while len(list(settings.outgoing_dir.glob("*.json"))) < len(settings.checkpoint_places):
            await asyncio.sleep(0.05)
        assert await metric(running, 'zm_audit_proved{service="intake"}') == SIZE
        assert await metric(running, 'zm_outgoing_dead{kind="checkpoint-superior"}') == 0


def test_production_keeps_its_evidence_guarded(tmp_path: Path) -> None:
    """Audit starts with two places outside, all stores to look at, and a name for its logs; else not at
    all."""
    (tmp_path / "bus.key").write_bytes(secrets.token_bytes(32))
    (tmp_path / "bus.key").chmod(0o600)
    stores = {
        f"ZM_STORE_URL_{name}": "postgresql+asyncpg://x@db.example/zm?ssl=verify-full"
        for name in ("INTAKE", "VERIFICATION", "CLARIFICATION", "FOLLOWUP")
    }
    whole = stores | {
        "ZM_ISSUER": "https://id.example",
        "ZM_JWKS_URL": "https://id.example/jwks",
        "ZM_KEYS_DIR": str(tmp_path),
        "ZM_DATABASE_URL": "postgresql+asyncpg://x@db.example/zm_audit?ssl=verify-full",
        "ZM_NATS_URL": "tls://bus.example",
        "ZM_NATS_SEED_FILE": str(tmp_path / "seed"),
        "ZM_LOG_ORIGIN": "zm.example.org",
        "ZM_OUTGOING_CHECKPOINT_SUPERIOR": "https://city.example/checkpoints",
        "ZM_OUTGOING_CHECKPOINT_TIMESTAMP": "https://time.example/stamp",
    }
    assert Settings.from_env("audit", whole).checkpoint_places == [
        "checkpoint-superior",
        "checkpoint-timestamp",
    ]
    Settings.from_env("audit", whole).check_complete()
    for name in ("ZM_LOG_ORIGIN", "ZM_OUTGOING_CHECKPOINT_SUPERIOR", *stores):
        told = Settings.from_env("audit", {k: v for k, v in whole.items() if k != name})
        with pytest.raises(SystemExit, match="ZM_"):
            told.check_complete()
    same = whole | {"ZM_OUTGOING_CHECKPOINT_TIMESTAMP": "https://city.example/stamp"}
    with pytest.raises(SystemExit, match="two places"):
        Settings.from_env("audit", same).check_complete()
    assert replace(Settings.from_env("audit", whole), outgoing={}).checkpoint_places == []
