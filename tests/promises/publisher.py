"""A kernel that publishes numbers: `python -m tests.promises.publisher CHANNEL NAME COUNT`, through its Jupyter server."""

from __future__ import annotations

import os
import sys

import inngest_nb as nb
from inngest_nb import realtime


def main(channel: str, name: str, count: int) -> None:
    """Publish {"by": name, "n": 0…}; each is in the log when the next one goes."""
    client = nb.Inngest(app_id=name, engine="server")
    ref = realtime.channel(channel, topics={"n": dict}).n
    for n in range(count):
        client.realtime.publish_sync(ref, {"by": name, "n": n})
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
