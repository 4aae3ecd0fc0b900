"""The ways to talk to vendors: each module is one `providers.types.Wire`."""
