"""HTTP for every service: the envelope around each call, problem documents (RFC 9457), metrics, pages."""
