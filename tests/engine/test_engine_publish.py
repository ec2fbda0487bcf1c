"""What the engine publishes: durable messages exactly once, rollback and commit, the lifecycle in order."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from inngest_nb.engine.engine import Engine
from inngest_nb.engine.progress import Progress
from inngest_nb.protocol import Message
from inngest_nb.stephash import step_hash
from tests.engine.peer import Engines, ScriptedPeer, function, log_of, until

GO = {"name": "app/go", "data": {}}
_HOUR_US = 3600 * 1_000_000
DURABLE = {"channel": "chat", "topic": "result", "data": '{"total":3}'}


async def _started(engine: Engine, **config: Any) -> tuple[ScriptedPeer, Message]:
    peer = ScriptedPeer(engine, function(**config))
    await engine.send([GO])
    return peer, await peer.started()


def publish(peer: ScriptedPeer, run: Message, data: str, *, step_id: str | None = None, channel: str = "chat") -> None:
    """A publish from the body of a run, or from one of its steps."""
    message = {"op": "publish", "channel": channel, "topic": "t", "data": data, "run_id": run["run_id"]}
    peer.say(message | ({"step_id": step_id, "attempt": 0} if step_id else {}))


async def kinds(engine: Engine, channel: str) -> list[str]:
    """Kinds of the messages of a channel."""
    await engine.core.hub.written()
    return [message["kind"] for message in log_of(engine, channel)]


async def delivered(engine: Engine) -> None:
    """Wait until nothing is left to deliver."""
    await until(lambda: not engine.core.journal.rows("SELECT 1 FROM outbox"), "an empty outbox")


# -- durable publishes ---------------------------------------------------------------------------


async def test_a_durable_publish_is_in_the_log_once(engine: Engine) -> None:
    peer, run = await _started(engine)
    peer.step_done(run, "pub", kind="realtime.publish", output='{"total":3}', publish=DURABLE)
    await peer.hear("step.saved")
    await delivered(engine)
    (message,) = log_of(engine, "chat")
    assert (message["topic"], message["data"], message["run_id"]) == ("result", {"total": 3}, run["run_id"])
    assert (message["step_id"], message["fn_id"]) == ("pub", "app-fn")


@pytest.mark.parametrize("in_log", [False, True], ids=["before the log", "after the log"])
async def test_a_crash_between_memo_and_log_delivers_exactly_once(
    engines: Engines, data_dir: Path, *, in_log: bool
) -> None:
    engine = await engines.start()
    peer, run = await _started(engine)
    peer.step_done(run, "pub", kind="realtime.publish", output='{"total":3}', publish=DURABLE)
    await peer.hear("step.saved")
    await delivered(engine)
    await engines.stop(engine)
    _as_after_a_crash(data_dir, run["run_id"], in_log=in_log)
    engine = await engines.start()
    await delivered(engine)
    assert [message["data"] for message in log_of(engine, "chat")] == [{"total": 3}]
    engine = await engines.restart(engine)
    await delivered(engine)
    assert len(log_of(engine, "chat")) == 1


def _as_after_a_crash(data_dir: Path, run_id: str, *, in_log: bool) -> None:
    """Put back the outbox row that was struck off, and take the message away where it had not come that far."""
    parcel = json.dumps({**DURABLE, "run_id": run_id, "fn_id": "app-fn", "step_id": "pub"})
    key = f"{run_id}:{step_hash('pub', 0)}"
    with closing(sqlite3.connect(data_dir / "journal.db")) as journal, journal:
        journal.execute("INSERT INTO outbox (key, message) VALUES (?, ?)", (key, parcel))
    with closing(sqlite3.connect(data_dir / "messages.db")) as messages, messages:
        (found,) = messages.execute("SELECT count(*) FROM messages WHERE key = ?", (key,)).fetchone()
        assert found == 1
        if not in_log:
            messages.execute("DELETE FROM messages WHERE key = ?", (key,))


async def test_a_durable_publish_that_is_reported_again_is_not_published_again(engine: Engine) -> None:
    peer, run = await _started(engine)
    report: dict[str, Any] = {"kind": "realtime.publish", "output": '{"total":3}', "publish": DURABLE}
    peer.step_done(run, "pub", **report)
    peer.close()
    back = ScriptedPeer(engine, function(), live={run["run_id"]: run["lease"]})
    back.step_done(run, "pub", again=True, **report)
    await back.hear("step.saved")
    await delivered(engine)
    assert await kinds(engine, "chat") == ["data"]


async def test_a_durable_publish_that_failed_is_not_published(engine: Engine) -> None:
    peer, run = await _started(engine)
    peer.step_failed(run, "pub", kind="realtime.publish", publish=DURABLE)
    await peer.hear("step.again")
    assert await kinds(engine, "chat") == []


# -- rollback and commit -------------------------------------------------------------------------


async def test_what_a_failed_attempt_published_is_rolled_back_and_the_next_committed(engine: Engine) -> None:
    peer, run = await _started(engine)
    publish(peer, run, '"void"', step_id="gen")
    publish(peer, run, '"void"', step_id="gen", channel="other")
    step = peer.step_failed(run, "gen")
    await peer.hear("step.again", attempt=1)
    publish(peer, run, '"good"', step_id="gen")
    peer.step_done(run, "gen", attempt=1, output="1")
    await peer.hear("step.saved")
    assert await kinds(engine, "chat") == ["data", "rollback", "data", "commit"]
    assert await kinds(engine, "other") == ["data", "rollback"]
    rollback, commit = (log_of(engine, "chat")[position]["data"] for position in (1, 3))
    about = {"run_id": run["run_id"], "step_id": "gen", "hash": step}
    assert rollback == {**about, "attempt": 0, "reason": "ValueError"}
    assert commit == {**about, "attempt": 1}
    own = [message["kind"] for message in log_of(engine, run["run_id"])]
    assert (own.count("rollback"), own.count("commit")) == (1, 1)


async def test_what_the_body_publishes_itself_is_never_rolled_back(engine: Engine) -> None:
    peer, run = await _started(engine)
    publish(peer, run, '"said"')
    peer.failed(run)
    again = await peer.started()
    await peer.finish(again)
    assert await kinds(engine, "chat") == ["data", "run"]


async def test_steps_side_by_side_are_settled_each_by_itself(engine: Engine) -> None:
    peer, run = await _started(engine)
    publish(peer, run, '"a"', step_id="a")
    publish(peer, run, '"b"', step_id="b")
    peer.step_done(run, "a", output="1")
    await peer.hear("step.saved")
    peer.step_failed(run, "b", index=1)
    await peer.hear("step.again")
    await engine.core.hub.written()
    settled = [(m["kind"], m["data"]["step_id"]) for m in log_of(engine, "chat") if m["kind"] != "data"]
    assert settled == [("commit", "a"), ("rollback", "b")]


async def test_cancelling_rolls_back_what_is_unfinished(engine: Engine) -> None:
    peer, run = await _started(engine)
    publish(peer, run, '"half"', step_id="gen")
    await engine.cancel(run["run_id"])
    assert await kinds(engine, "chat") == ["data", "rollback", "run"]


async def test_what_a_step_published_before_a_restart_is_rolled_back(engines: Engines) -> None:
    engine = await engines.start()
    peer, run = await _started(engine)
    publish(peer, run, '"half"', step_id="gen")
    await engine.core.hub.written()
    engine = await engines.restart(engine)
    await ScriptedPeer(engine, function()).started()
    assert await kinds(engine, "chat") == ["data", "rollback"]


# -- lifecycle -----------------------------------------------------------------------------------


async def test_the_own_channel_of_a_run_tells_its_life_in_order(engine: Engine) -> None:
    peer, run = await _started(engine)
    await peer.hear("step.saved", hash=peer.step_done(run, "one", output="1"))
    step = peer.step_failed(run, "two", index=1)
    await peer.hear("step.again", hash=step)
    peer.step_done(run, "two", attempt=1, index=1, output="2")
    await peer.hear("step.saved", hash=step)
    wait = peer.step_wait(run, "ask", index=2, event="app/answer")
    peer.report(run, "run.idle")
    await until(lambda: engine.run(run["run_id"]).status == "waiting", "the waiting run")
    await peer.settled()
    await engine.send([{"name": "app/answer"}])
    await peer.hear("step.memo", hash=wait)
    await peer.finish(run, "done")
    await engine.core.hub.written()
    log = log_of(engine, run["run_id"])
    assert [message["offset"] for message in log] == list(range(len(log)))
    runs = [message["data"]["status"] for message in log if message["kind"] == "run"]
    assert runs == ["queued", "running", "waiting", "running", "completed"]
    steps = [(m["data"]["step_id"], m["data"]["attempt"], m["data"]["status"]) for m in log if m["kind"] == "step"]
    assert steps == [
        ("one", 0, "completed"),
        ("two", 0, "retrying"),
        ("two", 1, "completed"),
        ("ask", 0, "waiting"),
        ("ask", 0, "completed"),
    ]


async def test_the_end_is_told_on_every_channel_that_the_run_touched(engines: Engines) -> None:
    engine = await engines.start()
    peer, run = await _started(engine)
    publish(peer, run, "1")
    publish(peer, run, "1", channel="other")
    await engine.core.hub.written()
    engine = await engines.restart(engine)
    peer = ScriptedPeer(engine, function())
    run = await peer.started()
    publish(peer, run, "1", channel="third")
    await peer.finish(run, 42)
    await delivered(engine)
    for channel in ("chat", "other", "third"):
        assert await kinds(engine, channel) == ["data", "run"]
        assert log_of(engine, channel)[-1]["data"]["result"] == 42


async def test_a_log_that_lost_what_the_journal_has_is_completed_once(engines: Engines) -> None:
    engine = await engines.start()
    peer, run = await _started(engine)
    await peer.hear("step.saved", hash=peer.step_done(run, "one", output="1"))
    await peer.hear("step.saved", hash=peer.step_done(run, "two", index=1, output="2"))
    peer.step_wait(run, "ask", index=2, event="app/answer")
    await peer.settled()
    for _ in range(2):
        await engines.stop(engine)
        with closing(sqlite3.connect(engine.data_dir / "messages.db")) as messages, messages:
            messages.execute("DELETE FROM messages WHERE kind = 'step'")  # as if it had died before they were written
        engine = await engines.start()
        peer = ScriptedPeer(engine, function())
        again = await peer.started()
        await engine.core.hub.written()
        engine.core.hub.log(run["run_id"])
        await engine.core.hub.written()
        told = [message["data"] for message in log_of(engine, run["run_id"]) if message["kind"] == "step"]
        assert [(step["step_id"], step["status"]) for step in told] == [
            ("one", "completed"), ("two", "completed"), ("ask", "waiting"),
        ]  # fmt: skip
        assert told[2]["wait"]["event"] == "app/answer"
    engine = await engines.restart(engine)
    peer = ScriptedPeer(engine, function())
    await peer.finish(await peer.started(), "done")
    await engine.core.hub.written()
    told = [message["data"]["step_id"] for message in log_of(engine, again["run_id"]) if message["kind"] == "step"]
    assert told == ["one", "two", "ask"]


async def test_a_body_that_ends_before_the_engine_hears_of_its_last_commit_loses_nothing(engine: Engine) -> None:
    acknowledged = threading.Event()
    peer = ScriptedPeer(engine, function(), acknowledge=lambda _: acknowledged.set())
    await engine.send([GO])
    run = await peer.started()
    peer.step_done(run, "last", output="1", publish=DURABLE)
    assert acknowledged.wait(10)  # by the writer's thread, while the engine's loop stands still here
    peer.report(run, "run.done", output='"done"')
    await until(lambda: engine.run(run["run_id"]).status == "completed", "the end")
    await delivered(engine)
    assert [message["data"] for message in log_of(engine, "chat") if message["kind"] == "data"] == [{"total": 3}]
    await until(lambda: len(log_of(engine, run["run_id"])) == 4, "the life of the run")
    assert [message["data"]["status"] for message in log_of(engine, run["run_id"])] == [
        "queued", "running", "completed", "completed",
    ]  # fmt: skip
    assert [message["kind"] for message in log_of(engine, run["run_id"])] == ["run", "run", "step", "run"]


# -- what an engine that died had not settled ----------------------------------------------------


async def _dies_before_settling(engines: Engines, monkeypatch: pytest.MonkeyPatch, *, ends: bool) -> Engine:
    """A step has streamed, the clock is set back by an hour, the step ends or not, and the engine dies; another one takes over."""
    engine = await engines.start()
    peer, run = await _started(engine)
    said = {"run_id": run["run_id"], "step_id": "gen", "attempt": 0, "created_at": engine.core.clock.now() + _HOUR_US}
    peer.say({"op": "publish", "channel": "chat", "topic": "t", "data": '"a text"', **said})
    await engine.core.hub.written()
    if ends:
        with monkeypatch.context() as dead:
            dead.setattr(Progress, "_settle", lambda *about, **more: None)
            peer.step_done(run, "gen", output="1")
            await peer.hear("step.saved")
    await engines.stop(engine)
    engine = await engines.start()
    assert (await ScriptedPeer(engine, function()).started())["run_id"] == run["run_id"]
    await delivered(engine)
    return engine


@pytest.mark.parametrize(("ends", "fate"), [(True, "commit"), (False, "rollback")])
async def test_what_was_streamed_stands_if_its_step_has_ended_whatever_the_clock_says(
    engines: Engines, monkeypatch: pytest.MonkeyPatch, *, ends: bool, fate: str
) -> None:
    engine = await _dies_before_settling(engines, monkeypatch, ends=ends)
    assert await kinds(engine, "chat") == ["data", fate]
    engine = await engines.restart(engine)
    await ScriptedPeer(engine, function()).started()
    assert await kinds(engine, "chat") == ["data", fate], "once"


async def test_what_a_later_step_of_the_same_id_streamed_is_not_taken_for_that_of_the_first(
    engines: Engines, data_dir: Path
) -> None:
    engine = await engines.start()
    peer, run = await _started(engine)
    publish(peer, run, '"whole"', step_id="gen")
    peer.step_done(run, "gen", output="1")
    await peer.hear("step.saved")
    await delivered(engine)
    publish(peer, run, '"half"', step_id="gen")
    await engine.core.hub.written()
    await engines.stop(engine)
    body = {"run_id": run["run_id"], "step_id": "gen", "hash": step_hash("gen"), "attempt": 0}
    owed = {"settled": body, "kind": "commit", "fn_id": "app-fn", "channels": ["chat"]}
    with closing(sqlite3.connect(data_dir / "journal.db")) as journal, journal:  # as if it had not been struck off
        row = (f"{run['run_id']}:{step_hash('gen')}:0", json.dumps(owed))
        journal.execute("INSERT INTO outbox (key, message) VALUES (?, ?)", row)
    engine = await engines.start()
    await ScriptedPeer(engine, function()).started()
    await delivered(engine)
    assert await kinds(engine, "chat") == ["data", "commit", "data", "rollback"]
