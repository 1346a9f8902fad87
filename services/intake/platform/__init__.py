"""The petition platform's side of intake (§8.5): transfers in, statuses out, by call or by feed."""
