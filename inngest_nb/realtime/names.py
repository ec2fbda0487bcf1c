"""The rules for names of channels and topics, and the errors of those who break them."""

from __future__ import annotations

import difflib
import inspect
import string
from collections.abc import Callable, Iterable, Mapping

from inngest_nb.errors import ChannelError
from inngest_nb.jsontext import is_text

__all__ = [
    "UncalledChannelError",
    "UnknownTopicError",
    "bind",
    "check_text",
    "check_topic_name",
    "parameter_list",
    "signature_of",
    "template_fields",
    "unknown_topic",
]

#: Attributes of channels, which a topic of that name would hide.
RESERVED = frozenset({"add_topic", "name", "params", "topics"})


# Both are AttributeErrors first, so that hasattr, completion and the probing of displays work on channels, and so that
# Python can set the name that it gives every such error.
class UnknownTopicError(AttributeError, ChannelError):
    """A topic that its channel does not declare."""


class UncalledChannelError(AttributeError, ChannelError):
    """A channel with parameters, used where one of its instances is needed."""


def check_text(what: str, name: object) -> str:
    """Return `name` if it can be sent: half a surrogate pair has no UTF-8."""
    if not isinstance(name, str):
        raise ChannelError(f"{what} is text, not {type(name).__name__} {name!r:.80}")
    if not is_text(name):
        raise ChannelError(f"{what} is text, and {name!r:.80} is none: surrogates not allowed")
    return name


def check_topic_name(topic: object) -> str:
    """Return `topic` if a channel may have a topic of this name."""
    if not isinstance(topic, str) or not topic:
        raise ChannelError(f"a topic's name is a non-empty string, not {topic!r}")
    if topic in RESERVED or (topic.startswith("__") and topic.endswith("__")):
        raise ChannelError(
            f"a topic cannot be called {topic!r}: channels have an attribute of this name; choose another"
        )
    if topic.startswith("$"):
        raise ChannelError(f"a topic cannot be called {topic!r}: names with $ are the engine's own")
    return check_text("a topic's name", topic)


def unknown_topic(channel: str, topic: str, known: Iterable[str]) -> UnknownTopicError:
    """Return the error for a topic that `channel` does not have."""
    names = list(known)
    close = difflib.get_close_matches(topic, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(map(repr, names)) or 'no topics'}"
    return UnknownTopicError(f"channel {channel!r} has no topic {topic!r}; {hint}")


def template_fields(template: str) -> list[str]:
    """Return the parameters of a name such as `"agent-chat:{thread_id}"`."""
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(template) if field is not None]
    except ValueError as exc:
        raise ChannelError(f"channel name {template!r}: {exc}") from exc
    for field in fields:
        if not field.isidentifier():
            raise ChannelError(f"channel name {template!r}: {{{field}}} is not a parameter's name")
    return list(dict.fromkeys(fields))


def signature_of(namer: Callable[..., str]) -> inspect.Signature:
    """Return the parameters of a function that makes a channel's name."""
    try:
        return inspect.signature(namer)
    except (ValueError, TypeError) as exc:
        raise ChannelError(
            f"a channel's name is made by a function of its parameters, such as a lambda: {exc}"
        ) from None


def bind(
    what: str, signature: inspect.Signature, args: tuple[object, ...], kwargs: Mapping[str, object]
) -> inspect.BoundArguments:
    """Match the arguments of a call with a channel's parameters.

    Takes positions, keywords, and one dict of all parameters as the JavaScript SDK does.
    """
    match args:
        case (Mapping() as given,) if not kwargs and given.keys() == signature.parameters.keys():
            args, kwargs = (), given
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as exc:
        raise ChannelError(f"{what} takes {parameter_list(signature)}: {exc}") from exc
    for name, value in bound.arguments.items():
        if value is None and signature.parameters[name].default is not None:
            raise ChannelError(f"{what}: {name} is None, which names no channel")
    return bound


def parameter_list(signature: inspect.Signature) -> str:
    """Return the parameters as a call would be written: `(thread_id=...)`."""
    return f"({', '.join(f'{name}=...' for name in signature.parameters)})"
