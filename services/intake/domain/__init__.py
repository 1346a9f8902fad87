"""Complaint and the register of accused: pure decisions."""
