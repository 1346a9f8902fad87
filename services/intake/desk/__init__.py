"""The clerks' desk: the queue, search by accused and content, the monthly digest of duplicates."""
