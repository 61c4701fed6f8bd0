"""Run a command and write its peak memory, in bytes, on the last line: `python launch.py COMMAND …`.

A process counts the memory of the one it was started from, up to the moment it becomes itself. So it is started from
here, where next to nothing is imported, and not from the program that holds the table.
"""

from __future__ import annotations

import os
import sys

# Linux counts in KiB, macOS in bytes.
UNIT = 1 if sys.platform == "darwin" else 1024

_, status, usage = os.wait4(os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:]), 0)
print(usage.ru_maxrss * UNIT)
sys.exit(os.waitstatus_to_exitcode(status))
