"""The identity vault (身份信息库): the only store of reporter identity (L3).

It has its own database, user and keys. It deposits; answers the narrow screen, which tells whether a text
would reveal a reporter and never whom; shows named fields of an identity, letters, files and its own cases to
people who may read them, on record; sweeps deposits that have no complaint; and proves what it holds.
"""

import os

# pypinyin's words give each of their characters one reading, where all readings of it are looked for.
# To load them costs intake 44 MiB.
os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")
