"""Channel logs with offsets, and their subscribers."""

from __future__ import annotations

from inngest_nb.hub.feed import FeedSubscription
from inngest_nb.hub.hub import MAX_DATA_BYTES, Hub
from inngest_nb.hub.log import Publish
from inngest_nb.hub.subscription import Batch, Since, Subscription, Time

__all__ = ["MAX_DATA_BYTES", "Batch", "FeedSubscription", "Hub", "Publish", "Since", "Subscription", "Time"]
