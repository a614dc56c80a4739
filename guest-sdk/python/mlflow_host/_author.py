"""Which line of the author's own is at work."""

from __future__ import annotations

import os
import sys
from types import CodeType, TracebackType

_PACKAGE = os.path.dirname(__file__) + os.sep
_LIBRARY = os.path.dirname(os.__file__) + os.sep


def location() -> str:
    """The line that called the SDK, e.g., `main.py:12 in run`."""
    frame = sys._getframe(1)
    while frame.f_back is not None and not _is_authors(frame.f_code):
        frame = frame.f_back
    return _place(frame.f_code, frame.f_lineno)


def trace(traceback: TracebackType | None) -> list[str]:
    """The author's lines on the way to an error, the innermost first."""
    places = []
    while traceback is not None:
        if _is_authors(traceback.tb_frame.f_code):
            places.append(_place(traceback.tb_frame.f_code, traceback.tb_lineno))
        traceback = traceback.tb_next
    return places[::-1]


def _is_authors(code: CodeType) -> bool:
    return not code.co_filename.startswith((_PACKAGE, _LIBRARY, "<"))


def _place(code: CodeType, line: int) -> str:
    return f"{_shown(code.co_filename)}:{line} in {code.co_name}"


def _shown(path: str) -> str:
    """The path below the directory of modules that it lies in: it does not name the machine."""
    for directory in sorted(sys.path, key=len, reverse=True):
        prefix = directory.rstrip(os.sep) + os.sep
        if directory and path.startswith(prefix):
            return path[len(prefix) :]
    return os.path.basename(path)
