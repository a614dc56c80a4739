"""Files that go with a stack."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from mlflow_host._contract import Error, Refused, host
from mlflow_host._values import Output, to_json


class Directory(NamedTuple):
    """A directory, packed by the host."""

    digest: str
    """The SHA-256 of its content, 64 hexadecimal digits: it changes when a file does."""
    archive: Output
    """The packed files, for a property that takes an archive."""
    files: int
    """How many files there are."""


def directory(path: str, *, ignore: Sequence[str] = ()) -> Directory:
    """Packs a directory beside the stack's file, without what the patterns match; they are written as in a
    `.gitignore` file. Raises `Error` when it does not exist, or leads out of the stack's own directory.
    """
    try:
        answer = json.loads(host().directory(path, to_json({"ignore": ignore})))
    except Refused as refused:
        raise Error(str(refused)) from None
    return Directory(answer["digest"], Output(answer["archive"]), answer["files"])
