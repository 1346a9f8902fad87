"""The language of all services: events, published contracts, the law as data, organs, roles, refusals."""
