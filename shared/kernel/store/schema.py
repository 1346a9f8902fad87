"""The kernel's tables: SQLAlchemy Core, in the event sourcing library's layout with columns of our own.

`create_kernel` is for a service's first Alembic migration. Afterwards the events belong to nobody: the
service's user may add and read them, and a trigger refuses to change them even to the owner.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Sequence,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

VIEW_SCHEMA = "view"
"""The schema in which the read models serve."""
NEXT_SCHEMA = "view_next"
"""The schema in which a rebuild fills the next generation, beside the one that serves."""

_INDEX_NAME = "%(table_name)s_%(column_0_N_name)s_idx"

# The library's own settings: an insert-only table needs analysing often and vacuuming seldom.
_INSERT_ONLY = {
    "autovacuum_enabled": "true",
    "autovacuum_vacuum_threshold": "100000000",
    "autovacuum_vacuum_scale_factor": "0.5",
    "autovacuum_analyze_threshold": "1000",
    "autovacuum_analyze_scale_factor": "0.01",
}


def _time() -> DateTime:
    return DateTime(timezone=True)


class KernelTables:
    """The tables that every service's database has; the first two carry the service's name."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.metadata = metadata = MetaData()
        self.events = Table(
            f"{service}_events",
            metadata,
            Column("originator_id", Uuid, primary_key=True),
            Column("originator_version", BigInteger, primary_key=True, autoincrement=False),
            Column("topic", Text, nullable=False),
            Column("state", LargeBinary, nullable=False),
            Column("notification_id", BigInteger, nullable=False),
            Column("recorded_at", _time(), nullable=False),
            Column("content_digest", LargeBinary, nullable=False),
            Column("correlation_id", Uuid, nullable=False),
            Column("event_id", Uuid, nullable=False),
        )
        # The library's name for it, so that its `CREATE INDEX IF NOT EXISTS` finds it.
        Index(f"{service}_events_notification_id_idx", self.events.c.notification_id, unique=True)
        Index(f"{service}_events_correlation_id_idx", self.events.c.correlation_id)
        self.tracking = Table(
            f"{service}_tracking",
            metadata,
            Column("application_name", Text, primary_key=True),
            Column("notification_id", BigInteger, nullable=False),
            # The event that stood there, and in which epoch of the source's log: a position alone cannot tell
            # a log that was restored from the one that was read.
            Column("event_id", Uuid),
            Column("epoch", Uuid),
        )
        self.epochs = Table(
            "epochs",
            metadata,
            Column("number", BigInteger, Identity(always=True), primary_key=True),
            Column("id", Uuid, nullable=False, unique=True, server_default=func.gen_random_uuid()),
            Column("after", BigInteger, nullable=False),
            Column("began_at", _time(), nullable=False, server_default=func.now()),
        )
        self.commands = Table(
            "commands",
            metadata,
            Column("id", Uuid, primary_key=True),
            Column("request_hash", LargeBinary, nullable=False),
            Column("stream", Uuid, nullable=False),
            Column("answer", JSONB, nullable=False),
            Column("position", BigInteger, nullable=False),
            Column("recorded_at", _time(), nullable=False),
        )
        self.counters = Table(
            "counters",
            metadata,
            Column("series", Text, primary_key=True),
            Column("last", BigInteger, nullable=False),
        )
        self.parked = Table(
            "parked",
            metadata,
            Column("id", BigInteger, primary_key=True),
            Column("source", Text, nullable=False),
            Column("position", BigInteger, nullable=False),
            Column("event_id", Uuid),
            Column("correlation", Text, nullable=False),
            Column("reason", Text, nullable=False),
            Column("message", JSONB, nullable=False),
            Column("parked_at", _time(), nullable=False),
            Column("attempts", Integer, nullable=False, server_default=text("0")),
        )
        Index("parked_source_correlation_idx", self.parked.c.source, self.parked.c.correlation)
        self.effects = Table(
            "effects",
            metadata,
            Column("key", Text, primary_key=True),
            Column("kind", Text, nullable=False),
            Column("payload", JSONB, nullable=False),
            Column("state", Text, nullable=False, server_default=text("'pending'")),
            Column("attempts", Integer, nullable=False, server_default=text("0")),
            Column("created_at", _time(), nullable=False),
            Column("next_at", _time()),
            Column("done_at", _time()),
            Column("error", Text),
            Column("trace_id", Text, nullable=False, server_default=text("''")),
            Column("matters", ARRAY(Uuid), nullable=False, server_default=text("'{}'")),
            Column("seq", BigInteger, Identity(always=True), nullable=False),
        )
        Index(
            "effects_pending_idx",
            self.effects.c.created_at,
            postgresql_where=self.effects.c.state == "pending",
        )
        self.exclusions = Table(
            "exclusions",
            metadata,
            Column("matter", Uuid, primary_key=True),
            Column("person", Text, primary_key=True),
            Column("stream", Uuid, primary_key=True),
            Column("role", Text, nullable=False),
            Column("excluded", Boolean, nullable=False),
            Column("since", DateTime(timezone=True)),
            Column("number", BigInteger, Sequence("exclusions_number"), nullable=False, unique=True),
        )
        Index("exclusions_person_idx", self.exclusions.c.person)
        Index("effects_dead_idx", self.effects.c.key, postgresql_where=self.effects.c.state == "dead")

    @property
    def lock_key(self) -> int:
        """The advisory lock that every writer of this store takes."""
        digest = blake2b(f"zhengming.{self.service}_events".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True)


def view_metadata(schema: str = VIEW_SCHEMA) -> MetaData:
    """The metadata in which a read model declares its tables. An index is called by its table and columns, so
    by its version too: an index of the same name that an older version left would keep the new one from its
    tables."""
    return MetaData(schema=schema, naming_convention={"ix": _INDEX_NAME})


class ProjectionTables:
    """The bookkeeping of read models: how far each version has read, and which one serves."""

    def __init__(self) -> None:
        self.metadata = metadata = MetaData(schema=VIEW_SCHEMA)
        self.positions = Table(
            "projection_positions",
            metadata,
            Column("name", Text, primary_key=True),
            Column("version", Integer, primary_key=True, autoincrement=False),
            Column("position", BigInteger, nullable=False),
        )
        self.active = Table(
            "projection_active",
            metadata,
            Column("name", Text, primary_key=True),
            Column("version", Integer, nullable=False),
            Column("generation", BigInteger, nullable=False),
            Column("switched_at", _time(), nullable=False, server_default=func.now()),
        )


def create_kernel(connection: Connection, service: str, service_role: str) -> None:
    """Creates the kernel's tables and gives the service's user exactly the rights that it needs.

    The tables of read models are not made here: they belong to the service, whose projector makes and
    replaces them; it only gets its two schemas.
    """
    tables = KernelTables(service)
    tables.metadata.create_all(connection)
    for statement in (
        *_settings(tables),
        *_guard(tables.events.name),
        *_grants(connection, tables, service_role),
    ):
        connection.execute(text(statement))
    connection.execute(tables.epochs.insert().values(after=0))
    for schema in (VIEW_SCHEMA, NEXT_SCHEMA):
        _ensure_schema(connection, schema, service_role)


def _settings(tables: KernelTables) -> Iterator[str]:
    settings = ", ".join(f"{name} = {value}" for name, value in _INSERT_ONLY.items())
    yield f"ALTER TABLE {tables.events.name} SET ({settings})"


def _guard(events: str) -> Iterator[str]:
    """A trigger that keeps events as they are, whoever asks: owners, superusers, replication replays."""
    yield """
        CREATE OR REPLACE FUNCTION zm_events_are_facts() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'events are facts: % of % is refused', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'insufficient_privilege';
        END $$
        """
    yield (
        f"CREATE TRIGGER {events}_are_facts BEFORE UPDATE OR DELETE OR TRUNCATE ON {events} "
        "FOR EACH STATEMENT EXECUTE FUNCTION zm_events_are_facts()"
    )
    yield f"ALTER TABLE {events} ENABLE ALWAYS TRIGGER {events}_are_facts"


def _grants(connection: Connection, tables: KernelTables, service_role: str) -> Iterator[str]:
    role = connection.dialect.identifier_preparer.quote(service_role)
    yield f"GRANT USAGE ON SCHEMA public TO {role}"
    rights = {
        "SELECT, INSERT": (tables.events, tables.commands, tables.epochs),
        "SELECT, INSERT, UPDATE": (tables.tracking, tables.counters, tables.effects, tables.exclusions),
        "SELECT, INSERT, UPDATE, DELETE": (tables.parked,),
    }
    for right, granted in rights.items():
        for table in granted:
            yield f"REVOKE ALL ON {table.name} FROM {role}"
            yield f"GRANT {right} ON {table.name} TO {role}"
    yield f"GRANT USAGE ON SEQUENCE {tables.parked.name}_id_seq TO {role}"
    yield f"GRANT USAGE ON SEQUENCE exclusions_number TO {role}"


def _ensure_schema(connection: Connection, schema: str, service_role: str) -> None:
    """A schema in which the service may create tables; it may own it already."""
    known = connection.execute(text("SELECT 1 FROM pg_namespace WHERE nspname = :name"), {"name": schema})
    if known.scalar() is None:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    allowed = connection.execute(
        text("SELECT has_schema_privilege(:role, :name, 'CREATE')"), {"role": service_role, "name": schema}
    )
    if not allowed.scalar():
        role = connection.dialect.identifier_preparer.quote(service_role)
        connection.execute(text(f"GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}"))
