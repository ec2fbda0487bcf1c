"""The extension application: configuration, start and stop. It keeps no state but the host."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from traitlets import Bool, Int, List, Unicode

from inngest_nb.retention import Retention
from inngest_nb_server.compat import COMPAT_ROUTES
from inngest_nb_server.compat.port import CompatPort
from inngest_nb_server.credentials import Keys
from inngest_nb_server.host import EngineHost
from inngest_nb_server.routes import events, overview, page, realtime, runs, status, worker

_FULL_COLLECTION_AFTER = 100


def _rest_the_collector() -> None:
    """What a server has loaded stays: its 200,000 objects need not be looked through again and again, a fifth of a second each time.

    Python makes a full collection only when a quarter as many objects are new as have stayed; those that are frozen do not
    count there, so without a higher threshold full collections would come much more often than before.
    """
    if not gc.get_freeze_count():
        gc.freeze()
        youngest, middle, oldest = gc.get_threshold()
        gc.set_threshold(youngest, middle, max(oldest, _FULL_COLLECTION_AFTER))


class InngestApp(ExtensionApp):
    """Runs Inngest functions of notebooks durably, in this Jupyter server."""

    name = "inngest_nb_server"
    app_name = "Inngest for notebooks"
    load_other_extensions = True

    data_dir = Unicode(
        "",
        help="Where the journal and the message log are kept. Default: .inngest_nb in the server's root directory.",
    ).tag(config=True)
    functions = List(
        Unicode(),
        help="Modules whose functions this server runs itself, for example ['reports.nightly']. They are imported at start.",
    ).tag(config=True)
    signing_key = Unicode(
        "",
        help="Opens the compatible API to Inngest's SDKs that have the same key. Default: INNGEST_SIGNING_KEY, and while keys "
        "are rotated INNGEST_SIGNING_KEY_FALLBACK. Without one, only the server's own token opens it.",
    ).tag(config=True)
    event_key = Unicode(
        "", help="Lets those who have it send events to /e/<event key>, and nothing else. Default: INNGEST_EVENT_KEY."
    ).tag(config=True)
    compat_port = Int(
        0,
        help="A port on this machine's loopback addresses for the compatible API, where it is at the root: Inngest's SDKs need "
        "that, because they drop the path of a URL. 0: none.",
    ).tag(config=True)

    retention_messages = Int(
        Retention().messages, help="How many messages of a channel are kept, the newest. 0: all of them."
    ).tag(config=True)
    retention_bytes = Int(
        Retention().bytes, help="How large the message log may grow, all channels together. 0: without limit."
    ).tag(config=True)
    retention_age = Unicode(
        "", help="How long messages are kept, for example '30d' or '12h'. Default: for ever, as far as there is room."
    ).tag(config=True)

    realtime_recheck = Bool(
        False,
        help="Whether tokens of open subscriptions are checked again: the connection then ends with its token. Inngest's own "
        "server looks at a token only when it is shown. Subscribers may ask for it themselves with ?recheck=1.",
    ).tag(config=True)

    host: EngineHost
    port: CompatPort

    def initialize_settings(self) -> None:
        """Make the host; it starts with the server's event loop."""
        self.host = EngineHost(
            self._data_dir(), label=f"the Jupyter server of {self._root()}", log=self.log, retention=self._retention()
        )
        self.settings["inngest_host"] = self.host
        self.port = self.settings["inngest_compat_port"] = CompatPort(self.compat_port, self.log)
        self.settings["inngest_keys"] = Keys.of(signing_key=self.signing_key, event_key=self.event_key)
        self.settings["inngest_recheck"] = self.realtime_recheck

    def initialize_handlers(self) -> None:
        """All routes, each with its own authorization."""
        for module in (events, runs, overview, realtime, status, worker):
            self.handlers.extend((rf"/inngest/api/{path}", handler) for path, handler in module.ROUTES)
        self.handlers.extend((rf"/{path}", handler) for path, handler in (*page.PAGES, *COMPAT_ROUTES))

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        await self.host.start(list(self.functions))
        self.port.open(serverapp.web_app.settings)  # identity, authorizer, and what this extension has put there
        self.host.reached_at(self.port.url)
        _rest_the_collector()

    async def stop_extension(self) -> None:
        """Close the files; every run goes on with the next start."""
        await asyncio.wait_for(self.port.close(), 5)
        await asyncio.wait_for(self.host.stop(), 10)

    def _retention(self) -> Retention:
        limits = {"messages": self.retention_messages or None, "bytes": self.retention_bytes or None}
        return Retention(**limits, age=self.retention_age or None)

    def _root(self) -> Path:
        return Path(self.serverapp.root_dir if self.serverapp else ".")

    def _data_dir(self) -> Path:
        return Path(self.data_dir) if self.data_dir else self._root() / ".inngest_nb"
