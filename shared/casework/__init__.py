"""The grammar of cases: aggregates, commands, reads, the gate, reactions, and the service made of them.

Rules that hold for every case stand here (`case`, `gate`, `visibility`); those of one kind of case stand in
its service. `http` is the face of it all.
"""
