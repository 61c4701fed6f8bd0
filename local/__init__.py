"""The whole stack on this machine, without an account and without Docker: an AWS emulator and a fake video server."""

import sys
from pathlib import Path

# The package is imported from the folder that its Lambda layer is built from.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "layers" / "sora_ready"))


class CommandError(RuntimeError):
    """A command cannot be carried out. The message says why, and what to do."""
