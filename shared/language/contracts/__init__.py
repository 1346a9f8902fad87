"""The published language: every event of every service, one module per publisher.

An event is written once, here: the owning service records it, the others read it
(docs/adr/0002-one-definition-of-an-event.md). Additive changes only; golden schemas guard it.
"""
