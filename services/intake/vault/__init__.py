"""The identity vault (身份信息库): the only store of reporter identity (L3).

It has its own database, user and keys. It deposits, answers the narrow screen (leak: true or false), gives
named fields to whoever may read them, on record, sweeps what has no complaint, and proves what it holds.
"""

import os

# pypinyin's words give each of their characters one reading, where all readings of it are looked for.
# To load them costs intake 44 MiB.
os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")
