"""Declare channels and their topics with `realtime.channel`, and find out which channel a caller means."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Generic, ParamSpec, TypeVar, cast, overload

from inngest_nb.errors import ChannelError
from inngest_nb.realtime import names
from inngest_nb.realtime.refs import TopicRef
from inngest_nb.realtime.schemas import StaticSchema, TopicConfig, topic_config

__all__ = [
    "BoundChannel",
    "ChannelDefinition",
    "ChannelInstance",
    "StaticChannel",
    "TopicDefinition",
    "channel",
    "channel_name",
    "topic",
    "topic_configs",
    "topic_names",
]

T = TypeVar("T")
P = ParamSpec("P")
Topics = Mapping[str, TopicConfig[Any]]


class BoundChannel:
    """A channel that can be published and subscribed to: its name and the topics it has."""

    # Not a dataclass: a checker must allow a class of channels with a fixed name to have these as well.
    name: str
    topics: Topics
    params: Mapping[str, Any]

    def __init__(self, name: str, topics: Topics, params: Mapping[str, object] | None = None) -> None:
        self.__dict__.update(name=name, topics=topics, params=MappingProxyType(dict(params or {})))

    def __setattr__(self, name: str, value: object) -> None:
        raise ChannelError(f"{self!r} is frozen; declare another channel instead of setting {name!r}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BoundChannel):
            return NotImplemented
        return self.name == other.name and dict(self.topics) == dict(other.topics)

    def __getitem__(self, topic: str) -> TopicRef[Any]:
        """Return the topic as an attribute would, for names that are no Python identifiers."""
        if topic not in self.topics:
            raise names.unknown_topic(self.name, topic, self.topics)
        return TopicRef(self.name, topic, self.topics[topic])

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.topics]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.name, dict(self.topics), dict(self.params))

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def _repr_html_(self) -> str:
        from inngest_nb.cards import card

        kinds = {topic: inspect.formatannotation(config.type) for topic, config in self.topics.items()}
        return card(f"channel {self.name}", kinds)


class ChannelInstance(BoundChannel):
    """What a definition of `realtime.channel` gives: every topic is an attribute."""

    def __getattr__(self, topic: str) -> TopicRef[Any]:
        # The fields themselves are looked up here only before they are set, as copy and pickle do.
        if topic.startswith("__") or topic in names.RESERVED:
            raise AttributeError(topic)
        return self[topic]


class StaticChannel(ChannelInstance):
    """A channel whose name is fixed; it is its own, only instance, so calling it is optional."""

    def __call__(self) -> StaticChannel:
        return self

    def add_topic(self, topic: TopicDefinition | str) -> StaticChannel:
        """Return the channel with one more topic."""
        return StaticChannel(self.name, _with_topic(self.topics, topic))


class ChannelDefinition(Generic[P]):
    """A channel with parameters; call it with them to get an instance."""

    def __init__(self, namer: Callable[P, str], topics: Topics) -> None:
        self._namer = namer
        self._signature = names.signature_of(namer)
        self.topics = topics

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> ChannelInstance:
        """Return the instance for these parameters: by keyword, by position or as one dict."""
        bound = names.bind("this channel", self._signature, args, kwargs)
        name = self._namer(*bound.args, **bound.kwargs)
        return ChannelInstance(_checked_name(name), self.topics, bound.arguments)

    def add_topic(self, topic: TopicDefinition | str) -> ChannelDefinition[P]:
        """Return the definition with one more topic."""
        return ChannelDefinition(self._namer, _with_topic(self.topics, topic))

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters of the channel and their types."""
        parameters = self._signature.parameters.items()
        return {name: Any if p.annotation is p.empty else p.annotation for name, p in parameters}

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("_") or attribute == "topics":
            raise AttributeError(attribute)
        if attribute != "name" and attribute not in self.topics:
            raise names.unknown_topic(repr(self), attribute, self.topics)
        raise self.uncalled(repr(attribute))

    def uncalled(self, what: str) -> names.UncalledChannelError:
        """Return the error for a use of the definition that needs an instance."""
        how = f"call it with its parameters first: {names.parameter_list(self._signature)}"
        return names.UncalledChannelError(f"{what} needs one instance of this channel; {how}")

    def __repr__(self) -> str:
        return f"channel{names.parameter_list(self._signature)}"


@dataclasses.dataclass(frozen=True, slots=True)
class TopicDefinition:
    """A topic for `add_topic`; without `schema` or `type` it carries any JSON."""

    name: str
    config: TopicConfig[Any] = dataclasses.field(default_factory=lambda: TopicConfig(StaticSchema(object)))

    def schema(self, schema: object) -> TopicDefinition:
        """Validate what is published: a pydantic model or any type."""
        return TopicDefinition(self.name, topic_config(self.name, schema))

    def type(self, type_: type[T]) -> TopicDefinition:
        """Declare the type without validating."""
        return TopicDefinition(self.name, TopicConfig(StaticSchema(type_)))


def topic(name: str) -> TopicDefinition:
    """Begin a topic for `add_topic`.

    >>> topic("logs").type(str).config.type
    <class 'str'>
    """
    return TopicDefinition(names.check_topic_name(name))


@overload
def channel(name: str, topics: Mapping[str, object] | None = None) -> StaticChannel: ...
@overload
def channel(name: Callable[P, str], topics: Mapping[str, object] | None = None) -> ChannelDefinition[P]: ...
def channel(
    name: str | Callable[P, str], topics: Mapping[str, object] | None = None
) -> StaticChannel | ChannelDefinition[P]:
    """Declare a channel: a fixed name, or a function that makes the name of its parameters.

    Parameters
    ----------
    name
        The channel's name, or for example `lambda thread_id: f"agent-chat:{thread_id}"`.
    topics
        Topic names and what they carry: a pydantic model, any type, or `static_schema(T)`.

    Raises
    ------
    ChannelError
        If a name is not allowed or a schema is none.

    Examples
    --------
    >>> agent_chat = channel(name=lambda thread_id: f"agent-chat:{thread_id}", topics={"status": str})
    >>> agent_chat(thread_id="t1").status
    TopicRef('agent-chat:t1', 'status')
    >>> channel("system:alerts").add_topic(topic("alert").type(dict)).alert
    TopicRef('system:alerts', 'alert')
    """
    configs = MappingProxyType(_configs({} if topics is None else topics))
    if callable(name):
        return ChannelDefinition(name, configs)
    if fields := names.template_fields(_checked_name(name)):
        raise ChannelError(
            f"channel name {name!r} has parameters; write name=lambda {', '.join(fields)}: f{name!r}, or a class of channels"
        )
    return StaticChannel(name, configs)


def channel_name(channel: object) -> str:
    """Return the name of the channel that a caller means by an instance, a static channel or a string.

    Raises
    ------
    ChannelError
        For a definition that was not called, and for anything that is no channel.
    """
    return _checked_name(channel) if isinstance(channel, str) else _concrete(channel).name


def topic_configs(channel: object) -> Topics:
    """Return what is known of a channel's topics; nothing if it was given by name."""
    if isinstance(channel, str):
        return {}
    return _concrete(channel).topics


def topic_names(channel: object, topics: Iterable[str | TopicRef[Any]] | TopicRef[Any] | None) -> list[str] | None:
    """Return the names of the topics to subscribe to, checked against a declared channel; None means all.

    Raises
    ------
    ChannelError
        If the channel was declared without such a topic, or what names a topic is neither a name nor a ref of this channel.
    """
    if topics is None:
        return None
    wanted = [topics] if isinstance(topics, (str, TopicRef)) else topics
    if not isinstance(wanted, Iterable):
        raise ChannelError(f"topics is a list of names, not {type(topics).__name__} {topics!r:.80}")
    return [_topic_name(channel, topic) for topic in wanted]


def _topic_name(channel: object, topic: object) -> str:
    if isinstance(topic, TopicRef):
        if topic.channel != channel_name(channel):
            raise ChannelError(f"{topic.label} is none of channel {channel_name(channel)!r}")
        topic = topic.topic
    topic = names.check_text("a topic's name", topic)
    if not isinstance(channel, str) and topic not in (known := topic_configs(channel)) and not topic.startswith("$"):
        raise names.unknown_topic(channel_name(channel), topic, known)
    return topic


def _concrete(channel: object) -> BoundChannel:
    if isinstance(channel, BoundChannel):
        return channel
    if isinstance(channel, type) and issubclass(channel, BoundChannel):
        # A class with a fixed name has one instance; any other says which parameters it misses.
        return cast("Callable[[], BoundChannel]", channel)()
    if isinstance(channel, ChannelDefinition):
        raise channel.uncalled("a subscription")
    if isinstance(channel, TopicRef):
        raise ChannelError(f"{channel.label} is not a channel; pass the channel, and topics=[{channel.topic!r}]")
    raise ChannelError(f"expected a channel or its name, got {type(channel).__name__} {repr(channel)[:80]}")


def _configs(topics: object) -> dict[str, TopicConfig[Any]]:
    if not isinstance(topics, Mapping):
        raise ChannelError(f"topics is a dict of names and schemas, not {type(topics).__name__} {topics!r:.80}")
    return {names.check_topic_name(key): topic_config(key, value) for key, value in topics.items()}


def _with_topic(topics: Topics, added: TopicDefinition | str) -> Topics:
    definition = topic(added) if isinstance(added, str) else added
    if not isinstance(definition, TopicDefinition):
        raise ChannelError(f"add_topic needs realtime.topic(...), got {definition!r:.80}")
    if definition.name in topics:
        raise ChannelError(f"topic {definition.name!r} is already there; a channel has each topic once")
    return MappingProxyType({**topics, definition.name: definition.config})


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise ChannelError(f"a channel's name is a non-empty string, not {name!r:.80}")
    return names.check_text("a channel's name", name)
