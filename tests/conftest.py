"""For all tests: nothing that a person's shell says of a real video server reaches them, so they can spend nothing."""

from __future__ import annotations

import os

for name in ("VIDEO_API_BASE_URL", "VIDEO_API_KEY", "VIDEO_MODELS"):
    os.environ.pop(name, None)
