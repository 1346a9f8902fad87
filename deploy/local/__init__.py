"""The embedded stack: PostgreSQL, NATS, Caddy, an OIDC issuer and the five services on one machine.

Every part is the real one; only the sizes are small. Start reading at ``stack.py``.
"""
