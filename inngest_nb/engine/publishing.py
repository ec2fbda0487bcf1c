"""Publishing from outside: by who is no worker, and may belong to a run nevertheless."""

from __future__ import annotations

from inngest_nb.engine.core import Core
from inngest_nb.hub import Publish


def publish(core: Core, message: Publish) -> int:
    """Append to the channel's log and return the offset; its run, if it has one, will tell this channel how it ended.

    Raises:
        PayloadError: the data is too large, or the disk refuses messages.
    """
    offset = core.hub.publish(message)
    run = core.runs.get(message.run_id) if message.run_id else None
    if run is not None and run.touched is not None:
        run.touched.add(message.channel)
    return offset
