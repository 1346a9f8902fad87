"""The configuration of petition platforms, and envelopes that are encrypted for us."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey
from structlog.testing import capture_logs

from services.intake.platform.envelopes import Envelopes, NotForUs, new_keys
from services.intake.platform.platforms import Callbacks, Misconfigured, Platforms
from shared.kernel.effect import Effect
from shared.kernel.outgoing.adapters import NotDelivered
from shared.kernel.outgoing.webhooks import NotSigned
from tests.receiver import receiving

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes ...").decode()
OCCURRED_AT = "2022-03-01T01:00:00+00:00"
STATUS = Effect(
    "status-1",
    "platform-status",
    {
        "platform": "s-p",
        "platform_no": "PT-1",
        "status": "CLOSED",
        "change": 2,
        "occurred_at": OCCURRED_AT,
    },
)


class Box:
    def __init__(self) -> None:
        self.got: list[Effect] = []

    async def send(self, message: Effect) -> None:
        self.got.append(message)


def write(file: Path, known: Any) -> None:
    file.write_text(known if isinstance(known, str) else json.dumps(known))
    changed = file.stat().st_mtime_ns + 1
    os.utime(file, ns=(changed, changed))


def test_a_platform_that_nobody_configured_pulls_and_signs_nothing(tmp_path: Path) -> None:
    platform = Platforms(tmp_path / "platforms.json", strict=True).of("s-p")
    assert (platform.callback_url, platform.inbound_secrets) == ("", ())


@pytest.mark.parametrize(
    "known",
    [
        "{",
        [],
        {"s-p": {"callback_url": "https://p.example/x"}},
        {"s-p": {"callback_url": "ftp://p.example/x", "callback_secrets": [SECRET]}},
        {"s-p": {"callback_secrets": ["hunter2"]}},
        {"s-p": {"inbound_secrets": ["whsec_c2hvcnQ="]}},
        {"s-p": {"callback": "https://p.example/x"}},
        {"s-p": {"callback_url": "http://p.example/x", "callback_secrets": [SECRET]}},
    ],
)
def test_what_cannot_be_used_is_told_without_its_secrets(tmp_path: Path, known: Any) -> None:
    write(tmp_path / "p.json", known)
    with pytest.raises(Misconfigured) as told:
        Platforms(tmp_path / "p.json", strict=True).of("s-p")
    assert "hunter2" not in str(told.value)
    assert told.value.__cause__ is None


@pytest.mark.parametrize(
    "said",
    [
        {"callback": "https://p.example/x"},
        {"inbound_secrets": ["hunter2"]},
        {"callback_url": "http://p.example/x", "callback_secrets": [SECRET]},
        [],
        None,
        7,
    ],
)
def test_85_what_is_wrong_with_one_platform_is_the_matter_of_no_other(tmp_path: Path, said: Any) -> None:
    """The fault is logged by its account, without what was said; the others are served."""
    write(tmp_path / "p.json", {"s-bad": said, "s-p": {"inbound_secrets": [SECRET]}})
    platforms = Platforms(tmp_path / "p.json", strict=True)
    with capture_logs() as logged:
        assert platforms.inbound_secrets("s-p") == (SECRET,)
    assert [(e["event"], e["account"]) for e in logged] == [("platform_misconfigured", "s-bad")]
    assert "hunter2" not in str(logged)
    with pytest.raises(Misconfigured):
        platforms.of("s-bad")


def test_a_secret_is_replaced_without_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    platforms = Platforms(file, strict=True)
    write(file, {"s-p": {"inbound_secrets": [SECRET]}})
    assert platforms.of("s-p").inbound_secrets == (SECRET,)
    assert platforms.of("s-other").inbound_secrets == ()
    write(file, {"s-p": {}})
    assert platforms.of("s-p").inbound_secrets == ()


def test_85_in_production_every_platform_signs(tmp_path: Path) -> None:
    """Without a secret, by a name that was mistyped, or while the file is away, nothing is taken."""
    file = tmp_path / "p.json"
    strict, lax = Platforms(file, strict=True), Platforms(file, strict=False)
    with pytest.raises(NotSigned):
        strict.inbound_secrets("s-p")
    assert lax.inbound_secrets("s-p") == ()
    write(file, {"s-p": {"inbound_secrets": [SECRET]}, "s-other": {}})
    assert strict.inbound_secrets("s-p") == lax.inbound_secrets("s-p") == (SECRET,)
    for account in ("s-other", "s-nobody"):
        with pytest.raises(NotSigned):
            strict.inbound_secrets(account)
    file.unlink()
    with pytest.raises(Misconfigured):
        strict.inbound_secrets("s-p")
    assert lax.inbound_secrets("s-p") == ()


async def test_a_status_goes_to_the_platform_that_sent_the_complaint(tmp_path: Path) -> None:
    box, file = Box(), tmp_path / "p.json"
    with receiving() as own, receiving() as other:
        known = {
            account: {"callback_url": side.url, "callback_secrets": [SECRET]}
            for account, side in (("s-p", own), ("s-other", other))
        }
        write(file, known)
        await Callbacks(Platforms(file, strict=False), box).send(STATUS)
        assert [json.loads(g.body) for g in own.got] == [
            {"platform_no": "PT-1", "status": "CLOSED", "change": 2, "occurred_at": OCCURRED_AT}
        ]
        assert (other.got, box.got) == ([], [])


async def test_without_an_address_it_goes_elsewhere_or_nowhere(tmp_path: Path) -> None:
    box, platforms = Box(), Platforms(tmp_path / "p.json", strict=False)
    await Callbacks(platforms, box).send(STATUS)
    assert [set(m.payload) for m in box.got] == [{"platform_no", "status", "change", "occurred_at"}]
    await Callbacks(platforms, None).send(STATUS)


async def test_what_cannot_be_used_holds_a_status_back(tmp_path: Path) -> None:
    write(tmp_path / "p.json", "{")
    with pytest.raises(NotDelivered, match="CONFIGURATION"):
        await Callbacks(Platforms(tmp_path / "p.json", strict=False), Box()).send(STATUS)


# --- envelopes ---


def seal(key: ECKey, **header: Any) -> str:
    told = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "kid": key.kid, **header}
    return jwe.encrypt_compact(told, "虚".encode(), key, algorithms=[told["alg"], told["enc"], "DEF"])


@pytest.fixture
def ours(tmp_path: Path) -> Envelopes:
    (tmp_path / "keys").write_bytes(new_keys())
    return Envelopes(tmp_path / "keys")


def published(envelopes: Envelopes) -> list[ECKey]:
    return [ECKey.import_key(k) for k in envelopes.published()["keys"]]


def test_what_is_encrypted_for_us_opens(ours: Envelopes) -> None:
    [key] = published(ours)
    assert not key.is_private
    assert ours.open(seal(key)).decode() == "虚"


def test_after_a_replacement_the_old_key_still_opens(tmp_path: Path) -> None:
    both = [json.loads(new_keys())["keys"][0] for _ in range(2)]
    (tmp_path / "keys").write_text(json.dumps({"keys": both}))
    envelopes = Envelopes(tmp_path / "keys")
    assert [k.kid for k in published(envelopes)] == [k["kid"] for k in both]
    assert {envelopes.open(seal(key)).decode() for key in published(envelopes)} == {"虚"}


def kid_of(key: dict[str, Any]) -> str:
    return str(key["kid"])


def test_a_key_is_put_in_and_taken_out_without_a_restart(tmp_path: Path) -> None:
    """While the file is away, or half written, the keys that it held hold on."""
    file = tmp_path / "keys"
    old, new = (json.loads(new_keys())["keys"][0] for _ in range(2))
    write(file, {"keys": [old]})
    envelopes = Envelopes(file)
    sealed = seal(published(envelopes)[0])
    write(file, {"keys": [new, old]})
    assert [k.kid for k in published(envelopes)] == [kid_of(new), kid_of(old)]
    for broken in ("", '{"keys": [', "[]", '{"keys": 7}'):
        write(file, broken)
        assert envelopes.open(sealed).decode() == "虚"
    file.unlink()
    assert envelopes.open(sealed).decode() == "虚"
    write(file, {"keys": [new]})
    with pytest.raises(NotForUs, match="unknown key"):
        envelopes.open(sealed)


def test_one_key_that_cannot_be_used_spoils_no_other(tmp_path: Path) -> None:
    """A key of another kind, damaged, or without its private part is left out; its value is in no log."""
    good = json.loads(new_keys())["keys"][0]
    public = {name: value for name, value in json.loads(new_keys())["keys"][0].items() if name != "d"}
    other = ECKey.generate_key("P-384", auto_kid=True).as_dict(private=True)
    bad = [{"kty": "EC"}, {"kty": "oct", "k": "c2VjcmV0"}, public, other, {**good, "x": "c2VjcmV0"}, 7, None]
    write(tmp_path / "keys", {"keys": [*bad, good]})
    with capture_logs() as logged:
        envelopes = Envelopes(tmp_path / "keys")
        assert [k.kid for k in published(envelopes)] == [kid_of(good)]
    assert [entry["event"] for entry in logged] == ["integration_key_misconfigured"] * len(bad)
    assert "c2VjcmV0" not in str(logged)


@pytest.mark.parametrize("kept", ["", "[]", "{}", '{"keys": 7}'])
def test_a_file_that_is_no_key_set_stops_the_start(tmp_path: Path, kept: str) -> None:
    write(tmp_path / "keys", kept)
    with pytest.raises((ValueError, KeyError, TypeError)):
        Envelopes(tmp_path / "keys")


@pytest.mark.parametrize(
    "header", [{"alg": "ECDH-ES+A128KW"}, {"enc": "A128GCM"}, {"zip": "DEF"}, {"kid": "?"}]
)
def test_another_header_is_refused_before_anything_is_opened(ours: Envelopes, header: dict[str, str]) -> None:
    with pytest.raises(NotForUs):
        ours.check(seal(published(ours)[0], **header))


@pytest.mark.parametrize("blob", ["", "a", "a.b.c.d", "....", "a.b.c.d.e", "bnVsbA.b.c.d.e", "e30.b.c.d.e"])
def test_what_is_no_envelope_is_none(ours: Envelopes, blob: str) -> None:
    with pytest.raises(NotForUs):
        ours.open(blob)


@pytest.mark.parametrize("part", range(5))
def test_any_change_keeps_it_from_opening(ours: Envelopes, part: int) -> None:
    parts = seal(published(ours)[0]).split(".")
    parts[part] = ("B" if parts[part][0] == "A" else "A") + parts[part][1:]
    with pytest.raises(NotForUs):
        ours.open(".".join(parts))


@pytest.mark.parametrize(
    "epk",
    [None, {}, {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, {"kty": "oct", "k": "AA"}, "text"],
)
def test_an_impossible_ephemeral_key_is_refused(ours: Envelopes, epk: Any) -> None:
    """Also a point that is not on the curve."""
    parts = seal(published(ours)[0]).split(".")
    header = json.loads(base64.urlsafe_b64decode(parts[0] + "=="))
    header["epk"] = epk
    parts[0] = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    with pytest.raises(NotForUs):
        ours.open(".".join(parts))


def test_without_keys_nothing_opens(tmp_path: Path) -> None:
    envelopes = Envelopes(tmp_path / "none")
    assert envelopes.published() == {"keys": []}
    with pytest.raises(NotForUs):
        envelopes.check(seal(ECKey.generate_key("P-256", auto_kid=True)))
