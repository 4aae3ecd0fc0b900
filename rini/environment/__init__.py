"""What the environment says, checked before anything starts.

Everything that an operator can set comes through a reader of `variables.Environment`. A wrong value
ends the process with one line that names the variable, its value and what is allowed: whoever
starts a server reads the last line, not a traceback.
"""
