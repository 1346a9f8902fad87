"""The eventsourcing library's published recorder cases, run against our group commit."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

import eventsourcing.cryptography
import pytest
from eventsourcing.persistence import ApplicationRecorder, ProcessRecorder, TrackingRecorder

from deploy.local.postgres import Postgres
from shared.kernel.store.facade import SyncAggregateRecorder, SyncRecorder
from tests.store.conftest import make_database

# The cases' module imports the library's pycryptodome cipher, which no recorder case uses and we do not
# install; the library's own twin on `cryptography` has the same name and interface.
sys.modules.setdefault("eventsourcing.cipher", eventsourcing.cryptography)

from eventsourcing.tests import persistence as library  # noqa: E402


class OverFreshDatabase:
    """Each test has an empty database; its recorders are closed afterwards."""

    server: Postgres
    opened: list[SyncRecorder]

    @pytest.fixture(autouse=True)
    def over_fresh_database(self, server: Postgres) -> Iterator[None]:
        self.server = server
        self.opened = []
        yield
        for recorder in self.opened:
            recorder.close()

    def make(self) -> SyncRecorder:
        # The library's cases are synchronous, and the session's loop is not running under them.
        with asyncio.Runner() as runner:
            database = runner.run(make_database(self.server, "cases"))
        self.opened.append(SyncRecorder(database.service_url, "cases"))
        return self.opened[-1]


class TestAggregateRecorder(OverFreshDatabase, library.AggregateRecorderTestCase):
    def create_recorder(self) -> SyncAggregateRecorder:
        return SyncAggregateRecorder(self.make())


class TestApplicationRecorder(OverFreshDatabase, library.ApplicationRecorderTestCase):
    def create_recorder(self) -> ApplicationRecorder:
        return self.make()

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestTrackingRecorder(OverFreshDatabase, library.TrackingRecorderTestCase):
    def create_recorder(self) -> TrackingRecorder:
        return self.make()


class TestProcessRecorder(OverFreshDatabase, library.ProcessRecorderTestCase):
    def create_recorder(self) -> ProcessRecorder:
        return self.make()


class TestNonInterleavingNotificationIDs(OverFreshDatabase, library.NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> ApplicationRecorder:
        return self.make()
