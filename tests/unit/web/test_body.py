"""Bodies: size, type, encoding, depth, position of the fault."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.errors import InvalidInput, OffersError, TooLarge
from offers.web.body import MAX_DEPTH, depth_exceeds, lines_of, parse_json, read_bytes, read_json


def _environ(data: bytes, content_type: str = "application/json", **more: Any) -> dict[str, Any]:
    return {
        "wsgi.input": io.BytesIO(data),
        "CONTENT_LENGTH": str(len(data)),
        "CONTENT_TYPE": content_type,
        **more,
    }


class _Unread(io.BytesIO):
    def read(self, *_: Any) -> bytes:
        raise AssertionError("a body that is declared too large must not be read")


def test_a_body_that_is_declared_too_large_is_refused_unread() -> None:
    with pytest.raises(TooLarge):
        read_bytes({"CONTENT_LENGTH": "10000001", "wsgi.input": _Unread()}, 4_000_000)


def test_a_body_of_undeclared_length_is_read_up_to_the_limit_only() -> None:
    chunked = {"wsgi.input": io.BytesIO(b"x" * 100), "HTTP_TRANSFER_ENCODING": "chunked"}
    with pytest.raises(TooLarge):
        read_bytes(chunked, 99)
    chunked["wsgi.input"] = io.BytesIO(b"x" * 100)
    assert read_bytes(chunked, 100) == b"x" * 100


class _Trickle:
    """A stream whose reads bring what has arrived so far, as a socket's do."""

    def __init__(self, *parts: bytes) -> None:
        self.parts = list(parts)

    def read(self, most: int) -> bytes:
        if not self.parts:
            return b""
        part = self.parts.pop(0)
        if len(part) > most:
            self.parts.insert(0, part[most:])
        return part[:most]


def test_a_body_that_arrives_bit_by_bit_is_read_whole() -> None:
    chunked: dict[str, Any] = {"HTTP_TRANSFER_ENCODING": "chunked"}
    assert read_bytes(chunked | {"wsgi.input": _Trickle(b"ab", b"c", b"def")}, 6) == b"abcdef"
    with pytest.raises(TooLarge):
        read_bytes(chunked | {"wsgi.input": _Trickle(b"ab", b"c", b"def", b"g")}, 6)
    assert read_bytes({"CONTENT_LENGTH": "4", "wsgi.input": _Trickle(b"ab", b"c", b"def")}, 6) == b"abcd"


def test_a_body_cut_short_is_a_fault_of_the_caller() -> None:
    with pytest.raises(InvalidInput):
        read_bytes({"CONTENT_LENGTH": "10", "wsgi.input": io.BytesIO(b"x")}, 100)


@pytest.mark.parametrize(
    ("sent", "code", "part"),
    [
        (b"", "malformed_json", "empty"),
        (b"  ", "malformed_json", "empty"),
        (b'{"a": 1,}', "malformed_json", "line 1, column 8"),
        (b'{\n "a": NaN}', "malformed_json", "line 2, column 7"),
        (b'{"a": Infinity}', "malformed_json", "column 7"),
        (b"{'a': 1}", "malformed_json", "column 2"),
        (b'{"a": "\xff"}', "malformed_json", "not UTF-8: byte 7 is 0xff"),
        ('{"a": "ж"}'.encode("cp1251"), "malformed_json", "not UTF-8"),
        (b"[" * 2000 + b"]" * 2000, "invalid_request", "nest"),
    ],
    ids=["empty", "blank", "comma", "nan", "infinity", "quotes", "byte", "cp1251", "deep"],
)
def test_what_is_no_json_is_told_with_its_place(sent: bytes, code: str, part: str) -> None:
    with pytest.raises(OffersError) as caught:
        parse_json(sent)
    assert caught.value.code == code
    assert part in caught.value.detail


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "application/x+json"])
def test_json_by_its_names(content_type: str) -> None:
    assert read_json(_environ(b"[1]", content_type), 100) == [1]


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=cp1251"]
)
def test_other_types_are_refused(content_type: str) -> None:
    with pytest.raises(OffersError) as caught:
        read_json(_environ(b"[1]", content_type), 100)
    assert caught.value.code == "unsupported_media_type"


_DOCUMENTS = st.recursive(
    st.none() | st.text('ab[]{}"\\') | st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('x[]{}"\\', max_size=3), inner, max_size=3),
    max_leaves=20,
)


def _depth(document: Any) -> int:
    if isinstance(document, dict):
        return 1 + max(map(_depth, document.values()), default=0)
    if isinstance(document, list):
        return 1 + max(map(_depth, document), default=0)
    return 0


@given(_DOCUMENTS, st.integers(0, 6))
def test_depth_is_found_without_parsing(document: Any, limit: int) -> None:
    assert depth_exceeds(json.dumps(document).encode(), limit) is (_depth(document) > limit)


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert not depth_exceeds(b"[" + b"{}," * 100_000 + b"{}]", MAX_DEPTH)


def test_lines_are_counted_before_the_first_is_handed_out() -> None:
    environ = _environ(b"1\n\n2\r\n3", "application/x-ndjson")
    assert list(lines_of(environ, 100, 3)) == [b"1", b"2\r", b"3"]
    with pytest.raises(TooLarge):
        lines_of(_environ(b"1\n2\n3", "application/x-ndjson"), 100, 2)
    with pytest.raises(InvalidInput):
        lines_of(_environ(b"\n\n", "application/x-ndjson"), 100, 2)
    with pytest.raises(OffersError):
        lines_of(_environ(b"1", "application/json"), 100, 2)
