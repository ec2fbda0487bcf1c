"""`use_realtime`: a channel as an object whose attributes change, after Inngest's React hook."""

from __future__ import annotations

from inngest_nb.hooks.hook import Realtime, use_realtime
from inngest_nb.hooks.state import Messages

__all__ = ["Messages", "Realtime", "use_realtime"]
