"""Functions of values that are known only later. The host applies them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mlflow_host._contract import attempt
from mlflow_host._values import Input, Output, to_json


def base64(text: Input[str]) -> Output:
    """The text in base64, standard alphabet with padding."""
    return _call("base64", text)


def join(separator: str, parts: Iterable[Any]) -> Output:
    """The parts with the separator between them. A part that is a list counts as its items."""
    return _call("join", separator, *parts)


def json(value: Any) -> Output:
    """The value as compact JSON with sorted keys."""
    return _call("json", value)


def lower(text: Input[str]) -> Output:
    """The text in lower case."""
    return _call("lower", text)


def sha256(text: Input[str]) -> Output:
    """The SHA-256 of the text, in hexadecimal."""
    return _call("sha256", text)


def url_encode(text: Input[str]) -> Output:
    """The text as a component of a URL: every byte but letters, digits, `-`, `.`, `_` and `~` as `%XX`."""
    return _call("url-encode", text)


def _call(name: str, *operands: Any) -> Output:
    arguments = to_json(operands)
    return Output(attempt(f"the call of `{name}`", lambda host: host.call(name, arguments)))
