"""Rini: a self-hosted backend for applications that talk to language models."""

__version__ = "0.1.0"
