"""Agents: a model with its instructions, its knowledge and its tools, under one name."""
