"""Runs a stack against a fake host that records what it is told. For unit tests of stacks.

    recording = Fake(config={"whom": "Ada"}).run(main.run)
    assert recording["std/Value::greeting"].properties["value"] == "Hello Ada"

The fake checks nothing; `mlflow-host preview --offline` does. Tokens read `${URN#path}`, `${secret:KEY}`,
`${asset:PATH}` and `${FUNCTION[OPERANDS]}`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlflow_host._contract import StackInfo, connected


@dataclass
class Declared:
    """A declaration that the fake host received."""

    kind: str
    """The kind, e.g., `run.googleapis.com/Service`."""
    name: str
    """The logical name."""
    properties: dict[str, Any]
    """The properties, by their names in Google's REST body."""
    options: dict[str, Any]
    """The options by their names in the contract, with URNs in place of nodes."""
    lookup: bool
    """Whether it is only looked up."""


@dataclass
class Recording:
    """What a stack declared."""

    resources: list[Declared] = field(default_factory=list)
    """The resources, in order of declaration."""
    components: list[str] = field(default_factory=list)
    """The components as `KIND::NAME`, in order of declaration."""
    outputs: dict[str, Any] = field(default_factory=dict)
    """The outputs, by name."""
    logs: list[tuple[str, str]] = field(default_factory=list)
    """The level and text of the messages."""

    def __getitem__(self, urn: str) -> Declared:
        """The resource with this URN, e.g., `std/Value::greeting`."""
        for resource in self.resources:
            if f"{resource.kind}::{resource.name}" == urn:
                return resource
        known = ", ".join(f"{resource.kind}::{resource.name}" for resource in self.resources)
        raise KeyError(f"{urn} is not among {known or 'the resources: there are none'}")


class Fake:
    """A fake host with a configuration, by default of the stack `test` in `test-project` and `europe-west1`."""

    def __init__(
        self,
        config: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
        *,
        stack: str = "test",
        project: str = "test-project",
        region: str = "europe-west1",
    ) -> None:
        self._config = dict(config or {})
        self._secrets = frozenset(secrets)
        self._stack = StackInfo(stack, project, region)

    def run(self, run: Callable[[], object]) -> Recording:
        """Runs the stack and gives what it declared. What it raises comes through."""
        host = _Host(self._config, self._secrets, self._stack)
        with connected(host):
            run()
        return host.recording


class _Host:
    def __init__(self, config: Mapping[str, str], secrets: frozenset[str], stack: StackInfo) -> None:
        self.recording = Recording()
        self._config, self._secrets, self._stack = config, secrets, stack
        self._urns: list[str] = []

    def declare(self, kind: str, name: str, properties: str, options: str) -> int:
        shape = json.loads(options)
        if "parent" in shape:
            shape["parent"] = self._urns[shape["parent"]]
        if "dependsOn" in shape:
            shape["dependsOn"] = [self._urns[it] if isinstance(it, int) else it for it in shape["dependsOn"]]
        return self._record(Declared(kind, name, json.loads(properties), shape, lookup=False))

    def lookup(self, kind: str, name: str, properties: str) -> int:
        return self._record(Declared(kind, name, json.loads(properties), {}, lookup=True))

    def component(self, kind: str, name: str, parent: int | None) -> int:
        self.recording.components.append(f"{kind}::{name}")
        return self._node(f"{kind}::{name}")

    def attribute(self, of: int, path: str) -> str:
        return f"${{{self._urns[of]}#{path}}}"

    def call(self, name: str, operands: str) -> str:
        return f"${{{name}{operands}}}"

    def output(self, name: str, value: str) -> None:
        self.recording.outputs[name] = json.loads(value)

    def get(self, key: str) -> str | None:
        return self._config.get(key)

    def secret(self, key: str) -> str | None:
        return f"${{secret:{key}}}" if key in self._secrets else None

    def stack(self) -> StackInfo:
        return self._stack

    def directory(self, path: str, options: str) -> str:
        return json.dumps({"digest": "0" * 64, "archive": f"${{asset:{path}}}", "files": 1})

    def log(self, level: str, message: str) -> None:
        self.recording.logs.append((level, message))

    def _record(self, resource: Declared) -> int:
        self.recording.resources.append(resource)
        return self._node(f"{resource.kind}::{resource.name}")

    def _node(self, urn: str) -> int:
        self._urns.append(urn)
        return len(self._urns) - 1
