"""kill -9 of a kernel: restart, run the defining cells again, and the run goes on by itself from its last memo."""

from __future__ import annotations

import pytest

from tests.kernel.lab import TEXT, Lab
from tests.support.kernels import Kernel, until
from tests.support.llm import TOKENS, Reply

pytestmark = pytest.mark.kernel


def test_killed_before_the_approval_the_model_is_not_called_again(kernel: Kernel, lab: Lab) -> None:
    kernel.value(lab.agent)
    run_id = kernel.value("run = agent.start({}); print(run.id)")
    lab.until_status(run_id, "waiting")
    assert lab.transcript() == TEXT
    kernel.kill()
    kernel.value(lab.agent)
    lab.approve()
    state = lab.until_status(run_id, "completed", "failed")
    assert state["result"]["text"] == TEXT
    assert len(lab.model.requests()) == 1
    assert lab.transcript() == TEXT
    assert [m.data for m in lab.messages() if m.topic == "result"] == [{"text": TEXT}]
    assert kernel.value(f"client.run({run_id!r}).result(timeout=20)['approved']") == "True"


def test_an_approval_while_no_kernel_is_there_is_kept_for_the_next_one(kernel: Kernel, lab: Lab) -> None:
    kernel.value(lab.agent)
    run_id = kernel.value("run = agent.start({}); print(run.id)")
    lab.until_status(run_id, "waiting")
    kernel.kill()
    lab.approve()
    assert lab.run(run_id)["status"] != "completed"
    kernel.value(lab.agent)
    assert lab.until_status(run_id, "completed")["result"]["approved"]
    assert len(lab.model.requests()) == 1


def test_killed_in_the_middle_of_a_stream_its_tokens_are_rolled_back(kernel: Kernel, lab: Lab) -> None:
    lab.model.script(Reply(stall_after=4), Reply())
    kernel.value(lab.agent)
    run_id = kernel.value("run = agent.start({}); print(run.id)")
    until(lambda: lab.transcript() == "".join(TOKENS[:4]), "four tokens")
    kernel.kill()
    kernel.value(lab.agent)
    lab.until_status(run_id, "waiting")
    assert len(lab.model.requests()) == 2
    assert lab.transcript() == TEXT
    kinds = [m.kind for m in lab.messages() if m.kind in ("rollback", "commit") or m.topic == "tokens"]
    assert kinds[:5] == ["data"] * 4 + ["rollback"], "before anything of the new attempt"
    assert kinds[-1] == "commit"
    assert kinds.count("rollback") == 1
    lab.approve()
    assert lab.until_status(run_id, "completed")["result"]["text"] == TEXT


def test_a_restart_by_the_button_goes_on_too(kernel: Kernel, lab: Lab) -> None:
    kernel.value(lab.agent)
    run_id = kernel.value("run = agent.start({}); print(run.id)")
    lab.until_status(run_id, "waiting")
    kernel.restart()
    kernel.value(lab.agent)
    lab.approve()
    assert lab.until_status(run_id, "completed")["result"]["approved"]
    assert len(lab.model.requests()) == 1


def test_started_and_killed_at_once_nothing_is_lost(kernel: Kernel, lab: Lab) -> None:
    kernel.value(lab.agent)
    ids = kernel.value("print(*[agent.start({}).id for _ in range(5)])").split()
    kernel.kill()
    kernel.value(lab.agent)
    for run_id in ids:
        lab.until_status(run_id, "waiting")
    questions = {m.run_id: m.data["question_id"] for m in lab.messages() if m.topic == "questions"}
    assert set(questions) == set(ids)
    for question in questions.values():
        body = {"name": "approval/decided", "data": {"question_id": question, "approved": True}}
        lab.server.request("inngest/api/events", body)
    for run_id in ids:
        assert lab.until_status(run_id, "completed", "failed")["result"]["text"] == TEXT
