"""`make bench`: what the system costs, each time beside the least that anyone could do.

Every reference is a small program of this folder with the same server, pool, connections and durability.
Both sides run in turns within one run and the medians are compared, so that what else the machine does
falls on both. Ratios go to the screen and to build/bench.json.
"""
