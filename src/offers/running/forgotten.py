"""The list of the forgotten: erasures told beside the backups, so that a restored one can be made to forget again.

A backup does not know of erasures that were asked for after it. The list lies in the folder that holds the backups:
``erasures.json``, person key -> when the erasure was received (µs).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from offers.errors import InvalidInput
from offers.running.copies import write_whole

__all__ = ["LIST", "merge", "read_forgotten", "remember_forgotten"]

LIST = "erasures.json"


def merge(*lists: Mapping[str, int]) -> dict[str, int]:
    """Of each person the latest erasure."""
    result: dict[str, int] = {}
    for each in lists:
        for person, at in each.items():
            result[person] = max(at, result.get(person, at))
    return result


def read_forgotten(path: Path) -> dict[str, int]:
    """The list in a file; none where there is no file.

    Raises:
        InvalidInput: the file is no such list: a restore that cannot read it must not go on as if it were empty.
    """
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError:
        raise InvalidInput(f"{path} is not a list of erasures") from None
    if not isinstance(found, dict) or not all(
        isinstance(at, int) and person[:2] in ("c:", "v:") for person, at in found.items()
    ):
        raise InvalidInput(f"{path} is not a list of erasures")
    return found


def remember_forgotten(folder: Path, asked: Mapping[str, int]) -> None:
    """Add erasures to the list in a folder of backups; written only when it grows."""
    known = read_forgotten(folder / LIST)
    together = merge(known, asked)
    if together != known:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / LIST, json.dumps(together, indent=0, sort_keys=True).encode(), mode=0o600)
