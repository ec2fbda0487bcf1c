"""What the reference says about the code is what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from inngest_nb_server.app import InngestApp
from inngest_nb_server.compat import COMPAT_ROUTES
from inngest_nb_server.compat.reads import UNKNOWN
from inngest_nb_server.routes import events, overview, runs, status, worker
from inngest_nb_server.routes import realtime as realtime_routes

import inngest_nb
from inngest_nb import errors, realtime
from inngest_nb.history import History, tables
from tests.docs import reference
from tests.docs.pages import ROOT, name_of, pages

API = reference.FOLDER / "api.md"


@pytest.mark.parametrize("page", reference.pages(), ids=name_of)
def test_generated_parts_are_up_to_date(page: Path) -> None:
    assert page.read_text() == reference.rendered(page), "run: python -m tests.docs.reference"


def test_every_part_stands_on_a_page() -> None:
    placed = {name for page in reference.pages() for name in re.findall(r"<!-- generated: (\w+) -->", page.read_text())}
    assert placed == reference.PARTS.keys()


@pytest.mark.parametrize("name", [*inngest_nb.__all__, *realtime.__all__])
def test_every_public_name_is_on_the_page_of_the_api(name: str) -> None:
    assert re.search(rf"`(?:realtime\.)?{re.escape(name)}`", API.read_text())


@pytest.mark.parametrize("table", tables.TABLES)
def test_dtypes_are_those_of_the_frames(table: str, tmp_path: Path) -> None:
    frame = getattr(History(tmp_path), table)()
    for column in tables.TABLES[table]:
        assert reference.DTYPES[column.kind] == f"`{frame.dtypes[column.name]}`"


def test_every_route_is_on_the_page_of_the_protocol() -> None:
    text = (reference.FOLDER / "protocol.md").read_text()
    documented = set(re.findall(r"`(?:GET|POST|WS) inngest/api/([^`]+)`", text))
    routes = {path for module in (events, overview, realtime_routes, runs, status, worker) for path, _ in module.ROUTES}
    assert {re.sub(r"\{\w+\}", "([^/]+)", path) for path in documented} == routes


def test_every_compatible_route_is_on_its_page() -> None:
    text = (reference.FOLDER / "compatible-api.md").read_text()
    documented = set(re.findall(r"`(?:GET|POST|DELETE|WS) ([^`]+)`", text))
    routes = {path.removesuffix("/?") for path, handler in COMPAT_ROUTES if (path, handler) not in UNKNOWN}
    assert {re.sub(r"\{\w+\}", "([^/]+)", path) for path in documented if "…" not in path} >= routes


def test_every_error_has_a_remedy() -> None:
    text = (reference.FOLDER / "errors.md").read_text()
    remedies = set(re.findall(r"^\| `(\w+)` \| [^|]{10,} \| [^|]{10,} \|$", text, re.MULTILINE))
    assert set(errors.__all__) - {"InngestError"} == remedies


def test_every_environment_variable_is_on_the_page_of_the_configuration() -> None:
    text = (reference.FOLDER / "configuration.md").read_text()
    sources = [path.read_text() for path in (ROOT / "inngest_nb").rglob("*.py")]
    read = {
        name for source in sources for name in re.findall(r"\"((?:INNGEST_NB|OPENAI|JUPYTERHUB)_[A-Z_]+)\"", source)
    }
    assert {"INNGEST_NB_ENGINE", "INNGEST_NB_URL"} <= read
    assert {name for name in read if f"`{name}`" not in text} == set()


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_options_of_the_server_exist(page: Path) -> None:
    named = set(re.findall(r"InngestApp\.(\w+)", page.read_text()))
    assert named <= set(InngestApp.class_trait_names(config=True))
