"""Recognises files that are taken, and makes their copies without metadata (SEC-6).

The type is told by the first bytes, never by a name or a header. Pictures and PDFs are painted anew
(painting.py); plain text has no metadata and is copied as it is, in UTF-8 (plain.py). If no copy can be made,
staff are told so and see none.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from services.intake.reporters.plain import is_plain, text_of
from services.intake.reporters.sandbox import SECCOMP

log = structlog.get_logger("intake")

MAGIC = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"%PDF-": "application/pdf",
}
PAINTER = Path(__file__).with_name("painting.py")
SANDBOX = Path(__file__).with_name("sandbox.py")
MOST_SECONDS = 120
"""A painter that is slower is stopped. It bounds its own work; this bounds also what it waits for others."""
AT_ONCE = 2
"""Painters at one time; each may hold a picture of 50 megapixels."""

_turn = threading.BoundedSemaphore(AT_ONCE)


def media_type(first: bytes) -> str | None:
    """The type of a file by its beginning; None where it is none that is taken."""
    for magic, kind in MAGIC.items():
        if first.startswith(magic):
            return kind
    return "text/plain" if first and text_of(first, whole=False) is not None else None


def _in_sandbox() -> list[str]:
    # -I keeps out environment and folder: `code.py`, which stands beside it, would be taken for Python's.
    return [sys.executable, "-I", str(SANDBOX)]


def sandbox_lacks() -> list[str]:
    """The means of a painter's sandbox that this machine's kernel refuses; without seccomp no painter
    runs."""
    try:
        told = subprocess.run(  # noqa: S603 - our own program
            _in_sandbox(), stdout=subprocess.PIPE, env={}, timeout=MOST_SECONDS, check=True
        )
        lacking: list[str] = json.loads(told.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        log.warning("painter_failed", kind="sandbox", error=type(error).__name__)
        return [SECCOMP]
    return lacking


def tell_of_sandbox(halted: Callable[[str, str | None], None]) -> None:
    """Reports, as the service starts, the means that its painters' sandbox lacks."""
    lacking = sandbox_lacks()
    if lacking:
        log.warning("painter_sandbox_lacks", lacking=lacking)
    halted("painter", "no seccomp here: no copy is made of any file" if SECCOMP in lacking else None)


def cleaned(content: bytes, kind: str) -> bytes | None:
    """The same content without metadata; None where that cannot be done."""
    if kind == "text/plain":
        text = text_of(content)
        return text.encode() if text is not None and is_plain(text) else None
    return _painted(content, kind)


def _painted(content: bytes, kind: str) -> bytes | None:
    """Has a painter make the copy: a program of its own, because a hostile file can crash the libraries that
    read it, hang them, make them take all memory, or take them over. Then only that program is lost, which
    knows no key and no setting of this service, and whose sandbox keeps it from everything else. PDFium bears
    one thread in a process, and there it has no second."""
    command = [*_in_sandbox(), str(PAINTER), kind]
    with _turn:
        try:
            painter = subprocess.run(  # noqa: S603 - our own program, and nothing of the file in its arguments
                command,
                input=content,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # the libraries quote the file in it
                env={},
                timeout=MOST_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            log.warning("painter_failed", kind=kind, error=type(error).__name__)
            return None
    if painter.returncode != 0:  # a signal if the file was too much for it; else it is not well installed
        log.warning("painter_failed", kind=kind, status=painter.returncode)
        return None
    return painter.stdout or None
