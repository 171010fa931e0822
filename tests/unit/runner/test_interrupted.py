"""Ctrl-C, wherever it comes: it goes through to the caller, and the worker is gone by then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.order import Place
from runner.supervise import Sinks
from runner.worker.process import WorkerProcess
from tests.fakes.story import Story, make_story


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    with make_story(tmp_path) as made:
        made.publish()
        yield made


def ctrl_c(*_arguments: Any, **_members: Any) -> Any:
    raise KeyboardInterrupt


def at_the_broker(path: str) -> Callable[[Story, Any], object]:
    return lambda story, _: story.door.alter.update({path: ctrl_c})


def at(name: str) -> Callable[[Story, Any], object]:
    return lambda _, monkeypatch: monkeypatch.setattr(name, ctrl_c)


@pytest.mark.parametrize(
    "interrupt",
    [
        pytest.param(at("runner.run.take_hello"), id="worker starts"),
        pytest.param(at_the_broker("/v1/broker"), id="broker is looked at"),
        pytest.param(at_the_broker("/v1/releases"), id="broker decides"),
        pytest.param(at("runner.judging.hear"), id="worker judges"),
        pytest.param(at("runner.run.take_inputs"), id="inputs are read"),
        pytest.param(at("runner.run.supervise"), id="module is opened"),
        pytest.param(lambda *_: None, id="guest writes"),
    ],
)
def test_the_worker_is_gone(
    story: Story, monkeypatch: pytest.MonkeyPatch, interrupt: Callable[[Story, Any], object]
) -> None:
    spawned: list[WorkerProcess] = []

    def spawn() -> WorkerProcess:
        spawned.append(WorkerProcess.spawn(entry="tests.unit.runner.worker.early"))
        return spawned[-1]

    interrupt(story, monkeypatch)
    place: Place = story.place(spawn=spawn, sinks=Sinks(ctrl_c, ctrl_c))
    with pytest.raises(KeyboardInterrupt):
        story.run(place=place)
    assert len(spawned) == 1
    assert not Path(f"/proc/{spawned[0].pid}").exists()
