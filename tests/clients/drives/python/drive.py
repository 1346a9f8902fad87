"""Drives a whole case with the clients that openapi-python-client made; tests/clients runs it beside them.

It is scenario 2 in its thin form: an anonymous letter, its verification to UNFOUNDED, the clarification, a
visit, and the history with its proof. Its standard input is what `test_clients` tells it, as JSON; its
standard output what came of it.
"""

import json

from audit.models import EventType
from clearing import Clearing
from receiving import receive
from replaying import history, proof
from revisiting import Revisiting
from verifying import Verifying

complaint, refused = receive()
verifying = Verifying(complaint.id)
verifying.conclude()
clearing = Clearing(verifying.id)
clearing.assess()
verifying.close()
clearing.draft()
clearing.agree()
clearing.approve()
clearing.carry_out()
revisiting = Revisiting(clearing.id)
revisiting.plan()
revisiting.visit()

events = history(complaint.number, EventType.REVISITCOMPLETED)
bundle, keys = proof(complaint.number)
print(
    json.dumps(
        {
            "complaint": str(complaint.id),
            "refused": refused,
            "events": [f"{event.service}.{event.type_}" for event in events],
            "cited": [event.type_ for event in events if event.legal_basis],
            "bundle": bundle,
            "keys": keys,
        }
    )
)
