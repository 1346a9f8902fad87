"""The identity vault (身份信息库): the only store of reporter identity (L3).

It has its own database, user and key.

It deposits, answers the narrow screen (leak: true or false), and sweeps what has no complaint. Nothing
here returns an identity to anybody in this release.
"""

import os

# pypinyin's words give each of their characters one reading, where all readings of it are looked for.
# To load them costs intake 44 MiB.
os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")
