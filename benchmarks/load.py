"""A small closed-loop HTTP client: N keep-alive connections in one process, each with one request in flight.

Requests are prepared as bytes beforehand, so that the client's share of the machine is small and the same for
every server under test. Bounded in count and time.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Load", "request_bytes", "run"]


def request_bytes(path: str, body: bytes, *, method: str = "POST", headers: dict[str, str] | None = None) -> bytes:
    """One HTTP/1.1 request, ready to send."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    lines += [f"{k}: {v}" for k, v in (headers or {}).items()]
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass
class Load:
    """What one run saw. Latencies in seconds, one per finished request."""

    seconds: float
    latencies: list[float]
    statuses: dict[int, int] = field(default_factory=dict)
    bodies: list[bytes] = field(default_factory=list)

    @property
    def throughput(self) -> float:
        """Finished requests per second."""
        return len(self.latencies) / self.seconds

    def quantile(self, q: float) -> float:
        """Latency in milliseconds at quantile ``q``."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(q * len(ordered)))]


class _Connection:
    __slots__ = ("began", "buffer", "need", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = b""
        self.began = 0.0
        self.need = -1


def run(
    address: tuple[str, int],
    requests: Sequence[bytes],
    *,
    connections: int,
    limit_seconds: float = 30.0,
    keep_bodies: bool = False,
) -> Load:
    """Send every request once over ``connections`` keep-alive connections; stop at ``limit_seconds``."""
    selector = selectors.DefaultSelector()
    load = Load(0.0, [])
    cursor = 0
    open_now = 0
    began = time.perf_counter()
    for _ in range(min(connections, len(requests))):
        sock = socket.create_connection(address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(sock)
        selector.register(sock, selectors.EVENT_READ, connection)
        connection.began = time.perf_counter()
        sock.sendall(requests[cursor])
        cursor += 1
        open_now += 1
    while open_now:
        if time.perf_counter() - began > limit_seconds:
            break
        for key, _ in selector.select(1.0):
            connection = key.data
            data = connection.sock.recv(262144)
            if not data:
                raise ConnectionError("the server closed a keep-alive connection")
            connection.buffer += data
            if connection.need < 0:
                head_end = connection.buffer.find(b"\r\n\r\n")
                if head_end < 0:
                    continue
                head = connection.buffer[:head_end].lower()
                at = head.index(b"content-length:") + 15
                stop = head.find(b"\r\n", at)
                connection.need = head_end + 4 + int(head[at : stop if stop > 0 else None])
            if len(connection.buffer) < connection.need:
                continue
            now = time.perf_counter()
            load.latencies.append(now - connection.began)
            status = int(connection.buffer[9:12])
            load.statuses[status] = load.statuses.get(status, 0) + 1
            if keep_bodies:
                load.bodies.append(connection.buffer[connection.buffer.find(b"\r\n\r\n") + 4 :])
            connection.buffer = b""
            connection.need = -1
            if cursor < len(requests):
                connection.began = time.perf_counter()
                connection.sock.sendall(requests[cursor])
                cursor += 1
            else:
                selector.unregister(connection.sock)
                connection.sock.close()
                open_now -= 1
    load.seconds = time.perf_counter() - began
    for key in list(selector.get_map().values()):
        key.data.sock.close()
    selector.close()
    return load
