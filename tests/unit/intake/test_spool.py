"""Files that arrive slowly, and lie nowhere in clear meanwhile (SEC-6)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.intake.reporters.spool import PART, TAG, Spool


async def pieces(content: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


@pytest.mark.parametrize("length", [0, 1, 511, 512, PART - 1, PART, PART + 1, 3 * PART + 7])
@pytest.mark.parametrize("size", [100_000, PART, 5 * PART])
async def test_sec6_a_file_comes_out_as_it_went_in(length: int, size: int) -> None:
    content = bytes(n % 251 for n in range(length))
    with Spool() as spool:
        await spool.fill(pieces(content, size))
        for _ in range(2):
            assert b"".join([part async for part in spool.parts()]) == content
        assert spool.beginning == content[:512]


async def test_sec6_it_lies_sealed_and_without_a_name() -> None:
    canary = "拍摄者虚某摄".encode() * 100
    with Spool() as spool:
        await spool.fill(pieces(canary, 64))
        file = spool._file
        file.seek(0)
        written = file.read()
        assert len(written) == len(canary) + TAG
        assert canary[:18] not in written
        assert not isinstance(file.name, str), "a descriptor, and no path"
    assert file.closed
