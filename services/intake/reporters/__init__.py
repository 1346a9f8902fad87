"""Reporting without an account: a code instead of a name, and no trace of who asks (SEC-6, SEC-7).

And the messages that reach reporters, which only the vault can address (SEC-10).
"""
