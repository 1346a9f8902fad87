"""Evidence: proof that nobody altered, moved or removed an event after it was recorded.

Pure and free of I/O, so that an outsider can read it whole and run `verify` on another machine:

    merkle      RFC 9162 §2.1 trees, their proofs, and the nodes a proof needs
    leaf        what of an event goes into the tree (RFC 8785)
    note        C2SP signed-note
    checkpoint  C2SP tlog-checkpoint
    bundle      a set of events with their proofs, as one JSON document
    verify      python -m shared.kernel.evidence.verify bundle.json --key KEYFILE
"""
