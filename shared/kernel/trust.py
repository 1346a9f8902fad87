"""The certificates that a process trusts over TLS, its own certificate, and the issuer of its tokens."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx

AUDIENCE = "zhengming"
CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True)
class Trust:
    """The authorities that may vouch for the other side, and our own certificate where it asks for one.

    Without a file the system's authorities hold (`SSL_CERT_FILE`), and nothing of ours is shown.
    """

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    def context(self) -> ssl.SSLContext:
        """The files as they are now. Raises OSError (of which ssl.SSLError is one) where one is no good."""
        context = ssl.create_default_context(cafile=self.ca_file or None)
        if self.cert_file:
            context.load_cert_chain(self.cert_file, self.key_file or None, password=_no_password)
        return context

    def faults(self, prefix: str) -> Iterator[str]:
        """The faults of the files that there are, by the names of their settings."""
        if self.key_file and not self.cert_file:
            yield f"{prefix}_KEY_FILE: there is no {prefix}_CERT_FILE that it belongs to"
        for name, file, part in (
            ("CA", self.ca_file, Trust(self.ca_file)),
            ("CERT", self.cert_file, Trust("", self.cert_file, self.key_file)),
        ):
            try:
                if file:  # the system's authorities take a while to load, and are no file of ours
                    part.context()
            except (OSError, ValueError) as error:
                said = error.strerror if isinstance(error, OSError) and error.strerror else "no PEM"
                yield f"{prefix}_{name}_FILE: cannot be used ({said})"


def away_for(error: BaseException) -> str:
    """The reason why a peer could not be reached, as a code: `certificate`, `timeout` or `connection`."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ssl.SSLError):
            return CERTIFICATE
        if isinstance(found, httpx.TimeoutException | TimeoutError):
            return "timeout"
        found = found.__cause__ or found.__context__
    return "connection"


def _no_password() -> str:
    """A key with a password would have OpenSSL ask at the terminal."""
    raise ValueError("the key has a password")


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """The signer of access tokens: where its keys are, and how it writes the facts about a person that we
    need."""

    name: str
    """The `iss` of its tokens; its discovery document lies under it."""
    jwks_url: str = ""
    """The address of its keys; if empty, its discovery document says it."""
    audience: str = AUDIENCE
    person: str = "sub"
    roles: str = "role"
    organ: str = "organ"
    """Claims by name, or by the names that lead to them (`realm_access.roles`)."""
    ignores_other_roles: bool = False
    """True if tokens may hold roles that are not ours; they then mean nothing to us."""
    refresh_seconds: float = 60
    """A key set that is older is asked for anew: a key that the issuer took out is trusted no longer."""
    trusted_seconds: float = 900
    """Seconds for which the keys are used while the issuer is away; after that nobody is let in by them."""
    trust: Trust = field(default_factory=Trust)
