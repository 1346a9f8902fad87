"""A production start refuses the parts that are for development (architecture §7)."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.settings import Settings, UnsafeForProduction
from shared.suites import INTERNATIONAL, SM

SAFE = {"ZM_ISSUER": "https://id.example", "ZM_JWKS_URL": "https://id.example/jwks"}


def settings(folder: Path, **env: str) -> Settings:
    return Settings.from_env("intake", {**SAFE, "ZM_KEYS_DIR": str(folder), **env})


def test_production_is_the_default(tmp_path: Path) -> None:
    """Nobody becomes a development system by forgetting a variable."""
    assert settings(tmp_path).production


def test_w10_a_password_stands_in_a_file(tmp_path: Path) -> None:
    """And what stands in the environment itself holds."""
    file = tmp_path / "url"
    file.write_text("postgresql://zm:secret@db/zm\n")
    for name in ("DATABASE_URL", "OWNER_DATABASE_URL", "VAULT_DATABASE_URL"):
        told = settings(tmp_path, **{f"ZM_{name}_FILE": str(file)})
        assert getattr(told, name.lower()) == "postgresql://zm:secret@db/zm"
        told = settings(tmp_path, **{f"ZM_{name}_FILE": str(file), f"ZM_{name}": "here"})
        assert getattr(told, name.lower()) == "here"


@pytest.mark.parametrize(
    "env",
    [
        {"ZM_CLOCK_FILE": "clock"},
        {"ZM_ISSUER": "http://127.0.0.1:8080/issuer"},
        {"ZM_ISSUER": "https://zm.example/issuer"},
        {"ZM_TRANSIT_URL": "http://127.0.0.1:8200"},
        {"ZM_FAILPOINT": "store.after_commit:1"},
        {"ZM_OUTGOING_REPORTER_MESSAGE": "files"},
        {"ZM_OUTGOING_REPORTER_MESSAGE": "http://sms.example/send"},
    ],
)
def test_production_refuses_development_parts(tmp_path: Path, env: dict[str, str]) -> None:
    """Simulated clock, development issuer, failpoints."""
    with pytest.raises(UnsafeForProduction):
        settings(tmp_path, **env)
    assert not settings(tmp_path, **env, ZM_PROFILE="development").production


def test_the_suite_is_chosen_by_name(tmp_path: Path) -> None:
    """A mistyped name does not quietly become the default."""
    assert settings(tmp_path).suite is INTERNATIONAL
    assert settings(tmp_path, ZM_SUITE="sm").suite is SM
    with pytest.raises(SystemExit, match="ZM_SUITE"):
        settings(tmp_path, ZM_SUITE="SM4")


def test_production_refuses_development_keys(tmp_path: Path) -> None:
    """Keys that the embedded stack generated carry a mark."""
    (tmp_path / "DEVELOPMENT").touch()
    with pytest.raises(UnsafeForProduction):
        settings(tmp_path)


def test_production_refuses_default_keys(tmp_path: Path) -> None:
    """A key of equal bytes is nobody's secret."""
    (tmp_path / "bus.key").write_bytes(bytes(32))
    with pytest.raises(UnsafeForProduction):
        settings(tmp_path).key("bus.key")
    (tmp_path / "bus.key").write_bytes(b"short")
    with pytest.raises(ValueError, match="32 bytes"):
        settings(tmp_path).key("bus.key")


def test_messages_wait_in_production_until_somebody_says_where_they_go(tmp_path: Path) -> None:
    """In development they are files."""
    way = "https://sms.example/send"
    told = settings(tmp_path, ZM_OUTGOING_REPORTER_MESSAGE=way, ZM_OUTGOING_DIR="out")
    assert (told.way_out("reporter-message"), told.way_out("other")) == (way, "")
    assert settings(tmp_path, ZM_PROFILE="development").way_out("other") == "files"
