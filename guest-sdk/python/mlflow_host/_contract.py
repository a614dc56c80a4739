"""The calls of the contract, to whichever host runs the stack: the real one in Wasm, a fake one in tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol, TypeVar

from mlflow_host import _author

T = TypeVar("T")

NOTHING = "\ue000\ue001"
"""Stands for the value that a refused call would have given. The host accepts it in a run that fails anyway."""


class Error(Exception):
    """Why a stack gives up: a sentence for the person who runs it, that says what to do."""


class Refused(Exception):
    """The host's answer to a call that it does not accept."""

    def __init__(self, code: str, message: str, path: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.path = path


class StackInfo(NamedTuple):
    """The stack and its target."""

    name: str
    project: str
    region: str


class Host(Protocol):
    """The contract in `wit/stack.wit`. Every function but `get`, `secret`, `stack` and `log` may raise `Refused`."""

    def declare(self, kind: str, name: str, properties: str, options: str) -> int: ...
    def lookup(self, kind: str, name: str, properties: str) -> int: ...
    def component(self, kind: str, name: str, parent: int | None) -> int: ...
    def attribute(self, of: int, path: str) -> str: ...
    def call(self, name: str, operands: str) -> str: ...
    def output(self, name: str, value: str) -> None: ...
    def get(self, key: str) -> str | None: ...
    def secret(self, key: str) -> str | None: ...
    def stack(self) -> StackInfo: ...
    def directory(self, path: str, options: str) -> str: ...
    def log(self, level: str, message: str) -> None: ...


class _Session(NamedTuple):
    host: Host
    refusals: list[str]


_sessions: list[_Session] = []


@contextmanager
def connected(host: Host) -> Iterator[list[str]]:
    """Sends all calls to this host; gives the places of the calls that it refuses."""
    session = _Session(host, [])
    _sessions.append(session)
    try:
        yield session.refusals
    finally:
        _sessions.remove(session)


def host() -> Host:
    """The host that runs the stack."""
    return _session().host


def attempt(what: str, call: Callable[[Host], T]) -> T | None:
    """The answer of the host; `None` when it refuses. It remembers why, and here is remembered where."""
    session = _session()
    try:
        return call(session.host)
    except Refused as refused:
        path = f" `{refused.path}`" if refused.path else ""
        session.refusals.append(f"{_author.location()}: {what}{path} ({refused.code})")
        return None


def _session() -> _Session:
    if not _sessions:
        raise Error(
            "There is no host yet: declare resources and read the configuration inside of `run`, not while the "
            "module is loaded. In tests, run the stack with `mlflow_host.testing.Fake`."
        )
    return _sessions[-1]
