"""What a stack may know: its configuration and its target."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import TypeVar

from mlflow_host._contract import Error, StackInfo, host
from mlflow_host._values import Output

T = TypeVar("T")


def stack() -> StackInfo:
    """The stack and its target: `name`, `project` and `region`."""
    return host().stack()


def get(key: str) -> str | None:
    """The value of a key, if it is set: a string as it is, anything else as its JSON text."""
    return host().get(key)


def require(key: str) -> str:
    """The value of a key that must be set."""
    value = get(key)
    if value is None:
        raise _missing(key, "configuration key", f"{key} VALUE")
    return value


def integer(key: str) -> int | None:
    """A whole number, if the key is set."""
    return _parsed(key, "a whole number", int)


def number(key: str) -> float | None:
    """A number, if the key is set."""
    return _parsed(key, "a number", _finite)


def boolean(key: str) -> bool | None:
    """`true` or `false`, if the key is set."""
    return _parsed(key, "`true` or `false`", {"true": True, "false": False}.__getitem__)


def strings(key: str) -> list[str] | None:
    """A list of strings, if the key is set: a list in the file, or one string with commas."""
    return _parsed(key, "a list of strings", _strings)


def secret(key: str) -> Output | None:
    """A secret, if it is set. The program never sees its value."""
    token = host().secret(key)
    return None if token is None else Output(token)


def require_secret(key: str) -> Output:
    """A secret that must be set."""
    value = secret(key)
    if value is None:
        raise _missing(key, "secret", f"--secret {key} env:NAME")
    return value


def _missing(key: str, what: str, rest: str) -> Error:
    return Error(f"The {what} `{key}` is not set: run `mlflow-host config set STACK.wasm {rest}`.")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _strings(text: str) -> list[str]:
    if not text.startswith("["):
        return [item.strip() for item in text.split(",") if item.strip()]
    items: list[str] = json.loads(text)
    if not all(isinstance(item, str) for item in items):
        raise ValueError(text)
    return items


def _parsed(key: str, expected: str, parse: Callable[[str], T]) -> T | None:
    text = get(key)
    if text is None:
        return None
    try:
        return parse(text.strip())
    except (KeyError, ValueError):
        raise Error(f"The configuration key `{key}` must be {expected}, not `{text}`.") from None
