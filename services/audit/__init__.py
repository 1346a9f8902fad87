"""audit decides nothing, it reads: what happened, in what order, as it was known on any day, and the proof.

It takes in the whole stream of every publishing service, keeps a sealed ledger of the events and one Merkle
tree per service over them, and replays any case for auditors within their jurisdiction. Every replay is
itself recorded, in a log with a tree of its own. A guard holds all of it, and the stores of the services,
against the signed roots; and those leave the machine.
"""
