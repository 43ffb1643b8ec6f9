"""The Dockerfile's own steps, run here without a container: build, clean install, start, health, SIGTERM.

What is read from the Dockerfile is what is run: COPY decides which files exist, RUN lines of the build stage are
executed with the image's folders mapped below a temporary one, ENV, HEALTHCHECK, ENTRYPOINT and CMD are taken as
they stand.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass
class Stage:
    """One stage of the Dockerfile: its instructions in order, as (word, rest)."""

    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, word: str) -> list[str]:
        return [rest for found, rest in self.steps if found == word]

    def one(self, word: str) -> str:
        (rest,) = self.all(word)
        return rest

    @property
    def environment(self) -> dict[str, str]:
        return dict(pair.split("=", 1) for rest in self.all("ENV") for pair in shlex.split(rest))


def _stages() -> list[Stage]:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    stages: list[Stage] = []
    for step in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        if not step.strip():
            continue
        word, _, rest = step.partition(" ")
        if word == "FROM":
            stages.append(Stage())
        stages[-1].steps.append((word, rest.strip()))
    return stages


def _allowed() -> set[str]:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines, "everything is left out but what is named"
    return {line[1:] for line in lines if line.startswith("!")}


@dataclass
class Image:
    """What the build stage left behind, below a temporary folder."""

    home: Path
    runtime: Stage

    @property
    def bin(self) -> Path:
        return self.home / "opt" / "offers" / "bin"

    def environment(self, **settings: str) -> dict[str, str]:
        """The image's environment, with its folders mapped; nothing of the caller's but where to find libraries."""
        made = {
            k: v.replace("/opt/offers", str(self.home / "opt" / "offers")) for k, v in self.runtime.environment.items()
        }
        made["PATH"] = made["PATH"].replace("$PATH", "/usr/bin:/bin")
        return {**made, **settings}

    def health(self, port: int) -> int:
        """What HEALTHCHECK's command ends with."""
        _, _, command = self.runtime.one("HEALTHCHECK").partition("CMD ")
        arguments = json.loads(command)
        return subprocess.run(
            [str(self.bin / arguments[0]), *arguments[1:]],
            env=self.environment(OFFERS_PORT=str(port)),
            capture_output=True,
            check=False,
            timeout=30,
        ).returncode


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    build, runtime = _stages()
    home = tmp_path_factory.mktemp("image")
    source = home / "src"
    source.mkdir()
    subprocess.run([sys.executable, "-m", "venv", str(home / "python")], check=True)
    mapped = {"/opt/offers": str(home / "opt" / "offers"), "/dist": str(home / "dist")}
    environment = {**os.environ, "PATH": f"{home / 'python' / 'bin'}:/usr/bin:/bin", **build.environment}
    environment.pop("PYTHONPATH", None)
    for word, rest in build.steps:
        if word == "COPY":
            *files, target = rest.split()
            for name in files:
                assert name in _allowed(), f"COPY {name}: .dockerignore leaves it out"
                if (ROOT / name).is_dir():
                    ignore = shutil.ignore_patterns("__pycache__")
                    shutil.copytree(ROOT / name, (source / target).resolve(), ignore=ignore, dirs_exist_ok=True)
                else:
                    shutil.copy(ROOT / name, source / target)
        elif word == "RUN":
            for theirs, ours in mapped.items():
                rest = rest.replace(theirs, ours)
            done = subprocess.run(
                ["/bin/sh", "-e", "-c", rest], cwd=source, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"RUN {rest}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return Image(home, runtime)


@pytest.fixture
def answering() -> Iterator[tuple[int, dict[str, int]]]:
    """A port whose ``/readyz`` answers with the status that the test sets."""
    state = {"status": 200}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(state["status"] if self.path == "/readyz" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1], state
    server.shutdown()
    server.server_close()
    thread.join()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_wheel_alone_has_the_command_and_the_constrained_versions(image: Image) -> None:
    done = subprocess.run(
        [str(image.bin / "offers"), "--help"], env=image.environment(), capture_output=True, text=True, check=True
    )
    assert "Commands:" in done.stdout
    frozen = subprocess.run(
        [str(image.bin / "pip"), "freeze"], env=image.environment(), capture_output=True, text=True, check=True
    ).stdout.splitlines()
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in frozen if not line.startswith("offers ") and line not in pinned] == []


def test_every_module_of_the_wheel_imports_without_the_extras(image: Image) -> None:
    code = (
        "import importlib, pkgutil, offers\n"
        "for m in pkgutil.walk_packages(offers.__path__, 'offers.'):\n"
        "    importlib.import_module(m.name)\n"
    )
    done = subprocess.run(
        [str(image.bin / "python"), "-c", code], env=image.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)], ids=["ready", "not-ready"])
def test_the_health_check_tells_ready_from_not(
    image: Image, answering: tuple[int, dict[str, int]], status: int, code: int
) -> None:
    port, state = answering
    state["status"] = status
    assert image.health(port) == code


def test_the_health_check_fails_where_nobody_listens(image: Image) -> None:
    assert image.health(_free_port()) == 1


def test_what_the_image_runs_becomes_healthy_and_ends_on_the_stop_signal(image: Image, tmp_path: Path) -> None:
    port = _free_port()
    assert image.runtime.one("STOPSIGNAL") == "SIGTERM"
    command = json.loads(image.runtime.one("ENTRYPOINT")) + json.loads(image.runtime.one("CMD"))
    environment = image.environment(
        OFFERS_DATA_DIR=str(tmp_path), OFFERS_HOST="127.0.0.1", OFFERS_PORT=str(port), OFFERS_WORKERS="1"
    )
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen([str(image.bin / command[0]), *command[1:]], env=environment, stdout=log, stderr=log)
    log.close()
    try:
        until = time.monotonic() + 60
        while image.health(port) != 0:
            assert process.poll() is None, (tmp_path / "log").read_text()[-3000:]
            assert time.monotonic() < until, (tmp_path / "log").read_text()[-3000:]
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def test_the_image_runs_unprivileged_and_needs_no_curl() -> None:
    _, runtime = _stages()
    assert re.fullmatch(r"\d+:\d+", runtime.one("USER"))
    assert runtime.one("USER") != "0:0"
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "curl" not in text
    assert not re.search(r"^FROM \S+:latest|^FROM [^:\s]+(\s|$)", text, re.MULTILINE)
