"""Finding the Jupyter server of this kernel, without configuration and without importing Jupyter."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Server:
    """A Jupyter server: its URL with base_url and trailing slash, and the token for it."""

    url: str
    token: str


def surroundings() -> tuple[str | None, ...]:
    """What tells where this process's server is, without looking there."""
    return tuple(map(os.environ.get, ("INNGEST_NB_URL", "INNGEST_NB_TOKEN", "JPY_PARENT_PID")))


def find_server() -> Server | None:
    """INNGEST_NB_URL/INNGEST_NB_TOKEN, else the server that started this kernel, else JupyterHub's environment."""
    url = os.environ.get("INNGEST_NB_URL")
    if url:
        return Server(url.rstrip("/") + "/", os.environ.get("INNGEST_NB_TOKEN", ""))
    return _parent_server() or _hub_server()


def _parent_server() -> Server | None:
    pid = os.environ.get("JPY_PARENT_PID")
    if not pid:
        return None
    for folder in _runtime_dirs():
        try:
            info = json.loads((folder / f"jpserver-{pid}.json").read_text())
        except (OSError, ValueError):
            continue
        return Server(str(info["url"]).rstrip("/") + "/", str(info.get("token") or ""))
    return None


def _hub_server() -> Server | None:
    url, token = os.environ.get("JUPYTERHUB_SERVICE_URL"), os.environ.get("JUPYTERHUB_API_TOKEN")
    return Server(url.rstrip("/") + "/", token or "") if url and token else None


def _runtime_dirs() -> list[Path]:
    """Where Jupyter keeps its runtime files, by its own rules."""
    named = os.environ.get("JUPYTER_RUNTIME_DIR")
    if named:
        return [Path(named)]
    home = Path.home()
    data = Path(os.environ.get("JUPYTER_DATA_DIR") or _default_data_dir(home))
    dirs = [data / "runtime"]
    if "XDG_RUNTIME_DIR" in os.environ:
        dirs.append(Path(os.environ["XDG_RUNTIME_DIR"]) / "jupyter")
    return dirs


def _default_data_dir(home: Path) -> Path:
    if sys.platform == "darwin":
        return home / "Library" / "Jupyter"
    return Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "jupyter"


def label() -> str:
    """What to call this process in messages: its notebook, else its script."""
    notebook = os.environ.get("JPY_SESSION_NAME")
    if notebook:
        return f"the kernel of {Path(notebook).name}"
    script = Path(sys.argv[0]).name if sys.argv and sys.argv[0] else ""
    return f"the script {script}" if script and script not in ("-c", "ipykernel_launcher.py") else "a Python process"
