"""The users of the broker and what each may do, as the broker's configuration has it.

A user proves itself with an nkey; the broker knows the public half only.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import nkeys

from shared.kernel.bus.names import inbox_prefix, log_subject, stream_name, stream_subjects

ALL = [">"]
VAULT, ADMIN = "vault", "admin"
SCREEN = "zm.vault.screen"
Permissions = dict[str, Any]


def authorization(public_keys: Mapping[str, str], services: Sequence[str]) -> dict[str, Any]:
    """The block `authorization` for users with these public keys. `services`: all there are; one that listens
    to an absent service must be allowed to look for its stream."""
    return {
        "users": [
            {"nkey": key, "permissions": permissions_of(name, services)} for name, key in public_keys.items()
        ]
    }


def permissions_of(user: str, services: Sequence[str]) -> Permissions:
    """The vault answers its narrow screen and does nothing else; the administrator may do everything."""
    if user == ADMIN:
        return {"publish": {"allow": ALL}, "subscribe": {"allow": ALL}}
    if user == VAULT:
        return _permissions([], [f"{inbox_prefix(VAULT)}.>", SCREEN])
    return _of_service(user, services)


def _of_service(service: str, services: Iterable[str]) -> Permissions:
    """The permissions of a service: to publish its own events, make its own stream, and read all streams as
    itself."""
    own = stream_name(service)
    publish = [
        stream_subjects(service),
        log_subject("*"),
        SCREEN,
        f"$JS.API.STREAM.MSG.GET.{own}",
        f"$JS.API.STREAM.CREATE.{own}",
        f"$JS.API.STREAM.UPDATE.{own}",
    ]
    for stream in map(stream_name, services):
        consumer = f"{stream}.{service}"
        publish += [
            f"$JS.API.STREAM.INFO.{stream}",
            f"$JS.API.CONSUMER.CREATE.{consumer}",
            f"$JS.API.CONSUMER.CREATE.{consumer}.>",
            f"$JS.API.CONSUMER.DURABLE.CREATE.{consumer}",
            f"$JS.API.CONSUMER.INFO.{consumer}",
            f"$JS.API.CONSUMER.MSG.NEXT.{consumer}",
            f"$JS.API.CONSUMER.DELETE.{consumer}",
            f"$JS.ACK.{consumer}.>",
            # The second form of ack subjects, announced as the default and not yet sent by 2.15.1.
            f"$JS.ACK.*.*.{consumer}.>",
        ]
    subscribe = [f"{inbox_prefix(service)}.>", log_subject(service)]
    if service == "intake":  # it keeps the identity vault
        subscribe.append(SCREEN)
    return _permissions(publish, subscribe)


def _permissions(publish: list[str], subscribe: list[str]) -> Permissions:
    return {
        # An empty list would allow everything.
        "publish": {"allow": publish} if publish else {"deny": ALL},
        "subscribe": {"allow": subscribe},
        # To answer a request it received, for ten seconds, once.
        "allow_responses": {"max": 1, "expires": "10s"},
    }


def new_seed() -> bytes:
    """The private key of a user."""
    return bytes(nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER))


def public_key(seed: bytes) -> str:
    """The public half of the key, which is all that the broker knows of it."""
    public: bytes = nkeys.from_seed(bytearray(seed)).public_key
    return public.decode()
