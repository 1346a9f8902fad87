"""Tools that only developers run: the generated documents, the table of rules, the check of plain English."""
