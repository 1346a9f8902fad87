"""Mechanisms that know no complaint: the store, the bus, evidence, what leaves the house, clock, settings."""
