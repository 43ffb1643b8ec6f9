"""Restoring: a backup checked, copied into an empty data directory, and made to forget whom it must."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from offers.domain.event import Event
from offers.errors import Conflict, InvalidInput
from offers.ledger import codec
from offers.ledger.erasure import erase
from offers.running.backup import PENDING, BackupManifest, Progress, read_manifest
from offers.running.copies import checksum, copy_file, sync_folder, sync_tree
from offers.running.draining import drain_services
from offers.running.forgotten import LIST, merge, read_forgotten
from offers.running.jobs import all_ids
from offers.running.session import open_server
from offers.settings import Settings
from offers.state.instance import InstanceLock

__all__ = ["Restored", "restore", "verify"]

_DRAFT = "restoring"


@dataclass(frozen=True)
class Restored:
    """What was restored. ``forgotten``: persons erased again; ``pending``: events given back to an external server;
    ``rebuild``: whether the online state must be derived from the ledger now (``offers rebuild``)."""

    manifest: BackupManifest
    forgotten: int
    pending: int
    rebuild: bool


def verify(source: Path, *, progress: Progress = lambda step, done, total: None) -> BackupManifest:
    """Check every file of a backup against its checksum.

    Raises:
        InvalidInput: there is no backup, or it is damaged; names the first files.
    """
    manifest = read_manifest(source)
    bad: list[str] = []
    for done, file in enumerate(manifest.files):
        if done % 50 == 0:
            progress("checking", done, len(manifest.files))
        try:
            found = checksum(source / file.path)
        except OSError:
            found = (-1, "")
        if found != (file.size, file.sha256):
            bad.append(file.path)
    progress("checking", len(manifest.files), len(manifest.files))
    if bad:
        raise InvalidInput(f"the backup is damaged: {len(bad)} files differ, such as {', '.join(bad[:3])}")
    return manifest


def restore(
    settings: Settings,
    source: Path,
    *,
    erasures: Path | None = None,
    progress: Progress = lambda step, done, total: None,
) -> Restored:
    """Bring the backup in ``source`` into the data directory, which must hold nothing.

    Erasures asked for since are applied again, from the list beside the backup, the one in ``backup_dir``, and
    ``erasures``.

    Raises:
        InvalidInput: no backup there, a damaged one, or one of another kind of server.
        Conflict: something is there already.
        OffersError: ``already_running``.
    """
    manifest = verify(source, progress=progress)
    if manifest.state == "embedded" and settings.redis_url:
        raise InvalidInput("the backup holds the state of an embedded server: restore it without OFFERS_REDIS_URL")
    lists = [source.absolute().parent / LIST]
    lists += [settings.backup_dir / LIST] if settings.backup_dir is not None else []
    if erasures is not None:
        if not erasures.exists():
            raise InvalidInput(f"{erasures} does not exist")
        lists.append(erasures)
    forgotten = merge(*map(read_forgotten, lists))
    with InstanceLock(settings.data_dir, role="session"):
        _refuse_occupied(settings, manifest)
        _copy(settings, source, manifest, progress)
    pending = _give_back(settings, source, manifest)
    if forgotten:
        progress("erasures", 0, len(forgotten))
        _forget(settings, manifest, forgotten)
    return Restored(manifest, len(forgotten), pending, rebuild=manifest.state == "external")


def _places(settings: Settings) -> dict[str, Path]:
    """First part of a path in a backup -> where it belongs."""
    local = settings.ledger_location.removeprefix("file://")
    return {
        "state": settings.data_dir / "state",
        "spool": settings.spool_dir,
        "ledger": Path(local),
        "models": settings.models_location,
        "other": settings.data_dir,
    }


def _refuse_occupied(settings: Settings, manifest: BackupManifest) -> None:
    if manifest.ledger_included and "://" in settings.ledger_location.removeprefix("file://"):
        raise InvalidInput("the backup holds a local ledger: restore it without OFFERS_LEDGER_URL")
    if not manifest.ledger_included and settings.ledger_location != manifest.ledger_url:
        raise InvalidInput(f"the backup's ledger is at {manifest.ledger_url}: set OFFERS_LEDGER_URL to it")
    shutil.rmtree(settings.data_dir / _DRAFT, ignore_errors=True)
    occupied = [entry for entry in settings.data_dir.iterdir() if entry.name != "run"]
    for place in (_places(settings)["ledger"], settings.models_location):
        if "://" not in str(place) and place.is_dir() and any(place.iterdir()):
            occupied.append(place)
    if occupied:
        raise Conflict(f"{occupied[0]} is there already: restore into an empty data directory")


def _copy(settings: Settings, source: Path, manifest: BackupManifest, progress: Progress) -> None:
    """Into a folder beside the places first, so that a restore that is cut short leaves nothing half there."""
    draft = settings.data_dir / _DRAFT
    for done, file in enumerate(manifest.files):
        if done % 50 == 0:
            progress("copying", done, len(manifest.files))
        if file.path != PENDING:
            copy_file(source / file.path, draft / file.path)
    progress("copying", len(manifest.files), len(manifest.files))
    if not draft.is_dir():
        return
    sync_tree(draft)
    places = _places(settings)
    # The ledger last: without it nothing else is taken for an instance.
    for part in sorted((entry.name for entry in draft.iterdir()), key=lambda name: name == "ledger"):
        here = draft / part
        if part == "other":
            for entry in here.iterdir():
                entry.rename(settings.data_dir / entry.name)
            continue
        _move(here, places[part])
    shutil.rmtree(draft)
    sync_folder(settings.data_dir)


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        target.rmdir()
    if source.stat().st_dev == target.parent.stat().st_dev:
        source.rename(target)
    else:
        shutil.copytree(source, target)
        sync_tree(target)
    sync_folder(target.parent)


def _give_back(settings: Settings, source: Path, manifest: BackupManifest) -> int:
    """Events that only the stream of an external server had: appended again, repeats dropped there."""
    if manifest.state != "external":
        return 0
    events = [codec.load(line) for line in (source / PENDING).read_bytes().splitlines()]
    if not events:
        return 0
    from offers.wiring import build

    with open_server(settings) as url:
        services = build(settings, role="worker", redis_url=url)
        try:
            for start in range(0, len(events), 1000):
                chunk = events[start : start + 1000]
                services.stream.append(chunk, [_digest(event) for event in chunk])
        finally:
            services.close()
    return len(events)


def _forget(settings: Settings, manifest: BackupManifest, forgotten: Mapping[str, int]) -> None:
    from offers.wiring import build

    since = [
        Event(
            event_id=f"customer_erased:{person}:{at}",
            event_name="customer_erased",
            occurred_at=at,
            received_at=at,
            customer_id=person[2:] if person.startswith("c:") else None,
            visitor_id=person[2:] if person.startswith("v:") else None,
            source="system",
        )
        for person, at in sorted(forgotten.items())
        if at >= manifest.created_at
    ]
    with open_server(settings) as url:
        services = build(settings, role="worker", redis_url=url)
        try:
            if since:
                services.stream.append(since, [_digest(event) for event in since])
            if not settings.redis_url:
                drain_services(services)
            erase(services.table, all_ids(services.table, dict(forgotten)))
        finally:
            services.close()


def _digest(event: Event) -> bytes:
    return hashlib.blake2b(codec.dump(event), digest_size=8).digest()
