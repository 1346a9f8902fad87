"""The nightly look at the whole vault: what is missing, the root of its events, keys that end (B55)."""

from __future__ import annotations

import asyncio
from datetime import date

import structlog

from services.intake.vault.check import VaultCheck, told
from services.intake.vault.findings import Findings
from services.intake.vault.renewal import Renewal
from services.intake.vault.roots import Roots
from services.intake.vault.store import AWAY, Vault
from shared.kernel.bus.parking import reason_of
from shared.kernel.clock import Clock
from shared.kernel.halts import Halt
from shared.kernel.store.types import StoreUnavailable
from shared.language.ids import derived_id
from shared.language.law.working_days import local_date

log = structlog.get_logger("intake")
CHECK = "vault check"


class Nightly:
    """Looks at the start, and each legal day anew."""

    TICK = 1.0
    AGAIN = 60.0
    """Seconds after a look that could not be made."""

    def __init__(
        self,
        clock: Clock,
        vault: Vault,
        check: VaultCheck,
        roots: Roots,
        renewal: Renewal,
        findings: Findings,
        halted: Halt,
    ) -> None:
        """`halted`: is told what is missing, and when nothing is any more."""
        self._clock = clock
        self._vault = vault
        self._check = check
        self._roots = roots
        self._renewal = renewal
        self._findings = findings
        self._halted = halted

    async def run(self) -> None:
        """Looks every day until it is cancelled."""
        looked: date | None = None
        while True:
            try:
                today = local_date(self._clock.now())
                if today != looked:
                    await self.look(today)
                    looked = today
            except (StoreUnavailable, *AWAY) as error:
                log.warning("vault_check_waits", error=type(error).__name__)
                await asyncio.sleep(self.AGAIN)
            except Exception as error:
                # One row that does not open ends no service: it is told, and looked at again.
                log.error("vault_check_failed", error=reason_of(error))
                self._halted(CHECK, f"cannot look: {type(error).__name__}")
                await asyncio.sleep(self.AGAIN)
            await asyncio.sleep(self.TICK)

    async def look(self, today: date) -> None:
        """Looks once. While something is missing no key is ended: a backup may have to bring it back."""
        await self._vault.ready()
        missing = await self._check()
        for each in missing:
            await self._vault.guard.alarm(*each)
        root, wrong = await self._roots.now()
        if wrong:
            await self._vault.guard.alarm(derived_id("vault-log"), wrong)
        elif root.size:  # nothing has happened in a vault without events
            await self._findings.note_root(today, root)
        said = [told(missing)] if missing else []
        self._halted(CHECK, "; ".join([*said, *([wrong] if wrong else [])]) or None)
        if not missing and not wrong and (ended := await self._renewal()):
            log.info("vault_keys_ended", count=ended)
