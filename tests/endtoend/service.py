"""Drives a whole service as an operator would: ``offers serve`` in a folder of its own, spoken to over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def children(pid: int) -> list[int]:
    """Direct children of a process, from /proc."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(p) for p in task.read_text().split()]
    return found


def descendants(pid: int) -> list[int]:
    """All processes below one."""
    found: list[int] = []
    for child in children(pid):
        found.append(child)
        found += descendants(child)
    return found


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


@dataclass
class Service:
    """One instance in a temporary folder."""

    home: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="offers-e2e-", dir="/tmp")))
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    key: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("OFFERS_")}
        return {
            **kept,
            "OFFERS_DATA_DIR": str(self.home / "var"),
            "OFFERS_PORT": str(self.port),
            "OFFERS_TRAIN_EVERY_HOURS": "0",
            "OFFERS_FLUSH_SECONDS": "0.5",
            **self.settings,
        }

    def cli(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one ``offers`` command to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "offers.cli.main", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"offers {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-4000:]}")
        return done

    def cli_json(self, *arguments: str) -> Any:
        return json.loads(self.cli(*arguments, "--json").stdout)

    def start(self, *, timeout: float = 60.0) -> None:
        """Start ``offers serve`` and wait until it is ready."""
        if not self.key:
            self.key = self.cli_json("keys", "create", "--name", "test", "--scopes", "all")["key"]
        log = (self.home / "serve.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "offers.cli.main", "serve"], env=self.environment, stdout=log, stderr=log
        )
        log.close()
        self.wait_ready(timeout)

    def wait_ready(self, timeout: float = 60.0) -> None:
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"serve ended with {self.process.returncode}:\n{self.log()[-6000:]}")
            try:
                if self.call("GET", "/readyz")[0] == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.1)
        raise AssertionError(f"not ready after {timeout} s:\n{self.log()[-6000:]}")

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
        self.process = None

    def close(self) -> None:
        """End it whatever its condition, and remove its folder."""
        if self.process is not None:
            below = descendants(self.process.pid)
            self.process.kill()
            self.process.wait(30)
            for pid in below:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.home, ignore_errors=True)

    def log(self) -> str:
        path = self.home / "serve.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def call(
        self, method: str, path: str, body: Any = None, *, timeout: float = 10.0, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """One HTTP exchange: status, headers (lower case), body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        try:
            connection.request(
                method,
                path,
                data,
                {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **(headers or {})},
            )
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def json(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        status, _, data = self.call(method, path, body, **more)
        return status, json.loads(data) if data else None

    def find(self, part: str) -> list[int]:
        """Processes of this instance whose command line holds ``part``."""
        assert self.process is not None
        return [p for p in descendants(self.process.pid) if part in command_line(p)]

    def api_workers(self) -> list[int]:
        """The processes that answer requests: the leaves below granian's main process."""
        assert self.process is not None
        mains = [
            p
            for p in children(self.process.pid)
            if "granian" in command_line(p) or "offers.running.api" in command_line(p)
        ]
        return [p for main in mains for p in descendants(main) if not children(p) and "tracker" not in command_line(p)]
