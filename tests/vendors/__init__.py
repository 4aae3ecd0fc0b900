"""Played model vendors: real HTTP on loopback, in the vendors' own formats, by scripts."""
