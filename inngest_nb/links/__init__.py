"""How a client reaches an engine: embedded in this process, or in its Jupyter server.

One process has one link to each engine, shared by all its clients: running a cell that makes a client again changes
nothing.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inngest_nb.errors import LinkError
from inngest_nb.links.link import MEMORY, Link
from inngest_nb.links.locate import Server, find_server, label, surroundings
from inngest_nb.retention import Retention
from inngest_nb.settings import CloudSettings

if TYPE_CHECKING:
    from inngest_nb.links.server import ServerLink

__all__ = ["ENGINES", "MEMORY", "Link", "close_links", "current_link", "expect", "link_to", "official_link", "provide"]

ENGINES = ("auto", "server", "embedded", "inngest")
DEFAULT_DATA_DIR = ".inngest_nb"
_links: dict[str, Link] = {}
_without_engine: set[Server] = set()  # servers that "auto" has given up on: said once, and no switch in between
_known: dict[
    tuple[str | None, ...], ServerLink
] = {}  # by surroundings: the server's file is not read for every publish
_lock = threading.RLock()
_link_of_newest: Callable[[], Link] = lambda: link_to("auto", None)  # noqa: E731  # until there is a client
_log = logging.getLogger("inngest_nb")


def link_to(engine: str, data_dir: str | Path | None, retention: Retention | None = None) -> Link:
    """The process's link to the engine that the arguments name, opened on first use; `retention` is for an embedded one.

    Raises:
        LinkError: there is no such engine, or it cannot be reached.
        DataDirLocked, JournalUnavailable, JournalCorrupt: the embedded engine cannot have its directory.
    """
    with _lock:
        hosted = _links.get("host")
        if hosted is not None and engine in ("auto", "server"):
            return hosted
        if engine == "server" or (engine == "auto" and data_dir is None):
            link = _server_link(required=engine == "server")
            if link is not None:
                return link
        return _embedded_link(data_dir, retention)


def _server_link(*, required: bool) -> Link | None:
    here = surroundings()
    known = _known.get(here)
    if known is not None and known.connected:
        return known
    server = find_server()
    if server is None:
        if required:
            raise LinkError(
                "no Jupyter server was found for this process: it has neither INNGEST_NB_URL nor a Jupyter server as its parent. "
                'Start the kernel from JupyterLab or Notebook, set INNGEST_NB_URL and INNGEST_NB_TOKEN, or use engine="embedded"'
            )
        return None
    key = f"server {server.url}"
    link = _links.get(key)
    if link is None:
        if server in _without_engine and not required:
            return None
        from inngest_nb.links.server import ServerLink  # brings tornado, which only this link needs

        try:
            link = _links[key] = _known[here] = ServerLink(server, label=label())
        except LinkError as exc:
            if required:
                raise
            _log.warning("%s Using the embedded engine instead.", exc.message)
            _without_engine.add(server)
            return None
    return link


def _embedded_link(data_dir: str | Path | None, retention: Retention | None) -> Link:
    path = DEFAULT_DATA_DIR if data_dir is None else MEMORY if str(data_dir) == MEMORY else Path(data_dir).expanduser()
    key = MEMORY if path == MEMORY else f"embedded {Path(path).resolve()}"
    link = _links.get(key)
    if link is None:
        from inngest_nb.links.embedded import EmbeddedLink  # brings the engine, which only this link needs

        link = _links[key] = EmbeddedLink(path, label=label(), retention=retention)
    return link


def official_link(app_id: str, settings: CloudSettings, data_dir: str | Path | None, serializer: Any) -> Link:
    """The process's link to a real Inngest server for one app.

    Raises:
        LinkError: the official SDK is not installed.
    """
    with _lock:
        key = f"inngest {settings.api_origin} {app_id}"
        link = _links.get(key)
        if link is None:
            try:
                from inngest_nb.links.official import OfficialLink  # brings the SDK, which only this link needs
            except ImportError as exc:
                raise LinkError(
                    f'engine="inngest" runs functions through Inngest\'s SDK, which is not installed ({exc}): pip install "inngest-nb[inngest]"'
                ) from exc
            path = (
                Path(DEFAULT_DATA_DIR if data_dir is None or str(data_dir) == MEMORY else data_dir)
                .expanduser()
                .resolve()
            )
            link = _links[key] = OfficialLink(app_id, settings, data_dir=path, serializer=serializer, label=label())
        return link


def expect(link_of_client: Callable[[], Link]) -> None:
    """A client was made: what is not given one means the newest, also before that has been used."""
    global _link_of_newest  # noqa: PLW0603
    _link_of_newest = link_of_client


def current_link() -> Link:
    """The newest link, or else that of the newest client: for views that are given a channel and nothing else."""
    with _lock:
        return next(reversed(_links.values())) if _links else _link_of_newest()


def provide(link: Link | None) -> None:
    """Make clients of this process use `link`: for functions that a Jupyter server hosts itself."""
    with _lock:
        if link is None:
            _links.pop("host", None)
        else:
            _links["host"] = link


def close_links() -> None:
    """Close every link of this process."""
    with _lock:
        for link in list(_links.values()):
            link.close()
        _links.clear()
        _known.clear()
        _without_engine.clear()


def _forget_after_fork() -> None:
    _known.clear()
    _links.clear()  # threads do not survive a fork: a child opens its own


os.register_at_fork(after_in_child=_forget_after_fork)
