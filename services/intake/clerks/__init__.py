"""The clerks' desk: the queue, the register of accused, searches, letters, the monthly digest."""
