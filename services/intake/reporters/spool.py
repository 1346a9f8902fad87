"""A file as it arrives: on disk, under a key that is in memory only, until all of it is there.

A caller that sends slowly holds neither a turn nor a connection of the vault's database that others wait for
(SEC-6).
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from types import TracebackType
from typing import IO, Self

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PART = 256 * 1024
TAG = 16


class Spool:
    """One file that arrives. It has no name in any folder, and ends with the request."""

    def __init__(self) -> None:
        self._cipher = AESGCM(AESGCM.generate_key(256))
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 -- it is one itself
        self._parts = 0
        self.beginning = b""
        """The first bytes, by which its kind is told."""

    async def fill(self, stream: AsyncIterator[bytes], beginning: int = 512) -> None:
        """Takes everything that comes."""
        waiting = bytearray()
        async for part in stream:
            waiting += part
            if len(self.beginning) < beginning:
                self.beginning += part[: beginning - len(self.beginning)]
            while len(waiting) >= PART:
                await self._write(bytes(waiting[:PART]))
                del waiting[:PART]
        await self._write(bytes(waiting))

    async def parts(self) -> AsyncIterator[bytes]:
        """The file again, from its beginning."""
        await asyncio.to_thread(self._file.seek, 0)
        for number in range(self._parts):
            sealed = await asyncio.to_thread(self._file.read, PART + TAG)
            yield self._cipher.decrypt(number.to_bytes(12), sealed, None)

    async def _write(self, part: bytes) -> None:
        sealed = self._cipher.encrypt(self._parts.to_bytes(12), part, None)
        await asyncio.to_thread(self._file.write, sealed)
        self._parts += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
