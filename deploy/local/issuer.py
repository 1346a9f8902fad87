"""A small OIDC issuer for development, with the control port of the simulated clock.

Production points its services at its own issuer. This one signs what it is asked to for the seeded people,
behind passwords made at random for this data folder, and listens on loopback only.

Tokens are dated by real time, also under a simulated clock: they protect the connection, and moving the
case world by a month must not sign everybody out.
"""

import base64
import binascii
import hmac
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs, unquote

import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from joserfc import jwt
from joserfc.jwk import ECKey
from pydantic import AwareDatetime, BaseModel

from deploy.local.clockfile import ClockMovesForwardOnly, ClockWriter
from deploy.local.people import Identity, clients, people
from ops import secretfiles

AUDIENCE = "zhengming"
LIFETIME = 3600
ALGORITHM = "ES256"


@dataclass(frozen=True)
class Settings:
    """The issuer's settings, by its environment."""

    issuer: str
    """The `iss` of its tokens and the address it is reached at through the front door."""
    keys: Path
    clock_file: Path | None
    """Path of the clock's file; None under the system clock."""

    @classmethod
    def from_env(cls) -> "Settings":
        clock = os.environ.get("ZM_CLOCK_FILE")
        return cls(os.environ["ZM_ISSUER"], Path(os.environ["ZM_KEYS_DIR"]), Path(clock) if clock else None)


def people_password(keys: Path) -> str:
    """The development password, the same for every seeded person of one data folder."""
    return secretfiles.password(keys / "issuer-people.password")


def client_secret(keys: Path, client_id: str) -> str:
    """The secret of a service account of one data folder."""
    return secretfiles.password(keys / f"issuer-client-{client_id}.secret")


class Mint:
    """Signs access tokens with the one key of this data folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        pem = secretfiles.kept(settings.keys / "issuer-es256.pem", _new_key)
        key = ECKey.import_key(pem)
        self._kid = key.thumbprint()
        self._key = ECKey.import_key(pem, {"kid": self._kid, "alg": ALGORITHM, "use": "sig"})

    def jwks(self) -> dict[str, Any]:
        return {"keys": [self._key.as_dict(private=False)]}

    def token(self, identity: Identity) -> str:
        now = int(time.time())
        dates = {"iat": now, "nbf": now, "exp": now + LIFETIME}
        claims = {"iss": self._settings.issuer, "aud": AUDIENCE, **dates, **identity.claims()}
        return jwt.encode({"alg": ALGORITHM, "kid": self._kid}, claims, self._key, algorithms=[ALGORITHM])


class SetClock(BaseModel):
    """A wish to move the simulated clock."""

    now: AwareDatetime


def create_app(settings: Settings) -> FastAPI:
    """The issuer over one data folder."""
    app = FastAPI(title="zhengming development issuer", docs_url=None, redoc_url=None, openapi_url=None)
    mint = Mint(settings)
    password = people_password(settings.keys)
    secrets = {name: client_secret(settings.keys, name) for name in clients()}
    clock = ClockWriter(settings.clock_file) if settings.clock_file else None

    @app.get("/readyz")
    async def readyz() -> dict[str, str]:
        return {"status": "ready"}

    @app.get("/")
    @app.get("/.well-known/openid-configuration")
    async def configuration() -> dict[str, Any]:
        return {
            "issuer": settings.issuer,
            "jwks_uri": f"{settings.issuer}/jwks.json",
            "token_endpoint": f"{settings.issuer}/token",
            "grant_types_supported": ["client_credentials", "password"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
        }

    @app.get("/jwks.json")
    async def jwks() -> dict[str, Any]:
        return mint.jwks()

    @app.post("/token")
    async def token(form: Annotated[dict[str, str], Depends(_form)]) -> JSONResponse:
        match form.get("grant_type"):
            case "client_credentials":
                name = form.get("client_id", "")
                allowed = _same(form.get("client_secret"), secrets.get(name))
                identity, refusal = clients().get(name), _refusal("invalid_client", 401)
            case "password":
                name = form.get("username", "")
                allowed = _same(form.get("password"), password)
                identity, refusal = people().get(name), _refusal("invalid_grant", 400)
            case _:
                return _refusal("unsupported_grant_type", 400)
        if identity is None or not allowed:
            return refusal
        answer = {"access_token": mint.token(identity), "token_type": "Bearer", "expires_in": LIFETIME}
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    @app.get("/clock")
    async def read_clock() -> dict[str, str]:
        if clock is None:
            return {"mode": "system", "now": _rfc3339(datetime.now(UTC))}
        return {"mode": "simulated", "now": _rfc3339(clock.now())}

    @app.put("/clock")
    async def move_clock(wish: SetClock) -> JSONResponse:
        if clock is None:
            return _problem("the stack runs on the system clock, which nobody sets")
        try:
            clock.move_to(wish.now)
        except ClockMovesForwardOnly as refusal:
            return _problem(str(refusal))
        return JSONResponse({"mode": "simulated", "now": _rfc3339(clock.now())})

    return app


async def _form(request: Request) -> dict[str, str]:
    """The urlencoded body (a dozen lines less than a dependency), with HTTP Basic for a client."""
    fields = parse_qs((await request.body()).decode(errors="replace"))
    form = {name: values[0] for name, values in fields.items() if len(values) == 1}
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return form
        form |= {"client_id": unquote(name), "client_secret": unquote(secret)}
    return form


def _same(given: str | None, expected: str | None) -> bool:
    if given is None or expected is None:
        return False
    return hmac.compare_digest(given.encode(), expected.encode())


def _refusal(error: str, status: int) -> JSONResponse:
    """An error in the form of RFC 6749 §5.2."""
    return JSONResponse({"error": error}, status, headers={"Cache-Control": "no-store"})


def _problem(detail: str) -> JSONResponse:
    body = {"type": "about:blank", "title": "Conflict", "status": 409, "detail": detail}
    return JSONResponse(body, 409, media_type="application/problem+json")


def _rfc3339(instant: datetime | None) -> str:
    return "" if instant is None else instant.isoformat()


def _new_key() -> bytes:
    return ECKey.generate_key("P-256").as_pem(private=True)


def main() -> None:
    """Serve on ZM_HOST:ZM_PORT, by default on loopback."""
    uvicorn.run(
        create_app(Settings.from_env()),
        host=os.environ.get("ZM_HOST", "127.0.0.1"),
        port=int(os.environ["ZM_PORT"]),
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
