"""The bare worker as a module of its own."""

from __future__ import annotations

import sys

from standin import worker

if __name__ == "__main__":
    sys.exit(worker())
