"""The one door to models: the catalogue, the keys, the wires and the gateway."""
