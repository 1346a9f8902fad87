"""Operators' commands that need no server: keys and the broker's users; and what a wrong word is answered."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess
from uuid import uuid4

import pytest

from ops import broker, keys
from services.audit.proof import Signer
from services.intake.platform.envelopes import Envelopes
from shared.kernel.bus.envelope import BusKey
from shared.kernel.settings import Settings
from shared.kernel.store.sealing import Sealer, keyrings, secret_for
from shared.kernel.suites import SUITES, Suite
from tests.processes import run

ENV = {"PATH": os.defpath, "ZM_PROFILE": "development"}
Zhengming = Callable[..., CompletedProcess[str]]


@pytest.fixture
def zhengming(tmp_path_factory: pytest.TempPathFactory) -> Zhengming:
    return partial(run, "ops", folder=tmp_path_factory.mktemp("ops"), env=ENV)


@pytest.mark.parametrize(
    "words", [[], ["nothing"], ["intake"], ["intake", "sing"], ["keys"], ["audit", "dead"]]
)
def test_a_wrong_word_is_answered_by_what_there_is(zhengming: Zhengming, words: list[str]) -> None:
    said = zhengming(*words)
    assert said.returncode == 2
    assert "usage: zhengming" in said.stderr
    assert "Traceback" not in said.stderr


def test_all_services_have_the_same_commands(zhengming: Zhengming) -> None:
    for service in keys.SERVICES:
        told = zhengming(service, "--help").stdout
        for word in ("serve", "migrate", "settings", "rebuild", "after-restore", "parked", "dead"):
            assert f"\n    {word}" in told


def test_each_service_can_use_what_is_made_for_it(zhengming: Zhengming, tmp_path: Path) -> None:
    """The files have the forms in which services read them; made a second time, they stay."""
    for service in keys.SERVICES:
        folder = tmp_path / service
        assert zhengming("keys", "make", str(folder), "--for", service).returncode == 0
        settings = Settings.from_env(service, {"ZM_PROFILE": "development", "ZM_KEYS_DIR": str(folder)})
        for suite in SUITES:
            BusKey.from_files(folder / "bus.key", suite)
            Sealer.from_files(folder / f"store-{service}.key", service, suite)
        match service:
            case "intake":
                Sealer.from_files(folder / "store-vault.key", "vault")
                assert len(settings.key("vault.key")) == 32
                assert Envelopes(folder / "integration.jwks").published()["keys"]
            case "audit":
                assert Signer.from_file(folder / "checkpoint-ed25519.key").origin
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.key")}
    assert zhengming("keys", "make", str(tmp_path / "intake"), "--for", "intake").stdout == ""
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.key")} == before


@pytest.mark.parametrize("suite", SUITES)
def test_a_rotated_key_seals_what_is_new_and_opens_what_is_old(tmp_path: Path, suite: Suite) -> None:
    """Added, it only opens; used, it seals. The secret that ids follow from stays."""
    keys.make(tmp_path, ["intake"])
    file = tmp_path / f"store-intake{suite.mark}.key"
    file.chmod(0o640)
    place = uuid4(), 1, "intake.Noted"

    def sealed() -> bytes:
        return Sealer.from_files(tmp_path / "store-intake.key", "intake", suite).seal(b"text", *place)

    def opened(state: bytes) -> bytes:
        return Sealer.from_files(tmp_path / "store-intake.key", "intake", suite).open(state, *place)

    def secret() -> bytes:
        return secret_for("ids", keyrings(tmp_path / "store-intake.key", "intake", suite))

    first, ids = sealed(), secret()
    id = keys.add(file)
    assert sealed()[:4] == first[:4]
    keys.use(file, id)
    second = sealed()
    assert id.encode() in second
    assert id.encode() not in first
    third = keys.add(file)
    assert third != id
    assert secret() == ids
    assert opened(first) == opened(second) == b"text"
    assert f"{file.name}  1, {id} *, {third}" in list(keys.listed(tmp_path))
    assert stat.S_IMODE(file.stat().st_mode) == 0o640  # whoever could read it still can
    with pytest.raises(keys.NotDone, match="holds no key 'nothing'"):
        keys.use(file, "nothing")


def test_the_platform_encrypts_for_the_newest_key(tmp_path: Path) -> None:
    keys.make(tmp_path, ["intake"])
    file = tmp_path / "integration.jwks"
    (old,) = [key["kid"] for key in Envelopes(file).published()["keys"]]
    new = keys.add(file)
    assert [key["kid"] for key in Envelopes(file).published()["keys"]] == [new, old]


@pytest.mark.parametrize("name", ["vault.key", "checkpoint-ed25519.key", "nats-intake.nk"])
def test_what_cannot_be_rotated_stays_as_it_is_and_is_told_why(
    zhengming: Zhengming, tmp_path: Path, name: str
) -> None:
    keys.make(tmp_path, keys.SERVICES)
    keys.make_seeds(tmp_path, ["intake"])
    before = (tmp_path / name).read_bytes()
    said = zhengming("keys", "add", str(tmp_path / name))
    assert (said.returncode, said.stderr.count("\n")) == (1, 1)
    assert name in said.stderr
    assert (tmp_path / name).read_bytes() == before


def test_the_broker_knows_public_halves_only(zhengming: Zhengming, tmp_path: Path) -> None:
    """A block for nats-server, with a user for each seed; the vault's may answer its screen and no more."""
    assert zhengming("keys", "make", str(tmp_path), "--admin").returncode == 0
    told = zhengming("keys", "broker", str(tmp_path)).stdout
    users = {user["nkey"]: user["permissions"] for user in json.loads(told)["authorization"]["users"]}
    seeds = {path.stem.removeprefix("nats-"): path.read_bytes() for path in tmp_path.glob("*.nk")}
    assert seeds.keys() == {*keys.SERVICES, "vault", "admin"}
    assert {broker.public_key(seed) for seed in seeds.values()} == users.keys()
    assert users[broker.public_key(seeds["vault"])]["publish"] == {"deny": [">"]}
    assert not any(seed.decode() in told for seed in seeds.values())
