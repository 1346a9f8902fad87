"""The operator's part after a message was set aside: has it tried once more."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

from deploy.local.process import ROOT
from deploy.local.stack import Stack
from shared.bus.connection import connect, disconnect
from shared.bus.inbox import Inbox
from shared.bus.parking import PgParkedStore
from shared.service import build, handler
from shared.settings import Settings
from tests.faults.client import PATIENCE_SECONDS


async def retry_parked(stack: Stack, service: str, source: str) -> int:
    """A writing service's parked messages of one source, beside the service that runs."""
    own = importlib.import_module(f"services.{service}.main").service()
    settings = Settings.from_env(service, stack.environment(service))
    _, parts = build(own, settings)
    nc = await connect(
        settings.nats_url, Path(settings.nats_seed_file), service, lambda error: None, lambda: None
    )
    await parts.recorder.start()
    try:
        inbox = Inbox(
            service,
            source,
            nc,
            parts.recorder,
            handler(own, parts),
            key=parts.bus_key,
            parked=PgParkedStore(parts.engine),
        )
        return await inbox.retry_parked()
    finally:
        await parts.recorder.stop()
        await parts.engine.dispose()
        await disconnect(nc)


def retry_audit(stack: Stack) -> None:
    """Runs audit's own command for it."""
    command = [sys.executable, "-m", "services.audit.main", "retry"]
    subprocess.run(command, env=stack.environment("audit"), cwd=ROOT, check=True, timeout=PATIENCE_SECONDS)
