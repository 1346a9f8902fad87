"""The three rooms on which every service stands, each upon the one after it.

`casework` is the grammar of cases: aggregates, commands, reads, the gate that both pass, the service that is
assembled of them. `kernel` holds mechanisms that know no complaint: store, bus, evidence, clock, settings.
`language` is what all services say: events, the law as data, organs, roles, refusals.
"""
