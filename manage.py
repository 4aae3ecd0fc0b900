#!/usr/bin/env python3
"""Rini's commands: `up` runs everything, `help` lists them all."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rini.settings")
    if sys.argv[1:] == ["up"]:
        from rini.running import up

        up.main()
    else:
        execute_from_command_line(sys.argv)
