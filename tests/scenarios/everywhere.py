"""Everything that a running stack has written outside the vault, and the spellings of a word there.

The sources overlap: a text that is compressed or sealed in one is plain in another.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from hashlib import md5, sha256
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import nats
import psycopg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from deploy.local.door import PATIENCE_SECONDS
from deploy.local.postgres import binaries
from deploy.local.stack import SERVICES, Stack
from shared.kernel.bus import envelope
from shared.kernel.bus.envelope import BusKey
from shared.kernel.store.sealing import Sealer
from shared.kernel.suites import Digest
from tests.harness import files_of

PUBLISHERS = ("intake", "verification", "clarification", "followup")
VAULT = "zm_vault"
Found = tuple[str, bytes]
"""The place, and the bytes written there."""


EVERYTHING = ConsumerConfig(
    deliver_policy=DeliverPolicy.ALL, ack_policy=AckPolicy.NONE, mem_storage=True, inactive_threshold=30
)
"""A consumer of a stream from its beginning, gone when nobody asks it any more."""


class Message(NamedTuple):
    """One message as a JetStream stream holds it."""

    stream: str
    subject: str
    headers: str
    data: bytes


# --- how a word may be spelt ---


def spellings(word: str) -> dict[str, bytes]:
    """A word as it could stand somewhere: plainly, escaped, encoded, or by its digest."""
    plain = word.encode()
    found = {
        "utf-8": plain,
        "utf-16-le": word.encode("utf-16-le"),
        "utf-16-be": word.encode("utf-16-be"),
        "gb18030": word.encode("gb18030"),
        "json": json.dumps(word)[1:-1].encode(),
        "json, upper": json.dumps(word)[1:-1].upper().replace("\\U", "\\u").encode(),
        "url": quote(word, safe="").encode(),
        "hex": plain.hex().encode(),
        "hex, upper": plain.hex().upper().encode(),
        "repr of bytes": repr(plain)[2:-1].encode(),
        "octal": "".join(f"\\{byte:03o}" if byte > 126 else chr(byte) for byte in plain).encode(),
    }
    for shift in range(3):  # the middle of it, whatever stands before and behind
        begin = -(-shift * 4 // 3)
        for name, encode in (("base64", b64encode), ("base64url", urlsafe_b64encode)):
            text = encode(b"\0" * shift + plain)
            whole = (len(plain) + shift) * 4 // 3
            found[f"{name} {shift}"] = text[begin:whole]
    for name, digest in (
        ("sha-256", sha256(plain).digest()),
        ("md5", md5(plain, usedforsecurity=False).digest()),
        ("sm3", Digest.SM3.of(plain)),
    ):
        found |= {name: digest, f"{name}, hex": digest.hex().encode(), f"{name}, base64": b64encode(digest)}
    return found


class Search:
    """Looks for words in all their spellings."""

    def __init__(self, words: Iterable[str]) -> None:
        self._wanted = {spelling: (word, how) for word in words for how, spelling in spellings(word).items()}
        self._known: dict[bytes, list[tuple[str, str]]] = {}
        """The finds in a content, by its digest: the files of databases that were copied are equal."""

    def through(self, sources: Iterable[Found]) -> tuple[list[tuple[str, str, str]], int]:
        """The words that were found, with their places and spellings; and the number of places that were
        looked at."""
        hits, looked = [], 0
        for where, content in sources:
            looked += 1
            digest = sha256(content).digest()
            if digest not in self._known:
                found = [told for spelling, told in self._wanted.items() if spelling in content]
                self._known[digest] = found
            hits += [(where, *told) for told in self._known[digest]]
        return hits, looked


# --- the databases ---


def databases(stack: Stack) -> list[str]:
    """Every database of the server but the vault's and the template that nobody can connect to."""
    with psycopg.connect(stack.start_postgres().admin_url) as connection:
        rows = connection.execute("SELECT datname FROM pg_database WHERE datallowconn").fetchall()
    return sorted(name for (name,) in rows if name != VAULT)


def _admin_url(stack: Stack, database: str) -> str:
    return f"{stack.start_postgres().admin_url.rpartition('/')[0]}/{database}"


def dumps(stack: Stack) -> Iterator[Found]:
    """A dump of every database, as an administrator makes one; with every table in it."""
    for database in databases(stack):
        command = [str(binaries() / "pg_dump"), "--dbname", _admin_url(stack, database)]
        dump = subprocess.run(command, check=True, capture_output=True).stdout
        with psycopg.connect(_admin_url(stack, database)) as connection:
            for (table,) in connection.execute(
                "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
                " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            ):
                assert f"COPY {table} ".encode() in dump, table
        yield f"dump of {database}", dump


def rows(stack: Stack) -> Iterator[Found]:
    """Every row of every table outside the catalogues, each column as the client has it."""
    for database in databases(stack):
        with psycopg.connect(_admin_url(stack, database)) as connection:
            tables = connection.execute(
                "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
                " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            ).fetchall()
            for (table,) in tables:
                for row in connection.execute(f"SELECT * FROM {table}".encode()):
                    yield f"{database} {table}", b"\0".join(_plain(value) for value in row)


def _plain(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)).encode()


def opened_log(stack: Stack, service: str, connection: psycopg.Connection[Any]) -> Iterator[Found]:
    """The states of a service's log, opened with its own key."""
    sealer = Sealer.from_files(stack.data.keys / f"store-{service}.key", service)
    columns = "state, originator_id, originator_version, topic"
    for state, *place in connection.execute(f"SELECT {columns} FROM {service}_events".encode()):
        yield f"log of {service}, {place[2]}", sealer.open(state, *place)


def opened(stack: Stack) -> Iterator[Found]:
    """The sealed content at rest: the logs of the services and audit's ledger, opened with their own keys."""
    for service in PUBLISHERS:
        with psycopg.connect(_admin_url(stack, f"zm_{service}")) as connection:
            yield from opened_log(stack, service, connection)
    sealer = Sealer.from_files(stack.data.keys / "store-audit.key", "audit")
    with psycopg.connect(_admin_url(stack, "zm_audit")) as connection:
        query = "SELECT sealed, event_id, position, service, type FROM ledger"
        for sealed, *place, kind in connection.execute(query):
            yield f"ledger of audit, {kind}", sealer.open(sealed, *place)


# --- the bus ---


def messages_of(stack: Stack) -> list[Message]:
    """Every message of every stream, as the broker's administrator reads them."""
    return asyncio.run(_messages(stack))


async def _messages(stack: Stack) -> list[Message]:
    client = await nats.connect(stack.nats.url, nkeys_seed=str(stack.nats.seed_file("admin")))
    try:
        js, found = client.jetstream(), []
        for stream in await js.streams_info():
            name = stream.config.name
            assert name is not None
            if stream.state.messages == 0:
                continue
            [subject] = stream.config.subjects or [""]
            subscription = await js.subscribe(subject, stream=name, config=EVERYTHING)
            for _ in range(stream.state.messages):
                message = await subscription.next_msg(timeout=PATIENCE_SECONDS)
                found.append(Message(name, message.subject, str(message.headers or ""), message.data))
            await subscription.unsubscribe()
        return found
    finally:
        await client.close()


def messages(stack: Stack) -> Iterator[Found]:
    """The messages as they travel, and those of the services opened with the bus key."""
    key = BusKey.from_files(stack.data.keys / "bus.key")
    for message in messages_of(stack):
        where = f"stream {message.stream}, {message.subject}"
        yield where, message.subject.encode() + message.headers.encode() + message.data
        if message.subject.startswith("zm."):
            published = envelope.open(message.data, key)
            yield f"{where}, opened", json.dumps(published.content(), ensure_ascii=False).encode()


# --- files, and what is told about the parts ---


def files(stack: Stack) -> Iterator[Found]:
    """Every file of the data folder to the letter: tables and journals of PostgreSQL (the vault's too, in
    which it lies sealed), JetStream's blocks, logs of all parts, messages to the outside."""
    for path, content in files_of(stack.data.root):
        yield str(path.relative_to(stack.data.root)), content


def logs(stack: Stack) -> Iterator[Found]:
    """The logs of all parts."""
    for path in sorted(stack.data.logs.iterdir()):
        yield path.name, path.read_bytes()


def keep_spans(stack: Stack, bodies: Iterable[bytes]) -> None:
    """Keeps what a collector of spans was told, as it came."""
    folder = stack.data.root / "spans"
    folder.mkdir()
    for number, body in enumerate(bodies):
        (folder / str(number)).write_bytes(body)


def spans(stack: Stack) -> Iterator[Found]:
    """The spans that were told to a collector."""
    for path in sorted((stack.data.root / "spans").iterdir()):
        yield f"spans {path.name}", path.read_bytes()


def metrics(stack: Stack) -> Iterator[Found]:
    """The metrics that the services and the broker tell a watcher."""
    places = {f"metrics of {name}": f"{stack.direct_url(name)}/metrics" for name in SERVICES}
    monitor = f"http://127.0.0.1:{stack.nats.monitor_port}"
    for what in ("varz", "connz?subs=1", "subsz?subs=1", "jsz?accounts=1&streams=1&consumers=1&config=1"):
        places[f"broker {what}"] = f"{monitor}/{what}"
    for where, url in places.items():
        answer = httpx.get(url, timeout=60, trust_env=False)
        assert answer.status_code == 200, where
        yield where, answer.content
