"""The vault's log held against the roots that intake's record keeps (B55)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from services.intake.vault import roots as module
from services.intake.vault.roots import Roots, root_id
from shared.kernel.evidence.merkle import EMPTY_ROOT
from shared.kernel.store.types import LogEntry
from shared.language.contracts.intake import VaultRootRecorded
from shared.language.event import Meta, Recorded

THEN = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Vault:
    """A log of the vault, and the nights that intake recorded."""

    def __init__(self) -> None:
        self.entries: list[LogEntry] = []
        self.nights: dict[UUID, Recorded] = {}

    def happens(self, times: int = 1) -> None:
        for _ in range(times):
            position = len(self.entries) + 1
            at, state = THEN + timedelta(seconds=position), b"\x01\x01sealed %d" % position
            self.entries.append(
                LogEntry(position, uuid4(), 1, "vault.CaseRead", at, {}, position - 1, state, bytes(32))
            )

    async def read(self, after: int, limit: int) -> list[LogEntry]:
        return [entry for entry in self.entries if entry.position > after][:limit]

    async def streams_with(self, topic: str, after: int) -> list[UUID]:
        assert topic == VaultRootRecorded.topic
        return list(self.nights)

    async def load(self, stream: UUID) -> list[Recorded]:
        return [self.nights[stream]]

    async def night(self) -> str:
        """Records the root, as the service does; returns what is wrong."""
        event, wrong = await Roots(self, self).now()
        if not wrong:
            stream = root_id(date(2026, 3, 2) + timedelta(days=len(self.nights)))
            meta = Meta(
                occurred_at=THEN,
                actor="system",
                role="system",
                organ="DI-99",
                command="CheckVault",
                policy="0",
                correlation_id=stream,
            )
            self.nights[stream] = Recorded(
                originator_id=stream,
                originator_version=1,
                kind="AuditRecord",
                stream_organ="DI-99",
                event=event,
                meta=meta,
            )
        return wrong


@pytest.fixture
async def vault(monkeypatch: pytest.MonkeyPatch) -> Vault:
    """Three nights; pages are small."""
    monkeypatch.setattr(module, "PAGE", 3)
    vault = Vault()
    for events in (0, 5, 4):
        vault.happens(events)
        assert await vault.night() == ""
    vault.happens(2)
    return vault


async def test_b55_a_log_that_only_grew_has_every_root(vault: Vault) -> None:
    assert [e.event.size for e in vault.nights.values()] == [0, 5, 9]  # type: ignore[attr-defined]
    first = next(iter(vault.nights.values())).event
    assert isinstance(first, VaultRootRecorded)
    assert first.root == EMPTY_ROOT.hex()
    assert await vault.night() == ""
    assert len(vault.nights) == 4


CHANGES: dict[str, tuple[Callable[[list[LogEntry]], object], str]] = {
    "another state": (lambda log: log.__setitem__(1, log[1]._replace(state=b"\x01\x01other")), "first 5"),
    "another content": (lambda log: log.__setitem__(7, log[7]._replace(content_digest=b"x" * 32)), "first 9"),
    "another time": (lambda log: log.__setitem__(0, log[0]._replace(recorded_at=THEN)), "first 5"),
    "one is gone": (lambda log: log.pop(2), "first 5"),
    "two exchanged": (
        lambda log: log.__setitem__(slice(5, 7), [log[6]._replace(position=6), log[5]._replace(position=7)]),
        "first 9",
    ),
    "the end is cut off": (lambda log: log.__delitem__(slice(6, None)), "has 6 events and had 9"),
    "all is gone": (lambda log: log.clear(), "has 0 events and had 9"),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_b55_what_became_of_the_vaults_log_is_told(vault: Vault, change: str) -> None:
    """And the log as it is now gets no root."""
    alter, said = CHANGES[change]
    alter(vault.entries)
    assert said in await vault.night()
    assert len(vault.nights) == 3


async def test_b55_a_root_that_was_written_anew_is_told(vault: Vault) -> None:
    """Another root for a size that has one: one of the two is not the vault's."""
    stream, recorded = list(vault.nights.items())[1]
    other = replace(recorded, event=VaultRootRecorded(size=5, root="00" * 32))
    vault.nights[uuid4()] = other
    assert "first 5" in await vault.night()
    vault.nights[stream] = other
    assert "first 5" in await vault.night()
