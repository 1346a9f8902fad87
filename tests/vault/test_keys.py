"""Key-encryption keys: one contract, held by the file of development and by a real OpenBao Transit engine."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.intake.vault.keys import (
    IDENTITY,
    FileKeys,
    KeysUnavailable,
    KeyWrapper,
    Periods,
    TransitKeys,
    open_keys,
    organ_key,
)
from shared.kernel.settings import Settings, UnsafeForProduction
from tests.vault.conftest import Bao

KEY = secrets.token_bytes(32)


@pytest.fixture(params=["file", pytest.param("transit", marks=pytest.mark.external)])
async def keys(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[KeyWrapper]:
    """Both adapters."""
    if request.param == "file":
        yield FileKeys(secrets.token_bytes(32), tmp_path / "periods")
        return
    bao: Bao = request.getfixturevalue("bao")
    transit = TransitKeys(bao.url, bao.token_file)
    yield transit
    await transit.close()


@pytest.mark.parametrize("name", [IDENTITY, organ_key("DI-990102100")])
async def test_what_was_wrapped_unwraps_under_the_same_name(keys: KeyWrapper, name: str) -> None:
    """And the key itself is nowhere in what is kept."""
    wrapped = await keys.wrap(name, KEY)
    assert KEY not in wrapped
    assert await keys.unwrap(name, wrapped) == KEY


async def test_a14_another_organs_key_does_not_open_it(keys: KeyWrapper) -> None:
    """The name chooses the key: what is wrapped for the superior opens for nobody below."""
    wrapped = await keys.wrap(organ_key("DI-9901"), KEY)
    await keys.wrap(organ_key("DI-990102"), KEY)
    with pytest.raises(KeysUnavailable):
        await keys.unwrap(organ_key("DI-990102"), wrapped)


async def test_what_was_altered_does_not_unwrap(keys: KeyWrapper) -> None:
    """One bit of it changed, or bytes that no adapter ever made."""
    wrapped = await keys.wrap(IDENTITY, KEY)
    for broken in (wrapped[:-4] + b"AAAA", b"", b"\xff\x00", secrets.token_bytes(40)):
        with pytest.raises(KeysUnavailable):
            await keys.unwrap(IDENTITY, broken)


async def test_s65_what_an_ended_key_wrapped_opens_never_again(keys: KeyWrapper) -> None:
    """The others do. Ended twice it stays ended, and so does one that never was."""
    ended, lives = "identity/2020-01-00000001", "identity/2020-01-00000002"
    wrapped = {name: await keys.wrap(name, KEY) for name in (ended, lives)}
    for _ in range(2):
        await keys.end(ended)
    await keys.end("identity/2020-02")
    with pytest.raises(KeysUnavailable):
        await keys.unwrap(ended, wrapped[ended])
    assert await keys.unwrap(lives, wrapped[lives]) == KEY


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def test_s65_of_a_key_that_was_ended_in_a_file_nothing_is_left(tmp_path: Path) -> None:
    """The secret that is kept opens nothing of it, and its name never comes to be again."""
    secret, name = secrets.token_bytes(32), "identity/2020-01"
    keys = FileKeys(secret, tmp_path)
    wrapped = await keys.wrap(name, KEY)
    (file,) = _files(tmp_path)
    with file.open("rb") as held:
        was = held.read()
        await keys.end(name)
        held.seek(0)
        assert held.read() == bytes(32)  # the same blocks, overwritten
    assert was not in [path.read_bytes() for path in _files(tmp_path)]
    for attempt in (keys.wrap(name, KEY), FileKeys(secret, tmp_path).unwrap(name, wrapped)):
        with pytest.raises(KeysUnavailable):
            await attempt


async def test_s65_a_month_has_a_key_and_a_day_after_it_takes_no_more(tmp_path: Path) -> None:
    """A data key that moves on gets a key of another name, so that no ended name is used again."""
    now = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
    periods = Periods(FileKeys(secrets.token_bytes(32), tmp_path), b"secret", lambda: now)
    (name, wrapped), (organs, _) = [await periods.wrap(of, KEY, "x") for of in (IDENTITY, organ_key("DI-99"))]
    assert (name, organs) == ("identity/2026-11", "organ/DI-99-2026-11")
    assert not periods.is_over(name)
    now = datetime(2026, 12, 1, 12, tzinfo=UTC)
    assert not periods.is_over(name)
    assert (await periods.wrap(IDENTITY, KEY, "x"))[0] == "identity/2026-12"
    now = datetime(2026, 12, 2, 12, tzinfo=UTC)
    assert [periods.is_over(x) for x in (name, organs, "identity/2026-12")] == [True, True, False]
    first, second = periods.successor(name), periods.successor(periods.successor(name))
    assert first != second
    assert {x[:-8] for x in (first, second)} == {"identity/2026-11-"}
    assert periods.is_over(first)
    assert len(first) == len(second)
    again = await periods.wrap_again(name, wrapped, first, "x")
    await periods.end(name)
    assert await periods.unwrap(first, again, "x") == KEY
    assert await periods.unwrap(first, again, "y") is None
    assert await periods.unwrap(second, again, "x") is None


async def test_transit_rotates_without_touching_what_was_wrapped(bao: Bao) -> None:
    """The old version of the key still opens; the new one wraps."""
    keys = TransitKeys(bao.url, bao.token_file)
    before = await keys.wrap(IDENTITY, KEY)
    assert bao.ask("POST", "transit/keys/zm-identity/rotate").is_success
    after = await keys.wrap(IDENTITY, KEY)
    assert before.startswith(b"vault:v1:")
    assert after.startswith(b"vault:v2:")
    assert [await keys.unwrap(IDENTITY, w) for w in (before, after)] == [KEY, KEY]
    await keys.close()


async def test_the_key_itself_cannot_be_had_from_transit(bao: Bao) -> None:
    """The vault's token wraps, unwraps and ends; it can neither read a key nor export it."""
    keys = TransitKeys(bao.url, bao.token_file)
    await keys.wrap(IDENTITY, KEY)
    await keys.close()
    mine = Bao(bao.url, bao.token_file, bao.token_file.read_text().strip())
    for method, path in (
        ("GET", "transit/keys/zm-identity"),
        ("GET", "transit/export/encryption-key/zm-identity"),
    ):
        assert mine.ask(method, path).status_code == 403
        assert not bao.ask("GET", "transit/export/encryption-key/zm-identity").is_success


async def test_transit_takes_up_a_renewed_token(bao: Bao, tmp_path: Path) -> None:
    """Without a token, or with a foreign one, nothing is wrapped; with the right one it is."""
    keys = TransitKeys(bao.url, tmp_path / "token")
    with pytest.raises(KeysUnavailable):
        await keys.wrap(IDENTITY, KEY)
    (tmp_path / "token").write_text("not-a-token")
    with pytest.raises(KeysUnavailable):
        await keys.wrap(IDENTITY, KEY)
    (tmp_path / "token").write_text(bao.token_file.read_text())
    assert await keys.unwrap(IDENTITY, await keys.wrap(IDENTITY, KEY)) == KEY
    await keys.close()


async def test_a_key_service_that_is_away_tells_nothing_of_what_was_asked(bao: Bao) -> None:
    """Closed port, wrong mount: `KeysUnavailable`, which is a 503, and no key in its words."""
    for keys in (
        TransitKeys("http://127.0.0.1:1", bao.token_file),
        TransitKeys(bao.url, bao.token_file, mount="elsewhere"),
    ):
        with pytest.raises(KeysUnavailable) as told:
            await keys.wrap(IDENTITY, KEY)
        assert KEY.hex() not in repr(told.value)
        assert told.value.__cause__ is None
        await keys.close()


def test_the_name_of_a_key_is_no_path(bao: Bao) -> None:
    """Nothing that stands in a name reaches another route of the key service."""
    keys = TransitKeys(bao.url, bao.token_file)
    assert keys.key_name(organ_key("DI-990102100")) == "zm-organ-DI-990102100"
    for name in ("../sys/seal", "organ/a/b", "organ/..", "", "identity?x=1"):
        with pytest.raises(ValueError, match="no name"):
            keys.key_name(name)


def test_configuration_chooses_the_keys(tmp_path: Path) -> None:
    """A file in development only; the key service where one is named."""
    (tmp_path / "vault.key").write_bytes(secrets.token_bytes(32))
    (tmp_path / "vault.key").chmod(0o600)

    def told(**env: str) -> KeyWrapper:
        base = {"ZM_KEYS_DIR": str(tmp_path), "ZM_ISSUER": "https://id.example"}
        return open_keys(Settings.from_env("intake", base | env))

    assert isinstance(told(ZM_PROFILE="development"), FileKeys)
    transit = told(ZM_TRANSIT_URL="https://bao.example", ZM_TRANSIT_TOKEN_FILE="token")
    assert isinstance(transit, TransitKeys)
    with pytest.raises(UnsafeForProduction):
        told()
