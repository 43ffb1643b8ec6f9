"""Streaming through XML that strangers wrote: no entities, nothing fetched, nothing kept that was read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from offers.errors import InvalidInput

__all__ = ["elements", "local", "root_tag"]


def local(tag: Any) -> str:
    """A tag without its namespace, in lower case; "" for comments."""
    return str(tag).rpartition("}")[2].lower() if isinstance(tag, str) else ""


def elements(path: Path, *names: str) -> Iterator[tuple[str, Element]]:
    """Each element of one of ``names`` (without namespace) when it is complete; emptied after use.

    Raises:
        InvalidInput: the document is not well formed, or declares entities.
    """
    wanted = frozenset(names)
    parents: list[Element] = []
    try:
        for event, element in iterparse(str(path), events=("start", "end"), forbid_dtd=False):
            if event == "start":
                parents.append(element)
                continue
            parents.pop()
            name = local(element.tag)
            if name in wanted:
                yield name, element
                element.clear()
                if parents:
                    parents[-1].remove(element)
    except ParseError as fault:
        line, column = fault.position
        raise InvalidInput(
            f"{path.name} is not well-formed XML: line {line}, column {column}; export it again"
        ) from None
    except DefusedXmlException:
        raise InvalidInput(f"{path.name} declares XML entities, which are not read; export it without them") from None
    except (LookupError, ValueError):
        raise InvalidInput(f"{path.name} is in an encoding that is not known; export it in UTF-8") from None


def root_tag(path: Path) -> str:
    """The name of the root element.

    Raises:
        InvalidInput: there is none.
    """
    try:
        for _, element in iterparse(str(path), events=("start",), forbid_dtd=False):
            return local(element.tag)
    except (ParseError, DefusedXmlException, LookupError, ValueError):
        pass
    raise InvalidInput(f"{path.name} is not a readable XML document")
