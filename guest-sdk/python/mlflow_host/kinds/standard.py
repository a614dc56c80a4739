"""Kinds without an API behind them. Written by hand: the host, not Google, describes them."""

from __future__ import annotations

from typing import Any, Unpack

from mlflow_host._resource import Attribute, Options, Resource
from mlflow_host._values import Input


class Value(Resource):
    """A value that becomes an attribute, e.g., to replace resources when it changes."""

    KIND = "std/Value"

    def __init__(self, logical_name: str, /, *, value: Any = None, **how: Unpack[Options]) -> None:
        super().__init__(logical_name, {"value": value}, how)

    value = Attribute("value")


class RandomId(Resource):
    """Random letters, chosen once and known before anything is created: `length` of them (6 when not set) after
    a prefix.
    """

    KIND = "std/RandomId"

    def __init__(
        self,
        logical_name: str,
        /,
        *,
        length: Input[int] | None = None,
        prefix: Input[str] | None = None,
        **how: Unpack[Options],
    ) -> None:
        super().__init__(logical_name, {"length": length, "prefix": prefix}, how)

    result = Attribute("result")


class RandomPassword(Resource):
    """A random password, made once and kept sealed in the state: `length` characters (32 when not set), with
    `special` ones among them unless that is false.
    """

    KIND = "std/RandomPassword"

    def __init__(
        self,
        logical_name: str,
        /,
        *,
        length: Input[int] | None = None,
        special: Input[bool] | None = None,
        **how: Unpack[Options],
    ) -> None:
        super().__init__(logical_name, {"length": length, "special": special}, how)

    result = Attribute("result")


class StackReference(Resource):
    """Another stack of the same cloud and project, to be looked up:
    `StackReference.lookup("net", stack="network")`. Its attributes are the outputs that the stack's last run has
    recorded, by their names.
    """

    KIND = "std/StackReference"

    def __init__(self, logical_name: str, /, *, stack: Input[str] | None = None, **how: Unpack[Options]) -> None:
        super().__init__(logical_name, {"stack": stack}, how)
