"""Messages for the person who runs the stack. `print` reaches them too, as `info`."""

from __future__ import annotations

from mlflow_host._contract import host


def debug(message: object) -> None:
    """Writes a message that is shown when asked for."""
    host().log("debug", str(message))


def info(message: object) -> None:
    """Writes a message that is good to know."""
    host().log("info", str(message))


def warning(message: object) -> None:
    """Writes a message that is worth a look."""
    host().log("warning", str(message))


def error(message: object) -> None:
    """Writes a message that something failed. The run goes on; raise `Error` to end it."""
    host().log("error", str(message))
