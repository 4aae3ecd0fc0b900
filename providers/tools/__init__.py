"""Tools that a model may call: what a tool is, and the connections to servers that have some."""
