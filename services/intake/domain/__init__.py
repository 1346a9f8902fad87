"""The complaint, and the small aggregates beside it (register of accused, supervision orders, …); pure."""
