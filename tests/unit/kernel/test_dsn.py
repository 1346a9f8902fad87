"""The address of a database as the driver itself takes it."""

from __future__ import annotations

import pytest

from shared.kernel.store.driver import dsn_of


@pytest.mark.parametrize(
    ("url", "dsn"),
    [
        (
            "postgresql+asyncpg://zm:p%40ss@db/zm?ssl=verify-full",
            "postgresql://zm:p%40ss@db/zm?sslmode=verify-full",
        ),
        (
            "postgresql://zm@db/zm?ssl=verify-full&host=db",
            "postgresql://zm@db/zm?host=db&sslmode=verify-full",
        ),
        ("postgresql+asyncpg://zm@/zm?host=%2Frun%2Fpg", "postgresql://zm@/zm?host=%2Frun%2Fpg"),
        ("postgresql+asyncpg://zm:x@127.0.0.1:5432/zm", "postgresql://zm:x@127.0.0.1:5432/zm"),
    ],
)
def test_a_verified_server_stays_one_for_the_driver(url: str, dsn: str) -> None:
    """SQLAlchemy says `ssl`, the driver `sslmode`; what it does not know it would hand to the server, and go
    on without looking who that is."""
    assert sorted(dsn_of(url).partition("?")[2].split("&")) == sorted(dsn.partition("?")[2].split("&"))
    assert dsn_of(url).partition("?")[0] == dsn.partition("?")[0]
