"""The options of a hook. Only what is declared can be set: a misspelt option would change nothing, in silence."""

from __future__ import annotations

import difflib

from traitlets import Any as AnyTrait
from traitlets import Bool, Float, HasTraits, Int, Unicode

__all__ = ["Options"]


class Options(HasTraits):
    """What may be set at any time.

    Raises:
        AttributeError: something else is set.
    """

    channel = AnyTrait(None, allow_none=True)
    topics = AnyTrait(None, allow_none=True)
    token = AnyTrait(None, allow_none=True)
    key = Unicode(None, allow_none=True)
    enabled = Bool(True)
    validate = Bool(True)
    history_limit = Int(100, allow_none=True)
    buffer_interval = Float(0, min=0)
    api_base_url = Unicode(None, allow_none=True)
    reconnect = Bool(True)
    reconnect_min_ms = Float(250, min=0)
    reconnect_max_ms = Float(5000, min=0)
    pause_on_hidden = Bool(True)
    auto_close_on_terminal = Bool(True)
    visible = Bool(True)

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_") and not hasattr(type(self), name):  # traitlets itself sets methods
            close = difflib.get_close_matches(name, self.trait_names(), n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise AttributeError(f"{type(self).__name__} has no option {name!r}{hint}")
        super().__setattr__(name, value)
