"""Declaring resources, components and outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, ParamSpec, TypedDict, TypeVar

from mlflow_host._contract import attempt
from mlflow_host._values import Output, to_json

P = ParamSpec("P")
R = TypeVar("R")


class Component:
    """A named group of resources."""

    def __init__(self, node: int | None) -> None:
        self._node = node

    def component(self, kind: str, name: str) -> Component:
        """Declares a component inside this one."""
        return _component(kind, name, self._node)


def component(kind: str, name: str) -> Component:
    """Declares a component; `kind` is of your choice, e.g., `mlflow:server`."""
    return _component(kind, name, None)


def _component(kind: str, name: str, parent: int | None) -> Component:
    return Component(attempt(f"{kind}::{name}", lambda host: host.component(kind, name, parent)))


class Options(TypedDict, total=False):
    """How a resource is to be treated."""

    parent: Component | None
    """The component that it belongs to."""
    depends_on: Sequence[Resource | str]
    """What must be there first, besides what the properties refer to: resources, or URNs (`KIND::NAME`)."""
    protect: bool
    """Refuse to delete or replace it."""
    retain_on_delete: bool
    """Leave it in the cloud when it leaves the stack."""
    delete_first: bool
    """Delete before creating when it must be replaced."""
    replace_on: Sequence[Any]
    """Replace it when one of these values changes."""
    ignore_changes: Sequence[str]
    """Paths of properties that are left alone after creation, e.g., `settings.tier`."""
    aliases: Sequence[str]
    """Earlier URNs of it: what is recorded under one of them is this resource."""
    import_: str
    """Take over an existing resource, by its full resource name, e.g., `projects/p/global/networks/main`."""
    timeout_minutes: float
    """How long an operation on it may take before the run goes on without it."""
    properties: Mapping[str, Any]
    """Properties by their names in Google's REST body, where the typed arguments do not reach."""


class Resource:
    """A declared resource."""

    KIND: ClassVar[str]
    """The Cloud Asset Inventory name, e.g., `run.googleapis.com/Service`."""

    def __init__(self, name: str, properties: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        options = dict(options)
        only_read = options.pop("_lookup", False)
        body = to_json({**properties, **options.pop("properties", {})})
        shape = _options(options)
        self._name = name
        # None: the host refused the declaration, and the run fails when it ends.
        if only_read:
            if shape:
                raise TypeError(f"What is only looked up takes no options: leave out {', '.join(options)}.")
            self._node = attempt(self.urn, lambda host: host.lookup(self.KIND, name, body))
        else:
            text = to_json(shape)
            self._node = attempt(self.urn, lambda host: host.declare(self.KIND, name, body, text))

    @classmethod
    def lookup(cls: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """One that exists already, to be read and never changed. Takes what the kind itself takes, no options."""
        kwargs["_lookup"] = True
        return cls(*args, **kwargs)

    @property
    def urn(self) -> str:
        """The kind and logical name, e.g., `run.googleapis.com/Service::mlflow`."""
        return f"{self.KIND}::{self._name}"

    def attribute(self, path: str) -> Output:
        """An attribute by its path in Google's REST body, e.g., `ipAddresses[0].ipAddress`."""
        node = self._node
        if node is None:
            return Output(None)
        return Output(attempt(self.urn, lambda host: host.attribute(node, path)))


class Attribute:
    """An attribute of a resource, by its path."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __get__(self, resource: Resource, kind: type[Resource]) -> Output:
        return resource.attribute(self._path)


def output(name: str, value: Any) -> None:
    """Sets an output of the stack."""
    if value is not None:
        json = to_json(value)
        attempt(f"the output `{name}`", lambda host: host.output(name, json))


_NAMES = {
    "aliases": "aliases",
    "delete_first": "deleteFirst",
    "depends_on": "dependsOn",
    "ignore_changes": "ignoreChanges",
    "import_": "import",
    "parent": "parent",
    "protect": "protect",
    "replace_on": "replaceOn",
    "retain_on_delete": "retainOnDelete",
    "timeout_minutes": "timeoutMinutes",
}


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as the contract spells them."""
    unknown = [name for name in options if name not in _NAMES]
    if unknown:
        raise TypeError(f"There is no argument `{unknown[0]}`.")
    shape = {_NAMES[name]: value for name, value in options.items()}
    parent = shape.get("parent")
    if parent is not None:
        if not isinstance(parent, Component):
            raise TypeError("`parent` takes a component.")
        shape["parent"] = parent._node
    shape["dependsOn"] = [_dependency(other) for other in shape.get("dependsOn", ())]
    return {name: value for name, value in shape.items() if value not in (None, [])}


def _dependency(other: Resource | str) -> int | str | None:
    if isinstance(other, Resource):
        return other._node
    if isinstance(other, str):
        return other
    raise TypeError("`depends_on` takes resources and URNs (`KIND::NAME`).")
