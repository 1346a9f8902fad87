"""Statements that the planner knows all of but the values of the request, and the connections they run on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, and_, or_, select

from shared.kernel.store import reading as reading_module
from shared.kernel.store.driver import open_engine
from shared.kernel.store.reading import Readers, Statement, given
from shared.kernel.store.types import StoreUnavailable
from tests.servers import Database

pytestmark = pytest.mark.external
CASES = Table("cases", MetaData(), Column("organ", Text), Column("state", Text), Column("version", Integer))


def test_all_but_what_is_given_stands_in_the_text() -> None:
    """Texts, numbers and lists; a quote in one ends nothing."""
    shown = or_(CASES.c.organ.startswith("DI-1'; --"), CASES.c.state.in_(["OPEN", "SHUT"]))
    query = select(CASES).where(and_(shown, CASES.c.version > 3, CASES.c.organ == given("asked", Text())))
    statement = Statement(query.limit(7))
    assert statement.arguments({"asked": "DI-2"}) == ["DI-2"]
    for constant in ("'DI-1''; --'", "'OPEN', 'SHUT'", "> 3", "LIMIT 7", "= $1"):
        assert constant in statement.text
    assert "$2" not in statement.text
    with pytest.raises(KeyError):
        statement.arguments({})


@pytest.fixture
async def readers(database: Database) -> AsyncIterator[Readers]:
    """One connection, so that one that is lost is missed."""
    readers = Readers(open_engine(database.service_url, size=1), 1)
    yield readers
    await readers.close()


async def test_a_page_is_joined_without_remembering_its_rows(readers: Readers) -> None:
    async with readers.using() as driver:
        assert await driver.fetchval("SHOW enable_memoize") == "off"


async def test_a_connection_that_cannot_be_set_up_is_given_back(
    readers: Readers, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    """And not left to the garbage collector, which says so."""
    with monkeypatch.context() as patched:
        patched.setattr(reading_module, "_SETTINGS", "SELECT pg_terminate_backend(pg_backend_pid())")
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                async with readers.using():
                    raise AssertionError("there is none")
    async with readers.using() as driver:
        assert await driver.fetchval("SELECT 1") == 1
    assert [str(warning.message) for warning in recwarn] == []
