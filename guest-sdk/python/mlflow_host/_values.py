"""What an argument accepts: a literal, or a value that is known only later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar, Union

from mlflow_host._contract import NOTHING

T = TypeVar("T")


class Output:
    """A value that is known only later: an attribute of a resource, a secret, the result of a function.

    It goes into any argument, and into any string: `f"https://{service.uri}/health"`. What it holds meanwhile is a
    token of the host; do not cut it or change its case.
    """

    __slots__ = ("_token",)

    def __init__(self, token: str | None) -> None:
        self._token = NOTHING if token is None else token

    def __str__(self) -> str:
        return self._token

    def __repr__(self) -> str:
        return f"Output({self._token!r})"

    def __add__(self, other: object) -> str:
        return self._token + str(other)

    def __radd__(self, other: object) -> str:
        return str(other) + self._token

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Output) and other._token == self._token

    def __hash__(self) -> int:
        return hash(self._token)

    def __bool__(self) -> bool:
        raise TypeError("The value is known only later: a stack cannot decide by it.")


Input = Union[T, Output]
"""A literal, or an `Output` of whatever type."""


class Message:
    """A nested message of a resource's properties."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body

    def __repr__(self) -> str:
        return f"{type(self).__name__}({to_json(self)})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and plain(other) == plain(self)


def digits(value: Any) -> Any:
    """Google's JSON writes 64-bit integers as strings."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, Mapping):
        return {key: digits(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [digits(item) for item in value]
    return value


def plain(value: Any) -> Any:
    """The value as what JSON knows; what is `None` is left out of lists and maps."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Output):
        return str(value)
    if isinstance(value, Message):
        value = value._body
    if isinstance(value, Mapping):
        return {_key(key): plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value if item is not None]
    raise TypeError(f"A property cannot be a {type(value).__name__}: use text, numbers, lists and dictionaries.")


def to_json(value: Any) -> str:
    """The value as JSON."""
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"A key cannot be a {type(key).__name__}: use text.")
    return key
