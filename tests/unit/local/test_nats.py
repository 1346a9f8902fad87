"""The broker lets each service do what is its own and nothing else."""

import asyncio
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeout
from nats.js.api import ConsumerConfig, StreamConfig

from deploy.local.nats import Nats
from shared.kernel.bus.connection import settled
from shared.kernel.bus.names import inbox_prefix

pytestmark = pytest.mark.external

SERVICES = ("intake", "verification", "clarification", "followup", "audit")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nats]:
    folder = tmp_path_factory.mktemp("nats")
    secrets = folder / "secrets"
    secrets.mkdir()
    broker = Nats(folder / "nats", secrets, folder / "nats.log", SERVICES)
    broker.start()
    yield broker
    broker.stop()


class User:
    """A signed-in user and the complaints of the broker about it."""

    def __init__(self, broker: Nats, name: str) -> None:
        self.broker, self.name, self.errors = broker, name, list[str]()
        self.nc = Client()

    async def __aenter__(self) -> "User":
        async def note(error: Exception) -> None:
            self.errors.append(str(error))

        self.nc = await nats.connect(
            self.broker.url,
            nkeys_seed=str(self.broker.seed_file(self.name)),
            inbox_prefix=inbox_prefix(self.name).encode(),
            error_cb=note,
        )
        self.js = self.nc.jetstream(timeout=60)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.nc.close()

    async def refused(self, subject: str, payload: bytes = b"{}") -> bool:
        """True if a request on `subject` is a permissions violation."""
        with pytest.raises((NatsTimeout, nats.errors.NoRespondersError)):
            await self.nc.request(subject, payload, timeout=0.3)
        await settled(self.nc)  # the broker's complaint is in, however slow the machine
        return any("permissions violation" in error and subject.lower() in error for error in self.errors)


@pytest.fixture
async def intake(broker: Nats) -> AsyncIterator[User]:
    async with User(broker, "intake") as user:
        await user.js.add_stream(StreamConfig(name="ZM_INTAKE", subjects=["zm.intake.>"]))
        yield user


async def test_a_service_creates_its_stream_and_publishes_its_events(intake: User) -> None:
    ack = await intake.js.publish("zm.intake.ComplaintReceived.v1", b"{}")
    assert ack.stream == "ZM_INTAKE"
    assert (await intake.js.get_msg("ZM_INTAKE", seq=ack.seq)).subject == "zm.intake.ComplaintReceived.v1"
    assert intake.errors == []


async def test_it_publishes_no_event_of_another_service(intake: User) -> None:
    assert await intake.refused("zm.verification.VerificationConcluded.v1")


@pytest.mark.parametrize(
    "call",
    [
        "STREAM.PURGE.ZM_INTAKE",
        "STREAM.DELETE.ZM_INTAKE",
        "STREAM.MSG.DELETE.ZM_INTAKE",
        "STREAM.CREATE.ZM_VERIFICATION",
        "STREAM.UPDATE.ZM_VERIFICATION",
        "STREAM.CREATE.ZM_OTHER",
        "STREAM.MSG.GET.ZM_VERIFICATION",
        "CONSUMER.CREATE.ZM_VERIFICATION.audit",
        "CONSUMER.DELETE.ZM_INTAKE.audit",
        "CONSUMER.MSG.NEXT.ZM_INTAKE.audit",
    ],
)
async def test_it_neither_destroys_nor_touches_what_is_not_its_own(intake: User, call: str) -> None:
    assert await intake.refused(f"$JS.API.{call}")


async def test_it_does_not_listen_to_the_answers_of_another(intake: User) -> None:
    await intake.nc.subscribe(f"{inbox_prefix('verification')}.>")
    await intake.nc.subscribe("zm.>")
    await settled(intake.nc)  # the broker's complaints are in before its PONG
    assert len([error for error in intake.errors if "permissions violation for subscription" in error]) == 2


async def test_another_service_reads_the_stream_under_its_own_name(broker: Nats, intake: User) -> None:
    await intake.js.publish("zm.intake.ComplaintReceived.v1", b"{}")
    async with User(broker, "verification") as user:
        config = ConsumerConfig(durable_name="verification", max_ack_pending=1)
        await user.js.add_consumer("ZM_INTAKE", config)
        pull = await user.js.pull_subscribe_bind("verification", "ZM_INTAKE")
        (message,) = await pull.fetch(1, timeout=60)
        await message.ack_sync()
        assert (await pull.consumer_info()).num_ack_pending == 0
        assert user.errors == []


async def test_a_log_is_asked_for_and_answered(broker: Nats, intake: User) -> None:
    async def answer(message: Msg) -> None:
        await message.respond(b"the hole")

    await intake.nc.subscribe("zm.log.intake", cb=answer)
    await settled(intake.nc)
    async with User(broker, "audit") as audit:
        assert (await audit.nc.request("zm.log.intake", b"{}", timeout=60)).data == b"the hole"


async def test_the_vault_only_answers(broker: Nats, intake: User) -> None:
    async with User(broker, "vault") as vault:

        async def answer(message: Msg) -> None:
            await message.respond(b'{"leak":false}')

        await vault.nc.subscribe("zm.vault.screen", cb=answer)
        await settled(vault.nc)
        assert (await intake.nc.request("zm.vault.screen", b"{}", timeout=60)).data == b'{"leak":false}'
        assert await vault.refused("zm.log.intake")


async def test_a_stranger_is_not_let_in(broker: Nats) -> None:
    with pytest.raises((nats.errors.Error, OSError)):
        await nats.connect(broker.url, allow_reconnect=False)


def test_seeds_are_private(broker: Nats) -> None:
    for name in (*SERVICES, "vault", "admin"):
        assert stat.S_IMODE(broker.seed_file(name).stat().st_mode) == 0o600


def test_a_wiped_broker_is_empty_and_a_stopped_one_is_not(tmp_path: Path) -> None:
    broker = Nats(tmp_path / "nats", tmp_path, tmp_path / "log", ("intake",))

    async def streams(create: bool) -> int:
        async with User(broker, "intake") as user:
            if create:
                await user.js.add_stream(StreamConfig(name="ZM_INTAKE", subjects=["zm.intake.>"]))
        async with User(broker, "admin") as admin:
            return len(await admin.js.streams_info())

    broker.start()
    assert asyncio.run(streams(create=True)) == 1
    broker.kill()
    broker.start()
    assert asyncio.run(streams(create=False)) == 1
    broker.stop()
    broker.wipe()
    broker.start()
    assert asyncio.run(streams(create=False)) == 0
    broker.stop()
