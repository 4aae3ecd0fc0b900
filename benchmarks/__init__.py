"""Measurements. Each prints what it did, on which machine, and the figures."""
