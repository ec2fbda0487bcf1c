"""What comes over a socket is what the protocol says, before any of it reaches the journal or other peers."""

from __future__ import annotations

from typing import Any

from inngest_nb.protocol import Message

_TEXTS = frozenset({
    "op", "worker_id", "label", "host", "run_id", "lease", "fn_id", "hash", "step_id", "kind", "channel", "topic", "data",
    "output", "opts", "stream_id", "code_hash", "event", "if_exp", "function_id", "method",
})  # fmt: skip
_NUMBERS = frozenset(
    {"pid", "index", "attempt", "started_at", "ended_at", "wake_at", "created_at", "executing", "waits"}
)
_MOST = 1 << 62  # what SQLite and a sum of two of them can hold
_OF_RUN = ("run_id", "lease")
_OF_STEP = (*_OF_RUN, "hash", "step_id", "index", "kind", "started_at")
_REQUIRED: dict[str, tuple[str, ...]] = {
    "hello": ("worker_id", "functions"),
    "register": ("functions",),
    "step.begin": (*_OF_STEP, "attempt"),
    "step.done": (*_OF_STEP, "attempt", "ended_at"),
    "step.wait": (*_OF_STEP, "wake_at"),
    "step.drop": _OF_STEP,
    "run.idle": _OF_RUN,
    "run.busy": _OF_RUN,
    "run.done": (*_OF_RUN, "output"),
    "run.error": (*_OF_RUN, "attempt", "error"),
    "publish": ("channel", "topic", "data"),
    "request": ("id", "method", "params"),
    "subscribe": ("id",),
    "unsubscribe": ("id",),
}


def check_frame(frame: Any) -> list[Message]:
    """The frame, when it is a list of messages; what they ask for may still be refused.

    Raises:
        ValueError: says what was expected.
    """
    if not isinstance(frame, list):
        raise ValueError("a frame is a list of messages")  # noqa: TRY004  # one error for all that a peer may get wrong
    for message in frame:
        if not isinstance(message, dict) or not isinstance(message.get("op"), str):
            raise ValueError('a message is an object with an "op"')  # noqa: TRY004
        _check(message, _REQUIRED.get(message["op"], ()))
    return frame


def _check(message: Message, required: tuple[str, ...]) -> None:
    op = message["op"]
    for name in required:
        if message.get(name) is None:
            raise ValueError(f"{op} needs {name}")
    if op in ("hello", "register"):
        _check_functions(op, message["functions"])
    if op == "subscribe":  # what is wrong with one is answered, see Subscriptions
        return
    for name, value in message.items():
        if value is None:
            continue
        if name in _TEXTS and not isinstance(value, str):
            raise ValueError(f"{name} of {op} is a text")
        if name in _NUMBERS and not (isinstance(value, int) and 0 <= value <= _MOST):
            raise ValueError(f"{name} of {op} is a whole number from 0 on")
    publish = message.get("publish")
    if publish is not None and not (isinstance(publish, dict) and {"channel", "topic", "data"} <= publish.keys()):
        raise ValueError(f"publish of {op} has a channel, a topic and data")
    if publish is not None:
        _check({"op": op, **publish}, ())


def _check_functions(op: str, configs: Any) -> None:
    """What a function is called and started by goes to the journal and to other peers."""
    if not isinstance(configs, list) or not all(isinstance(config, dict) for config in configs):
        raise ValueError(f"functions of {op} is a list of objects")
    for config in configs:
        if not all(isinstance(config.get(name), str) and config[name] for name in ("id", "app_id", "name")):
            raise ValueError(f"a function of {op} has an id, an app_id and a name")
        triggers = config.get("triggers")
        if not isinstance(triggers, list) or not all(map(_is_trigger, triggers)):
            raise ValueError(f"triggers of function {config['id']} are objects with an event or a cron")


def _is_trigger(trigger: Any) -> bool:
    return isinstance(trigger, dict) and all(isinstance(value, str | None) for value in trigger.values())
