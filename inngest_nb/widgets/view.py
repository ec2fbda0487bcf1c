"""What all widgets have in common: the traits, the two outputs of a display, and the way back over the comm."""

from __future__ import annotations

import time
import uuid
from typing import Any

import anywidget
import traitlets

from inngest_nb.widgets.bundle import assets
from inngest_nb.widgets.refresh import Events, Refresher
from inngest_nb.widgets.relay import Relay
from inngest_nb.widgets.snapshot import is_final, snapshot_html
from inngest_nb.widgets.source import Closer, ViewSource

__all__ = ["View"]

_MODULE, _STYLE = assets()
#: In the place of each widget a trusted notebook says "Loading widget..." where it has no kernel and "model not found"
#: where the kernel is another one; the snapshot is then all there is to see. Untrusted ones do not try, and drop the style.
_HIDE_LOST_WIDGET = (
    "<style>.jp-OutputArea-child:has(.inb-snapshot)+.jp-OutputArea-child:has(>.jp-OutputArea-output.lm-Panel)"
    ":not(:has(>.jp-OutputArea-output>*)){display:none}</style>"
)


class View(anywidget.AnyWidget):
    """A live view of a channel or a run.

    Displaying it makes two outputs: first a snapshot, static HTML that a saved notebook keeps, then the live widget, which
    hides the snapshot while it is there.
    """

    _esm = _MODULE
    _css = _STYLE
    view = traitlets.Unicode().tag(sync=True)
    params = traitlets.Dict().tag(sync=True)
    initial = traitlets.Dict().tag(sync=True)
    transport = traitlets.Unicode().tag(sync=True)
    # Set here too: a widget whose constructor raised is closed by its finaliser.
    _refresher: Refresher | None = None
    _unwatch: Closer | None = None
    _relay: Relay | None = None

    def __init__(self, source: ViewSource, label: str, view: str, params: dict[str, Any]) -> None:
        self._source, self._label = source, label
        self._display_ids: list[str] = []
        self._known: dict[str, Any] = {}
        transport = "server" if source.kind == "server" else "comm"
        super().__init__(view=view, params=params, initial=_initial({}), transport=transport)
        self._relay = relay = Relay(source, self.send)
        self.on_msg(lambda _widget, content, _buffers: relay.receive(content))

    def __repr__(self) -> str:
        return self._label

    def snapshot(self) -> str:
        """Return the view as it is now, as static HTML."""
        return snapshot_html(self.view, self.params, _initial(self._source.snapshot(self.params)))

    def close(self) -> None:
        """End the live view; its snapshot stays."""
        self._stop_refreshing()
        if self._relay is not None:
            self._relay.close()
        super().close()

    # -- display -------------------------------------------------------------------------------

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the live widget; without it, in an exported page, nothing, as the snapshot stands above."""
        made = super()._repr_mimebundle_(**kwargs)
        data, metadata = made if isinstance(made, tuple) else (made or {}, {})
        return {**data, "text/plain": self._label, "text/html": ""}, metadata

    def _ipython_display_(self) -> None:
        self.initial = _initial(self._source.snapshot(self.params))
        self._known = _without_time(self.initial)
        display_id = f"inngest-nb-{uuid.uuid4().hex}"
        _publish(self._snapshot_bundle(self.initial), display_id=display_id)
        self._display_ids.append(display_id)
        if _has_page():
            data, metadata = self._repr_mimebundle_()
            _publish(data, metadata)
        self._start_refreshing()

    def _snapshot_bundle(self, known: dict[str, Any]) -> dict[str, str]:
        html = snapshot_html(self.view, self.params, known) + _HIDE_LOST_WIDGET
        return {"text/html": html, "text/plain": self._label}

    # -- refreshing ----------------------------------------------------------------------------

    def _start_refreshing(self) -> None:
        if self._refresher is None and not is_final(self.params, self.initial):
            self._refresher = Refresher(self._refresh, _events())
            self._unwatch = self._source.watch(self.params, self._refresher.changed)
            self._refresher.changed()  # it may have gone on between the snapshot and the watch

    def _refresh(self) -> bool:
        """Show what is known now in every place of the snapshot; returns whether that is the end."""
        known = _initial(self._source.snapshot(self.params))
        if _without_time(known) != self._known:
            self._known = _without_time(known)
            bundle = self._snapshot_bundle(known)
            for display_id in self._display_ids:
                _publish(bundle, display_id=display_id, update=True)
        if not is_final(self.params, known):
            return False
        self._leave()
        return True

    def _leave(self) -> None:
        unwatch, self._unwatch = self._unwatch, None
        if unwatch is not None:
            unwatch()

    def _stop_refreshing(self) -> None:
        self._leave()
        if self._refresher is not None:
            self._refresher.stop()


def _initial(known: dict[str, Any]) -> dict[str, Any]:
    return {"saved_at": time.time() * 1000, **known}


def _without_time(known: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in known.items() if name != "saved_at"}


def _publish(
    data: dict[str, Any], metadata: dict[str, Any] | None = None, *, display_id: str | None = None, update: bool = False
) -> None:
    from IPython.display import publish_display_data

    transient = {"display_id": display_id} if display_id else {}
    publish_display_data(data, metadata, transient=transient, update=update)  # type: ignore[no-untyped-call]


def _events() -> Events | None:
    from IPython import get_ipython

    shell = get_ipython()
    return None if shell is None else shell.events


def _has_page() -> bool:
    """Return whether outputs go to a page, where a widget can live, and not to a terminal."""
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")
