"""JetStream between the services: a copy of each store's log that can always be rebuilt.

`relay` publishes a store's log, `inbox` takes another service's log in, `log_server` answers from
the store itself when the stream has a hole, `envelope` is the form in which events travel.
Correctness rests on positions alone (`Ev-Pos`, `Ev-Prev`), never on what the broker promises.
"""
