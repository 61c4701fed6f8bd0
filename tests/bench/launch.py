"""Runs a command and prints its peak memory, in bytes, on the last line: `python launch.py COMMAND …`.

Until its exec, a process has the memory of its parent, and its peak includes that. So the parent is this script, which
imports next to nothing, and not the benchmark.
"""

from __future__ import annotations

import os
import sys

# Linux counts in KiB, macOS in bytes.
UNIT = 1 if sys.platform == "darwin" else 1024

_, status, usage = os.wait4(os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:]), 0)
print(usage.ru_maxrss * UNIT)
sys.exit(os.waitstatus_to_exitcode(status))
