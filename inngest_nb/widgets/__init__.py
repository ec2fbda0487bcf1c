"""Live views for notebooks, with static snapshots for when they are saved."""

from __future__ import annotations

from inngest_nb.widgets.view import View
from inngest_nb.widgets.views import Approval, MessageFeed, RunTable, RunTimeline, TokenStream

__all__ = ["Approval", "MessageFeed", "RunTable", "RunTimeline", "TokenStream", "View"]
