"""The way into a stack."""

from __future__ import annotations

from collections.abc import Callable

from mlflow_host import _author
from mlflow_host._contract import Error, Host, connected


def start(host: Host, run: Callable[[], None]) -> None:
    """Runs a stack; raises `Error` with the author's lines when something is wrong."""
    with connected(host) as refusals:
        try:
            run()
        except BaseException as error:  # also of `sys.exit`: nobody above this can say it better
            words = str(error) if isinstance(error, Error) else f"{type(error).__name__}: {error}"
            raise Error(_lines(words, [*_author.trace(error.__traceback__), *_refused(refusals)])) from error
    if refusals:
        raise Error(_lines("the host refused what these lines declare", refusals))


def _refused(refusals: list[str]) -> list[str]:
    return [f"before that, the host refused {refusal}" for refusal in refusals]


def _lines(first: str, rest: list[str]) -> str:
    return "\n".join([first, *(f"    {line}" for line in rest)])
