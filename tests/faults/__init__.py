"""Faults on real processes under traffic: what was acknowledged is there once, whatever was broken.

`client` sends commands until each has its final answer and keeps the `ledger`; `journeys` are the cases
it leads through the services; `verify.verify_all` holds databases and streams against that ledger.
"""

import os

LONG = "ZM_FAULT_COMMANDS" in os.environ
"""Tells the long run of `make faults` from the short form in `make test`: fewer commands, services that die
together but not one by one, and of the rehearsals of a restore one for each accident."""
