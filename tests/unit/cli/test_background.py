"""A background service is found again, told from strangers, and stopped."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from offers.cli.background import Background
from offers.errors import Conflict, OffersError
from offers.settings import Settings


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def background(tmp_path: Path) -> Background:
    return Background(Settings(data_dir=tmp_path, port=_free_port()))


def test_nothing_runs_at_first(background: Background) -> None:
    assert background.pid() is None
    assert not background.ready()
    assert not background.stop()


@pytest.mark.parametrize("content", ["", "not a number", str(os.getpid()), "999999999"])
def test_a_pid_file_of_something_else_is_not_believed(background: Background, content: str) -> None:
    background.pid_file.parent.mkdir(parents=True)
    background.pid_file.write_text(content)
    assert background.pid() is None


def test_a_port_in_use_is_said_with_its_remedy(background: Background) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", background.settings.port))
        taken.listen()
        with pytest.raises(Conflict, match="OFFERS_PORT"):
            background.start()
    assert not background.pid_file.exists()


def test_a_service_that_ends_at_once_is_told_with_its_last_words(background: Background) -> None:
    background.log.write_text("first\nthe reason\n")
    with pytest.raises(OffersError, match="the reason"):
        background.wait_ready(5)
