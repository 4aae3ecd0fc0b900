"""Secrets, sealed and open."""
