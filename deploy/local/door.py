"""Clients of the front door."""

from __future__ import annotations

import ssl

import httpx

PATIENCE_SECONDS = 180
"""Seconds after which an answer is not waited for any more."""
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""A context without certificates: there is no TLS on loopback. Else every client would read all certificates
of the world, for 30 ms."""


def door(url: str, token: str = "") -> httpx.Client:
    """The front door, as the bearer of a token, or as nobody. No proxy of the environment stands between."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(
        base_url=url, headers=headers, timeout=PATIENCE_SECONDS, trust_env=False, verify=_NO_TLS
    )
