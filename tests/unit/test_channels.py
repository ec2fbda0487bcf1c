"""Channels and topics: the three spellings, the two ways of calling, and every misuse that has an error."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import pydantic
import pytest

from inngest_nb import realtime
from inngest_nb.errors import ChannelError
from inngest_nb.realtime.channels import channel_name, topic_configs, topic_names
from inngest_nb.realtime.refs import as_publication


class Status(pydantic.BaseModel):
    message: str
    progress: int = 0


class Post(pydantic.BaseModel):
    id: str
    likes: int


class AgentChat(realtime.Channel, name="agent-chat:{thread_id}"):
    thread_id: str
    status: realtime.Topic[Status]
    tokens: realtime.Topic[str]
    usage: realtime.StaticTopic[dict[str, int]]


class Alerts(realtime.Channel, name="system:alerts"):
    alert: realtime.Topic[Status]


agent_chat = realtime.channel(
    name=lambda thread_id: f"agent-chat:{thread_id}",
    topics={"status": Status, "tokens": {"schema": str}, "usage": realtime.static_schema(dict)},
)
post = (
    realtime.channel(lambda post_id: f"post:{post_id}")
    .add_topic(realtime.topic("updated").schema(Post))
    .add_topic(realtime.topic("logs").type(str))
    .add_topic("anything")
)
alerts = realtime.channel(name="system:alerts", topics={"alert": Status})


@pytest.mark.parametrize("chat", [agent_chat(thread_id="t1"), AgentChat(thread_id="t1")])
def test_an_instance_has_its_name_topics_and_params(chat: Any) -> None:
    assert chat.name == "agent-chat:t1"
    assert list(chat.topics) == ["status", "tokens", "usage"]
    assert chat.params == {"thread_id": "t1"}
    assert (chat.status.channel, chat.status.topic, chat.status.type) == ("agent-chat:t1", "status", Status)
    assert chat.status == chat["status"]
    assert [name for name, config in chat.topics.items() if config.validates] == ["status", "tokens"]
    assert "status" in dir(chat)


@pytest.mark.parametrize("call", [lambda d: d(thread_id="t1"), lambda d: d("t1"), lambda d: d({"thread_id": "t1"})])
@pytest.mark.parametrize("definition", [agent_chat, AgentChat])
def test_parameters_come_by_keyword_position_or_as_one_dict(definition: Any, call: Any) -> None:
    assert call(definition).name == "agent-chat:t1"


def test_a_lambda_that_takes_the_dict_itself_gets_it() -> None:
    by_dict = realtime.channel(name=lambda params: f"agent-chat:{params['threadId']}", topics={"status": Status})
    assert by_dict({"threadId": "t1"}).name == "agent-chat:t1"


def test_several_parameters_and_defaults() -> None:
    cell = realtime.channel(lambda row, column=1: f"cell:{row}:{column}", {"value": int})
    assert cell(3).name == "cell:3:1"
    assert cell({"row": 3, "column": 4}).name == "cell:3:4"
    assert list(cell.params) == ["row", "column"]


def test_declared_parameters_have_their_types() -> None:
    assert AgentChat.params == {"thread_id": str}
    assert agent_chat.params == {"thread_id": Any}


@pytest.mark.parametrize("channel", [alerts, alerts(), Alerts, Alerts()])
def test_a_static_channel_needs_no_call(channel: Any) -> None:
    assert channel.name == "system:alerts"
    assert channel.alert == realtime.TopicRef("system:alerts", "alert", realtime.TopicConfig(Status))
    assert channel_name(channel) == "system:alerts"


def test_the_builder_pairs_a_topic_with_data() -> None:
    ref, data = post(post_id="7").logs("Liking")
    assert (ref.channel, ref.topic, data) == ("post:7", "logs", "Liking")
    global_channel = realtime.channel("global").add_topic(realtime.topic("logs").type(str))
    assert global_channel().logs("hi") == global_channel.logs("hi")


def test_adding_a_topic_leaves_the_original_alone() -> None:
    base = realtime.channel("global")
    assert list(base.add_topic(realtime.topic("logs")).topics) == ["logs"]
    assert list(base.topics) == []


def test_both_forms_of_publish_are_one() -> None:
    ref = post(post_id="7").logs
    assert as_publication(ref, "x") == as_publication(ref("x")) == ref("x")
    assert as_publication(ref, None).data is None


@pytest.mark.parametrize(
    "args", [("agent-chat:t1", "x"), (post(post_id="7").logs,), (post(post_id="7").logs("x"), "y")]
)
def test_a_publish_without_topic_or_with_other_than_one_data_is_refused(args: tuple[Any, ...]) -> None:
    with pytest.raises(ChannelError, match=r"publish (needs|got)"):
        as_publication(*args)


@pytest.mark.parametrize("names", [("\ud800", "t"), ("c", "\ud800"), (None, "t"), ("c", None), (5, "t"), (b"c", "t")])
def test_a_ref_that_was_made_by_hand_names_something(names: tuple[Any, Any]) -> None:
    ref: realtime.TopicRef[object] = realtime.TopicRef(*names, realtime.TopicConfig(realtime.static_schema(object)))
    for args in ((ref, "x"), (ref("x"),)):
        with pytest.raises(ChannelError, match="'s name is text"):
            as_publication(*args)


@pytest.mark.parametrize("name", ["name", "topics", "params", "add_topic", "__init__", "$run", "", 3])
def test_topic_names_that_would_shadow_are_refused(name: Any) -> None:
    with pytest.raises(ChannelError, match="topic"):
        realtime.channel(name="c", topics={name: str})
    with pytest.raises(ChannelError, match="topic"):
        realtime.topic(name)


def test_a_class_refuses_shadowing_topics_and_parameters() -> None:
    with pytest.raises(ChannelError, match="cannot be called 'topics'"):
        type("Bad", (realtime.Channel,), {"__annotations__": {"topics": realtime.Topic[str]}}, name="c")
    with pytest.raises(ChannelError, match="parameter cannot be called 'name'"):
        type("Bad", (realtime.Channel,), {"__annotations__": {"name": str}}, name="c:{name}")


def test_a_class_says_what_is_missing_in_its_declaration() -> None:
    with pytest.raises(ChannelError, match="needs a name"):
        type("Bad", (realtime.Channel,), {})
    with pytest.raises(ChannelError, match=r"add user: str"):
        type("Bad", (realtime.Channel,), {}, name="c:{user}")
    with pytest.raises(ChannelError, match="user is neither"):
        type("Bad", (realtime.Channel,), {"__annotations__": {"user": str}}, name="c")
    with pytest.raises(ChannelError, match="'Later' is not defined; define it above"):
        type("Bad", (realtime.Channel,), {"__annotations__": {"status": "realtime.Topic[Later]"}}, name="c")


def test_a_class_has_the_topics_of_the_classes_it_is_derived_from() -> None:
    class Watched(AgentChat, name="watched:{thread_id}:{room}"):
        room: str
        alarm: realtime.Topic[int]

    watched = Watched(thread_id="t1", room="r")
    assert list(Watched.topics) == [*AgentChat.topics, "alarm"]
    assert (watched.name, watched.status, watched.alarm.type) == (
        "watched:t1:r",
        realtime.TopicRef("watched:t1:r", "status", AgentChat.topics["status"]),
        int,
    )
    assert dict(Watched.params) == {"thread_id": str, "room": str}
    assert dict(AgentChat.params) == {"thread_id": str}

    class Everybody(AgentChat, name="everybody"):
        pass

    assert Everybody.status == Everybody().status
    assert dict(Everybody.params) == {}


def test_parameters_of_a_class_may_have_defaults() -> None:
    class Room(realtime.Channel, name="room:{house}:{number}"):
        house: str
        number: int = 1
        lines: realtime.Topic[str]

    assert [Room("a").name, Room("a", 2).name, Room(number=3, house="b").name] == ["room:a:1", "room:a:2", "room:b:3"]
    assert dict(Room("a").params) == {"house": "a", "number": 1}
    with pytest.raises(ChannelError, match="non-default argument follows default"):
        type(
            "Bad",
            (realtime.Channel,),
            {"__annotations__": {"house": str, "number": int}, "house": "a"},
            name="room:{house}:{number}",
        )


@pytest.mark.parametrize("namer", [str, "chat:{}".format])
def test_a_name_function_shows_its_parameters(namer: Any) -> None:
    with pytest.raises(ChannelError, match="such as a lambda"):
        realtime.channel(name=namer)


def test_a_class_in_a_function_sees_the_functions_names() -> None:
    class Local(pydantic.BaseModel):
        x: int

    class Inner(realtime.Channel, name="inner"):
        value: realtime.Topic[Local]

    assert Inner.value.type is Local


@pytest.mark.parametrize("definition", [agent_chat, AgentChat])
@pytest.mark.parametrize(
    ("args", "kwargs", "said"),
    [
        ((), {}, "missing a required argument: 'thread_id'"),
        ((), {"threadId": "t1"}, "thread_id"),
        (("a", "b"), {}, "too many positional"),
        ((None,), {}, "thread_id is None"),
    ],
)
def test_wrong_parameters_are_named(definition: Any, args: Any, kwargs: Any, said: str) -> None:
    with pytest.raises(ChannelError, match=said):
        definition(*args, **kwargs)


@pytest.mark.parametrize("definition", [agent_chat, AgentChat])
def test_an_uncalled_definition_is_refused_with_the_call_to_make(definition: Any) -> None:
    for use in (lambda: definition.status, lambda: definition.name, lambda: channel_name(definition)):
        with pytest.raises(ChannelError, match=r"thread_id"):
            use()
    assert not hasattr(definition, "status")


@pytest.mark.parametrize("chat", [agent_chat(thread_id="t1"), AgentChat(thread_id="t1"), agent_chat])
def test_an_unknown_topic_gets_a_suggestion(chat: Any) -> None:
    with pytest.raises(ChannelError, match="no topic 'statsu'; did you mean 'status'"):
        _ = chat.statsu
    with pytest.raises(ChannelError, match="it has 'status', 'tokens', 'usage'"):
        _ = chat.zzz


def test_topics_to_subscribe_to_are_checked_only_where_they_are_known() -> None:
    chat = AgentChat(thread_id="t1")
    assert topic_names(chat, None) is None
    assert topic_names(chat, "status") == ["status"]
    assert topic_names(chat, [chat.status, "$step"]) == ["status", "$step"]
    assert topic_names("agent-chat:t1", ["whatever"]) == ["whatever"]
    with pytest.raises(ChannelError, match="did you mean 'tokens'"):
        topic_names(chat, ["token"])
    assert topic_names(chat, chat.status) == topic_names("agent-chat:t1", chat.status) == ["status"]
    assert topic_configs("agent-chat:t1") == {}
    assert topic_configs(chat)["status"].type is Status


@pytest.mark.parametrize(
    ("topics", "said"),
    [
        (5, "topics is a list of names, not int 5"),
        ([None], "a topic's name is text, not NoneType None"),
        ([5], "a topic's name is text, not int 5"),
        ([AgentChat("t2").status], "topic 'status' of channel 'agent-chat:t2' is none of channel 'agent-chat:t1'"),
        (["$\ud800"], "a topic's name is text"),
    ],
)
@pytest.mark.parametrize("channel", ["agent-chat:t1", AgentChat("t1")])
def test_what_names_no_topic_of_the_channel_is_refused(channel: Any, topics: Any, said: str) -> None:
    with pytest.raises(ChannelError, match=re.escape(said)):
        topic_names(channel, topics)


@pytest.mark.parametrize(
    "declare",
    [
        realtime.channel,
        realtime.channel(lambda x: f"chat:{x}"),
        lambda text: realtime.channel("c", topics={text: str}),
        realtime.topic,
    ],
)
def test_a_name_that_cannot_be_sent_is_refused_where_it_is_made(declare: Any) -> None:
    assert declare("\U0001f389")
    with pytest.raises(ChannelError, match="surrogates not allowed"):
        declare("\ud83c")


@pytest.mark.parametrize("topics", [["status"], "status", Status, 5])
def test_topics_are_declared_in_a_dict(topics: Any) -> None:
    with pytest.raises(ChannelError, match="topics is a dict of names and schemas"):
        realtime.channel(name="c", topics=topics)


def test_a_ref_is_no_channel() -> None:
    with pytest.raises(ChannelError, match=r"is not a channel; pass the channel, and topics=\['status'\]"):
        channel_name(AgentChat("t1").status)


@pytest.mark.parametrize("wrong", ["", None, 3, object()])
def test_what_is_no_channel_is_refused(wrong: Any) -> None:
    with pytest.raises(ChannelError, match="channel"):
        channel_name(wrong)


def test_a_fixed_name_with_braces_is_a_mistake() -> None:
    with pytest.raises(ChannelError, match="has parameters; write name=lambda thread_id"):
        realtime.channel(name="agent-chat:{thread_id}", topics={"status": Status})


def test_a_name_function_must_return_a_name() -> None:
    with pytest.raises(ChannelError, match="non-empty string"):
        realtime.channel(name=lambda x: x)(3)


@pytest.mark.parametrize("schema", [None, "Status", 3, {"schem": Status}])
def test_what_is_no_schema_is_refused_at_declaration(schema: Any) -> None:
    with pytest.raises(ChannelError, match="topic 'status'"):
        realtime.channel(name="c", topics={"status": schema})


def test_a_topic_twice_is_refused() -> None:
    with pytest.raises(ChannelError, match="already there"):
        post.add_topic(realtime.topic("logs"))
    with pytest.raises(ChannelError, match=r"needs realtime\.topic"):
        post.add_topic(Post)  # type: ignore[arg-type]


def test_channels_are_values() -> None:
    chat = agent_chat(thread_id="t1")
    assert chat == agent_chat("t1") != agent_chat("t2")
    assert AgentChat("t1") == AgentChat(thread_id="t1") != chat  # another schema of usage
    assert len({chat, agent_chat("t1"), agent_chat("t2")}) == 2
    for value in (chat, AgentChat("t1"), post("p1"), chat.status, AgentChat("t1").usage):
        assert copy.copy(value) == copy.deepcopy(value) == pickle.loads(pickle.dumps(value)) == value
    with pytest.raises(ChannelError, match="frozen"):
        chat.name = "other"
    assert repr(chat) == "ChannelInstance('agent-chat:t1')"
    assert repr(AgentChat("t1")) == "AgentChat('agent-chat:t1')"


def test_displays_may_probe_a_channel() -> None:
    assert getattr(agent_chat, "_repr_html_", None) is None
    for value in (agent_chat(thread_id="t1"), agent_chat, AgentChat("t1")):
        assert getattr(value, "_ipython_display_", None) is None
        assert getattr(value, "_repr_mimebundle_", None) is None
