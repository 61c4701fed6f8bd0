"""The same stack on this machine: embedded AWS, a fake video server Videos API, and the command line. No account, no Docker."""

import sys
from pathlib import Path

# The functions' own package is found where the layer is built from, as the functions find it in the layer.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "layers" / "sora_ready"))
