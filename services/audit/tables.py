"""audit's tables: facts that are only ever added, and a few small ones that move.

The columns that the queries need are L1 and stand in clear; the content of an event, and the salt of its
digest, lie sealed in `ledger.sealed` (`shared.kernel.store.sealing`). `streams`, `numbers`, `claims`, `links`
and `subjects` follow from the ledger; they are written in the same transaction, and no more than the ledger
can they be changed.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from shared.kernel.settings import AUDIT
from shared.kernel.settings import PUBLISHERS as PUBLISHERS
from shared.kernel.store.schema import KernelTables

ACCESS = "access"
"""The log of replays: audit's own, with a tree under the same key."""
LOGS = (*PUBLISHERS, ACCESS)
SERVICE = AUDIT
ROLE = f"zm_{SERVICE}"
OPENINGS = ("CaseRead", "CasesRead", "IdentityAccessed")
"""Events by which somebody was shown a case, or who reported it: bulk reading is counted by them (SEC-9)."""
READINGS = ("CaseRead", "CasesRead", "BulkReadAlert", "ReplayPerformed", "ExportMade")
"""Events that only say who looked: a timeline counts them (§6.6)."""


def _time(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False)


def _text(name: str) -> Column[object]:
    return Column(name, Text, nullable=False)


def _uuid(name: str) -> Column[object]:
    return Column(name, Uuid, nullable=False)


def _bytes(name: str) -> Column[object]:
    return Column(name, LargeBinary, nullable=False)


def _place() -> tuple[Column[object], Column[object]]:
    """The place of an event: the publishing service and the position in its log."""
    return (
        Column("service", Text, primary_key=True),
        Column("position", BigInteger, primary_key=True, autoincrement=False),
    )


METADATA = MetaData()

LEDGER = Table(
    "ledger",
    METADATA,
    *_place(),
    Column("event_id", Uuid, nullable=False, unique=True),
    _uuid("stream"),
    Column("version", BigInteger, nullable=False),
    _text("kind"),
    _text("organ"),
    _text("type"),
    _text("topic"),
    _text("state"),
    _text("actor"),
    _text("role"),
    _text("actor_organ"),
    _uuid("correlation_id"),
    Column("about", ARRAY(Uuid), nullable=False),
    _time("occurred_at"),
    _time("recorded_at"),
    _bytes("state_digest"),
    _bytes("content_digest"),
    _text("algorithm"),
    _bytes("line"),
    Column("event_at", Integer, nullable=False),
    Column("hidden", Boolean, nullable=False),
    Column("confidential", Boolean, nullable=False),
    _bytes("sealed"),
)
"""`line` is the L1 part of the timeline's entry, ready to be sent; `event_at` says where in the sealed
content the event begins; `hidden` marks an event with a field that nobody here has classified; `confidential`
one with an L2 field; `about` names the cases that a refusal, a reading or a reminder is of; `algorithm` is
the one of both digests."""
Index("ledger_stream_idx", LEDGER.c.stream, LEDGER.c.version)
Index(
    "ledger_readings_idx",
    LEDGER.c.about,
    postgresql_using="gin",
    postgresql_where=LEDGER.c.type.in_(READINGS),
)

STREAMS = Table(
    "streams",
    METADATA,
    Column("stream", Uuid, primary_key=True),
    _text("service"),
    _text("kind"),
    _text("organ"),
    _uuid("correlation_id"),
    Column("about", Uuid),
)
"""The streams that a timeline shows. Readings, each a stream of its own, are only counted: see SEEN."""
Index("streams_correlation_idx", STREAMS.c.correlation_id)

NUMBERS = Table(
    "numbers",
    METADATA,
    Column("number", Text, primary_key=True),
    _uuid("stream"),
    _uuid("correlation_id"),
    _time("occurred_at"),
    _time("recorded_at"),
)
Index("numbers_stream_idx", NUMBERS.c.stream)

CLAIMS = Table(
    "claims",
    METADATA,
    *_place(),
    Column("target", Text, primary_key=True),
    _uuid("correlation_id"),
    _time("occurred_at"),
    _time("recorded_at"),
)
"""The claims of events about what they belong to (a stream, a number, an event that caused it). Services are
taken in side by side, so the target may come later: then the link is made when it does."""
Index("claims_target_idx", CLAIMS.c.target)

LINKS = Table(
    "links",
    METADATA,
    Column("correlation_id", Uuid, primary_key=True),
    Column("other", Uuid, primary_key=True),
    *_place(),
    _time("occurred_at"),
    _time("recorded_at"),
)
"""The correlations that an event joined, in both directions, and when that was known."""

SUBJECTS = Table(
    "subjects",
    METADATA,
    *_place(),
    Column("subject", Text, primary_key=True),
    _uuid("stream"),
    _uuid("correlation_id"),
    _time("occurred_at"),
    _time("recorded_at"),
)
"""The people of whom an event speaks, by the register's reference (a random id, no name)."""
Index("subjects_stream_idx", SUBJECTS.c.stream)
Index("subjects_correlation_idx", SUBJECTS.c.correlation_id, SUBJECTS.c.subject)

MATTERS = Table(
    "matters",
    METADATA,
    Column("stream", Uuid, primary_key=True),
    Column("matter", Uuid, primary_key=True),
)
"""The matters that each stream belongs to (B1)."""

EXCLUSIONS = Table(
    "exclusions",
    METADATA,
    *_place(),
    Column("matter", Uuid, primary_key=True),
    _text("person"),
    _uuid("stream"),
    Column("excluded", Boolean, nullable=False),
)
"""The persons excluded from matters, and let in again (B2): the latest word of each stream holds."""
Index("exclusions_idx", EXCLUSIONS.c.matter, EXCLUSIONS.c.person)

ALERTS = Table(
    "alerts",
    METADATA,
    *_place(),
    Column("id", Uuid, nullable=False, unique=True),
    _time("raised_at"),
    _text("person"),
    _text("role"),
    _text("organ"),
    Column("from_above", Boolean, nullable=False),
    _text("code"),
    _text("object"),
    Column("severity", SmallInteger, nullable=False),
    Column("about", ARRAY(Uuid), nullable=False),
)
"""The alerts of the services (B47): who gave rise to each, and the organ whose internal supervision hears of
it, or the one above that where `from_above` is true. `about` names the streams by whose matters somebody may
be excluded from it. Audit's own stand in the access log."""

Index(
    "ledger_openings_idx",
    LEDGER.c.actor,
    LEDGER.c.recorded_at,
    postgresql_where=LEDGER.c.type.in_(OPENINGS),
)


def _nodes(name: str) -> Table:
    return Table(
        name,
        METADATA,
        Column("service", Text, primary_key=True),
        Column("level", SmallInteger, primary_key=True, autoincrement=False),
        Column("idx", BigInteger, primary_key=True, autoincrement=False),
        _bytes("hash"),
    )


NODES = _nodes("nodes")
ACCESS_NODES = _nodes("access_nodes")
"""The tree of the access log, apart from the tables that a rebuild makes anew."""

CHECKPOINTS = Table(
    "checkpoints",
    METADATA,
    Column("service", Text, primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("signed_at", DateTime(timezone=True), primary_key=True),
    _bytes("root"),
    _text("note"),
)

ACCESS_LOG = Table(
    "access_log",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    _time("at"),
    _text("who"),
    _text("role"),
    _text("organ"),
    _text("action"),
    _text("object"),
    Column("about", Uuid),
    _text("as_of"),
    _text("by"),
    _text("outcome"),
    _bytes("hash"),
    Column("sealed", LargeBinary, nullable=False, server_default=""),
)
"""`hash` is the record's leaf; leaf i of the tree is the record i + 1. `sealed` holds words of a person,
where there are some."""
CLOSING, CLOSED = "close-alert", "closed"
"""Action and outcome of the record that ends the alert `about`; `object` says with what result (B47)."""
Index(
    "access_log_closed_idx",
    ACCESS_LOG.c.about,
    unique=True,
    postgresql_where=(ACCESS_LOG.c.action == CLOSING) & (ACCESS_LOG.c.outcome == CLOSED),
)
Index("access_log_about_idx", ACCESS_LOG.c.about)
Index("access_log_who_idx", ACCESS_LOG.c.who, ACCESS_LOG.c.at)
Index("access_log_alerts_idx", ACCESS_LOG.c.id, postgresql_where=ACCESS_LOG.c.outcome == "alert")


def _counts(name: str) -> Table:
    """Counts of somebody's looks at something: running totals of a log that also has every single time."""
    return Table(
        name,
        METADATA,
        Column("about", Uuid, primary_key=True),
        Column("who", Text, primary_key=True),
        Column("role", Text, primary_key=True),
        Column("organ", Text, primary_key=True),
        Column("count", BigInteger, nullable=False),
        _time("first"),
        _time("last"),
    )


SEEN = _counts("seen")
"""Totals of the readings in the ledger, by the stream that was read."""
REPLAYED = _counts("replayed")
"""Totals of the access log, by the stream that was asked for."""


TRACKING = Table(
    "tracking",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("event_id", Uuid),
    Column("epoch", Uuid),
)
"""The place up to which each log is taken in: an event of that log, and its epoch."""
WATCHED = Table(
    "watched",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
)
"""The place up to which each log, the access log too, was looked at for bulk reading."""

DERIVED = (LEDGER, STREAMS, NUMBERS, CLAIMS, LINKS, SUBJECTS, MATTERS, EXCLUSIONS, ALERTS, NODES)
"""Tables that the producers' logs give again."""
OWN = (CHECKPOINTS, ACCESS_LOG, ACCESS_NODES)
"""Tables that only audit has: its signatures, and the log of replays."""
_PARKED = KernelTables(SERVICE).parked
_EFFECTS = KernelTables(SERVICE).effects


def create(connection: Connection) -> None:
    """Creates everything in the connection's schema."""
    connection.execute(text(_FACTS))
    create_ingest(connection)
    _create(connection, OWN)
    for table in (REPLAYED, WATCHED, _EFFECTS):
        _create_moving(connection, table)


def create_guards(connection: Connection) -> None:
    """Creates the tables that an older audit lacks."""
    _create(connection, (ACCESS_LOG, ACCESS_NODES))
    for table in (WATCHED, _EFFECTS):
        _create_moving(connection, table)
    for index in LEDGER.indexes:
        index.create(connection, checkfirst=True)


def create_closing(connection: Connection) -> None:
    """Adds to an older audit what the end of an alert needs; a rebuild brings the alerts of before."""
    connection.execute(text("ALTER TABLE access_log ADD COLUMN sealed bytea NOT NULL DEFAULT ''"))
    for index in ACCESS_LOG.indexes:
        index.create(connection, checkfirst=True)
    _create(connection, (ALERTS,))


def create_ingest(connection: Connection) -> None:
    """Creates the tables that a rebuild fills; `create` was called in schema public before."""
    _create(connection, DERIVED)
    for table in (TRACKING, SEEN, _PARKED):
        _create_moving(connection, table)
    connection.execute(text(f"GRANT DELETE ON parked TO {ROLE}"))
    connection.execute(text(f"GRANT USAGE ON SEQUENCE parked_id_seq TO {ROLE}"))


def create_checkpoints(connection: Connection) -> None:
    """Creates the table of checkpoints anew, after the old one was put away."""
    _create(connection, (CHECKPOINTS,))


def _create_moving(connection: Connection, table: Table) -> None:
    table.create(connection)
    connection.execute(text(f"GRANT SELECT, INSERT, UPDATE ON {table.name} TO {ROLE}"))


def _create(connection: Connection, tables: tuple[Table, ...]) -> None:
    for table in tables:
        table.create(connection)
        for statement in _guard(table.name):
            connection.execute(text(statement))


_FACTS = """
    CREATE OR REPLACE FUNCTION public.zm_audit_only_adds() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'audit only adds: % of % is refused', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END $$
    """


def _guard(table: str) -> Iterator[str]:
    """A trigger that lets the service add and read, and nobody change, whoever asks."""
    yield (
        f"CREATE TRIGGER {table}_only_adds BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION public.zm_audit_only_adds()"
    )
    yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_only_adds"
    yield f"REVOKE ALL ON {table} FROM {ROLE}"
    yield f"GRANT SELECT, INSERT ON {table} TO {ROLE}"
