"""Documents of many formats as text with structure. Each is read in a process of its own.

`read` is the whole interface: ``from knowledge.readers.process import read``. This package's
``__init__`` imports nothing, because the reading process starts through it.
"""
