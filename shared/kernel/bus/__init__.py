"""JetStream between the services: a copy of each store's log that can always be rebuilt.

`relay` publishes a store's log, `inbox` takes another service's log in, `log_server` answers from the store
itself when the stream has a hole, `envelope` is the form in which events travel. Correctness rests on the
log's own marks alone, never on what the broker promises: positions (`Ev-Pos`, `Ev-Prev`), the id of the event
that a message follows (`Ev-Follows`), and the epoch of the log (`Ev-Epoch`).
"""
