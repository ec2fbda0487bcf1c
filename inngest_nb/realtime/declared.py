"""Channels as classes, whose topics mypy and pyright know the types of."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Mapping
from types import FrameType, MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, get_args, get_origin

from inngest_nb.errors import ChannelError
from inngest_nb.realtime import names
from inngest_nb.realtime.channels import BoundChannel
from inngest_nb.realtime.refs import StaticTopic, TopicRef
from inngest_nb.realtime.schemas import StaticSchema, TopicConfig, topic_config

__all__ = ["Channel"]


class Channel(BoundChannel):
    """A channel declared as a class: `{fields}` of the name are parameters, `Topic[...]` annotations are topics.

    Examples
    --------
    >>> class AgentChat(Channel, name="agent-chat:{thread_id}"):
    ...     thread_id: str
    ...     status: TopicRef[str]
    >>> AgentChat(thread_id="t1").status
    TopicRef('agent-chat:t1', 'status')
    """

    _template: ClassVar[str]
    _signature: ClassVar[inspect.Signature]

    def __init_subclass__(cls, *, name: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not isinstance(name, str) or not name:
            raise ChannelError(f'class {cls.__name__} needs a name: class {cls.__name__}(realtime.Channel, name="...")')
        hints = _hints(cls, sys._getframe(1))  # noqa: SLF001  # a class in a function uses that function's names
        fields = names.template_fields(name)
        topics = {key: _config(key, hint) for key, hint in hints.items() if _is_topic(hint)}
        params = {key: hint for key, hint in hints.items() if key not in topics and get_origin(hint) is not ClassVar}
        params = {key: hint for key, hint in _inherited(cls, "params").items() if key in fields} | params
        topics = _inherited(cls, "topics") | topics
        _check_params(cls, name, fields, params)
        cls._template, cls._signature = name, _signature(cls, fields, params)
        cls.topics, cls.params = MappingProxyType(topics), MappingProxyType(params)
        for attribute in ("name", *topics):
            setattr(cls, attribute, _Accessor(attribute))

    def __init__(self, *args: object, **params: object) -> None:
        bound = names.bind(type(self).__name__, self._signature, args, params)
        bound.apply_defaults()
        given = bound.arguments
        super().__init__(self._template.format(**given), type(self).topics, given)
        self.__dict__.update(given)

    def __reduce__(self) -> tuple[Any, ...]:
        return functools.partial(type(self), **self.params), ()

    if not TYPE_CHECKING:  # a checker knows the topics and should report any other

        def __getattr__(self, topic: str) -> TopicRef[Any]:
            if topic.startswith("__") or topic in names.RESERVED:
                raise AttributeError(topic)
            return self[topic]


class _Accessor:
    """The name or a topic: of an instance, and of the class too if its name is fixed."""

    def __init__(self, attribute: str) -> None:
        self._attribute = attribute

    def __get__(self, instance: Channel | None, owner: type[Channel]) -> object:
        if instance is not None:
            return instance[self._attribute]
        if owner.params:
            how = f"{owner.__name__}({', '.join(f'{name}=...' for name in owner.params)})"
            raise names.UncalledChannelError(
                f"{owner.__name__}.{self._attribute} needs one instance of this channel; "
                f"call it with its parameters first: {how}"
            )
        return getattr(owner(), self._attribute)


def _hints(cls: type, frame: FrameType) -> Mapping[str, Any]:
    try:
        return inspect.get_annotations(cls, locals={**frame.f_globals, **frame.f_locals}, eval_str=True)
    except NameError as exc:
        raise ChannelError(f"class {cls.__name__}: {exc}; define it above the channel") from exc


def _inherited(cls: type, what: str) -> dict[str, Any]:
    """The topics or parameters of the channels that this one is derived from."""
    return {key: value for base in reversed(cls.__mro__[1:]) for key, value in vars(base).get(what, {}).items()}


def _is_topic(hint: object) -> bool:
    origin = get_origin(hint) or hint
    return isinstance(origin, type) and issubclass(origin, TopicRef)


def _config(topic: str, hint: object) -> TopicConfig[Any]:
    names.check_topic_name(topic)
    if not get_args(hint):
        return TopicConfig(StaticSchema(object))
    (type_,) = get_args(hint)
    return TopicConfig(StaticSchema(type_)) if get_origin(hint) is StaticTopic else topic_config(topic, type_)


def _check_params(cls: type, template: str, fields: list[str], params: Mapping[str, object]) -> None:
    what = f"class {cls.__name__}"
    for field in fields:
        if field not in params:
            raise ChannelError(f"{what}: {{{field}}} of the name {template!r} is not declared; add {field}: str")
    for name in params:
        if name not in fields:
            raise ChannelError(f"{what}: {name} is neither a realtime.Topic[...] nor part of the name {template!r}")
        if name in names.RESERVED:
            raise ChannelError(
                f"{what}: a parameter cannot be called {name!r}: channels have an attribute of this name"
            )


def _signature(cls: type, fields: list[str], params: Mapping[str, Any]) -> inspect.Signature:
    def parameter(field: str) -> inspect.Parameter:
        default = getattr(cls, field, inspect.Parameter.empty)
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return inspect.Parameter(field, kind, default=default, annotation=params[field])

    try:
        return inspect.Signature([parameter(field) for field in fields])
    except ValueError as exc:  # one with a default before one without
        raise ChannelError(f"class {cls.__name__}: {exc}") from None
