"""The bus against a real nats-server: what may happen to messages, and what must not."""
