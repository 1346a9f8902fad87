"""A stand-in for a service: its migration makes a table, `main` counts in it and tells what it was given."""
