"""The engine of this server: started with it, stopped with it, and honest when it could not start."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from typing import Any

from inngest_nb import links
from inngest_nb.engine.engine import Engine
from inngest_nb.errors import EngineStarting, InngestError, JournalUnavailable
from inngest_nb.links.hosted import HostedLink
from inngest_nb.retention import Retention


class EngineHost:
    """Owns the engine. Handlers ask for it on every request: it may be missing, with a reason."""

    def __init__(self, data_dir: Path, *, label: str, log: Any, retention: Retention | None = None) -> None:
        self.data_dir, self._label, self._retention = data_dir.resolve(), label, retention
        self._log: logging.Logger = log
        self._engine: Engine | None = None
        self._failure: InngestError | None = None
        self._link: HostedLink | None = None

    @property
    def engine(self) -> Engine:
        """The running engine.

        Raises:
            InngestError: why there is none.
        """
        if self._engine is None:
            raise self._failure or EngineStarting("the Inngest engine of this server is not running yet; try again")
        return self._engine

    async def start(self, modules: list[str]) -> None:
        """Start the engine, then the modules whose functions it runs itself. The server starts in any case."""
        engine = Engine(self.data_dir, holder=self._label, retention=self._retention)
        try:
            await engine.start()
        except InngestError as exc:
            self._failure = exc
            self._log.error("inngest_nb: %s", exc.message)
            return
        except Exception as exc:  # noqa: BLE001  # Jupyter must serve whatever is wrong with us
            self._failure = JournalUnavailable(
                f"the Inngest engine could not start: {exc!r}. The server's log says more"
            )
            self._log.exception("inngest_nb: the engine could not start")
            return
        self._engine = engine
        self._log.info("inngest_nb: engine running in %s", self.data_dir)
        if modules:
            self._host(engine, modules)

    def _host(self, engine: Engine, modules: list[str]) -> None:
        self._link = HostedLink(engine, label=self._label)
        links.provide(self._link)
        for module in modules:
            try:
                importlib.import_module(module)
            except Exception:  # noqa: BLE001  # a module of users must not keep the server from starting
                self._log.exception("inngest_nb: could not import %s, whose functions this server should run", module)

    def reached_at(self, url: str | None) -> None:
        """Where clients of the compatible API find this engine: tokens say it."""
        if self._engine is not None:
            self._engine.api_base_url = url

    async def stop(self) -> None:
        """Stop what was started."""
        if self._link is not None:
            links.provide(None)
            self._link.close()
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.stop()
