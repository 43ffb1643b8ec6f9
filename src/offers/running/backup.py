"""Backups: one consistent moment of everything an instance keeps, in a folder, with a checksum of every file.

The moment: while nothing moves from stream and spool into the ledger (a *hold*), the state and the spool are copied
and the ledger's version is noted. Every acknowledged event is then in one or the other, and stream and table fit.
The ledger's files of that version are copied afterwards: they never change, and none is removed before the end.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from offers import __version__
from offers.clock import SystemClock
from offers.errors import Conflict, InvalidInput, OffersError
from offers.ledger.accept import EventStream
from offers.ledger.erasure import erasures
from offers.ledger.table import LedgerTable
from offers.running.copies import Copied, copy_file, files_below, sync_folder, sync_tree, write_whole
from offers.running.forgotten import remember_forgotten
from offers.running.holds import hold
from offers.running.session import beside_or_alone
from offers.settings import Settings
from offers.state.connection import connect

__all__ = ["FORMAT", "MANIFEST", "BackupManifest", "Progress", "backup", "read_manifest"]

FORMAT = 1
MANIFEST = "backup.json"
PENDING = "pending.ndjson"

Progress = Callable[[str, int, int | None], None]
"""What is being done, done so far, of how many (None: not known)."""

_TRIES = 50
_OWN_FOLDERS = frozenset({"run", "state", "ledger", "spool", "models", "restoring"})


@dataclass(frozen=True)
class BackupManifest:
    """``backup.json``. ``created_at``: µs. ``state``: ``embedded`` when the append-only file is part of it,
    ``external`` when only the events are that the ledger does not hold yet. ``ledger_version``: of the table at
    ``ledger_url``, whose files are part of it when it is a local one (``ledger_included``)."""

    format: int
    version: str
    created_at: int
    state: str
    ledger_url: str
    ledger_version: int
    ledger_included: bool
    files: list[Copied] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        return sum(file.size for file in self.files)


def read_manifest(source: Path) -> BackupManifest:
    """The manifest of the backup in a folder.

    Raises:
        InvalidInput: there is no backup there that this version can read.
    """
    try:
        found: dict[str, Any] = json.loads((source / MANIFEST).read_bytes())
        files = [Copied(**each) for each in found.pop("files")]
        manifest = BackupManifest(**found, files=files)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise InvalidInput(f"{source} holds no backup") from None
    if manifest.format > FORMAT:
        raise InvalidInput(f"the backup in {source} was made by a newer version, {manifest.version}")
    return manifest


def backup(
    settings: Settings, target: Path | None = None, *, progress: Progress = lambda step, done, total: None
) -> BackupManifest:
    """Copy everything into ``target``, a folder that does not exist yet; with or without a running service.

    The folder appears whole or not at all. Without ``target``: a folder named after the time under ``backup_dir``.

    Raises:
        InvalidInput: no target, or one inside the data directory.
        Conflict: the target exists.
        StateUnavailable: the external server, or that of the running service, does not answer.
    """
    place = _target(settings, target)
    draft = place.with_name(f".{place.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.parent.mkdir(parents=True, exist_ok=True)
    draft.mkdir(mode=0o700)  # it holds histories of people and the signing key
    try:
        manifest = _copy_all(settings, draft, progress)
        document = json.dumps(asdict(manifest), ensure_ascii=False, indent=1)
        write_whole(draft / MANIFEST, document.encode())
        sync_tree(draft)
        draft.rename(place)
        sync_folder(place.parent)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return manifest


def _target(settings: Settings, target: Path | None) -> Path:
    if target is None:
        if settings.backup_dir is None:
            raise InvalidInput("name a folder for the backup, or set OFFERS_BACKUP_DIR")
        target = settings.backup_dir / time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime())
    place = target.absolute()
    if place.exists():
        raise Conflict(f"{place} exists: a backup makes its own folder")
    if settings.data_dir.absolute() in place.parents:
        raise InvalidInput("a backup inside the data directory would share its fate: name a folder elsewhere")
    return place


def _copy_all(settings: Settings, draft: Path, progress: Progress) -> BackupManifest:
    files: list[Copied] = []

    def copy(source: Path, name: str, size: int | None = None) -> None:
        files.append(Copied(name, *copy_file(source, draft / name, size=size)))

    with _undisturbed(settings), hold(settings, "files"):
        table = LedgerTable(settings.ledger_location)
        with hold(settings, "draining"):
            progress("state", 0, None)
            created_at = SystemClock().now_us()
            if settings.redis_url:
                _copy_pending(settings, table, draft, files)
            else:
                _copy_state(settings.data_dir / "state", draft / "state", files)
            for path in files_below(settings.spool_dir):
                copy(path, f"spool/{path.relative_to(settings.spool_dir)}", path.stat().st_size)
            snapshot = table.delta()
        if table.local is not None:
            _copy_ledger(table.local, snapshot.version(), snapshot.file_uris(), copy, progress)
        _copy_models(settings.models_location, copy)
        for path in _others(settings):
            copy(path, f"other/{path.relative_to(settings.data_dir)}", path.stat().st_size)
        remember_forgotten(draft.parent, erasures(table))
    return BackupManifest(
        FORMAT,
        __version__,
        created_at,
        "external" if settings.redis_url else "embedded",
        table.url,
        snapshot.version(),
        table.local is not None,
        files,
    )


@contextmanager
def _undisturbed(settings: Settings) -> Iterator[None]:
    """Beside a running service, or alone with a directory at rest, which needs no server."""
    if settings.redis_url:
        yield
        return
    lock = beside_or_alone(settings)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def _copy_state(source: Path, target: Path, files: list[Copied]) -> None:
    """The append-only file as the server would find it after a crash at this moment.

    Its parts are listed in a manifest that changes only when the server rewrites them: then all is copied again. A
    command cut in two at the end was not acknowledged before the copy began, and is cut off at loading.
    """
    folder = source / "appendonlydir"
    for _ in range(_TRIES):
        if not folder.is_dir():
            return
        [*lists] = folder.glob("*.manifest")
        copied: list[Copied] = []
        try:
            before = [path.read_bytes() for path in lists]
            for text in before:
                for line in text.decode().splitlines():
                    name = line.split()[1]
                    size = (folder / name).stat().st_size
                    done = copy_file(folder / name, target / "appendonlydir" / name, size=size)
                    copied.append(Copied(f"state/appendonlydir/{name}", *done))
            unchanged = [path.read_bytes() for path in lists] == before
        except FileNotFoundError:
            unchanged = False
        if unchanged:
            for path, text in zip(lists, before, strict=True):
                write_whole(target / "appendonlydir" / path.name, text)
                size, digest = _known(text)
                copied.append(Copied(f"state/appendonlydir/{path.name}", size, digest))
            files += copied
            return
        shutil.rmtree(target, ignore_errors=True)
        time.sleep(0.1)
    raise OffersError("The server kept rewriting its append-only file; try again", code="overloaded")


def _known(data: bytes) -> tuple[int, str]:
    import hashlib

    return len(data), hashlib.sha256(data).hexdigest()


def _copy_pending(settings: Settings, table: LedgerTable, draft: Path, files: list[Copied]) -> None:
    """What an external server's stream holds and the ledger does not."""
    client = connect(settings.redis_url, timeout_ms=10_000)
    try:
        stream = EventStream(client, settings.key_prefix)
        after = table.committed_position(stream.uuid())
        lines: list[bytes] = []
        while chunk := stream.read_stored(after, 10_000):
            lines += [data for _, data in chunk]
            after = chunk[-1][0]
    finally:
        client.close()
    data = b"".join(line + b"\n" for line in lines)
    write_whole(draft / PENDING, data)
    files.append(Copied(PENDING, *_known(data)))


def _copy_ledger(
    root: Path, version: int, uris: list[str], copy: Callable[[Path, str], None], progress: Progress
) -> None:
    log = root / "_delta_log"
    entries = [path for path in files_below(log) if _upto(path, version)]
    data = [Path(uri.removeprefix("file://")) for uri in uris]
    total = len(entries) + len(data)
    home = root.resolve()
    for done, path in enumerate([*data, *entries]):
        if done % 50 == 0:
            progress("ledger", done, total)
        copy(path, f"ledger/{path.resolve().relative_to(home)}")
    progress("ledger", total, total)


def _upto(path: Path, version: int) -> bool:
    """Whether a file of the log belongs to a version or an earlier one. The hint at the last checkpoint is not
    needed, and may name a later one."""
    head = path.name.split(".", 1)[0]
    return head.isdecimal() and int(head) <= version


def _copy_models(root: Path, copy: Callable[[Path, str], None]) -> None:
    """Artifacts first, then what points at them."""
    artifacts = root / "artifacts"
    finished = [path for path in files_below(artifacts) if not path.relative_to(artifacts).parts[0].startswith(".")]
    rest = [path for path in files_below(root) if artifacts not in path.parents]
    for path in [*finished, *rest]:
        copy(path, f"models/{path.relative_to(root)}")


def _others(settings: Settings) -> list[Path]:
    """Secret, dead letters and whatever else lies in the data directory, but for logs and what is run-time only."""
    found: list[Path] = []
    for entry in sorted(settings.data_dir.iterdir()) if settings.data_dir.is_dir() else ():
        if entry.name in _OWN_FOLDERS or entry == settings.models_location or entry.suffix in (".log", ".part"):
            continue
        found += [entry] if entry.is_file() and not entry.is_symlink() else list(files_below(entry))
    return found
