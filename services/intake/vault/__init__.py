"""The identity vault (身份信息库): the only store of reporter identity (L3).

It has its own database, user and key.

It deposits, answers the narrow screen (leak: true or false), and sweeps what has no complaint. Nothing
here returns an identity to anybody in this release.
"""
