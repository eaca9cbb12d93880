"""What a log's header says: options for its kernel, the version in its name, the start date as written."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from renkei.can.logs.dialects import Dialect
from renkei.can.logs.kernels.scan import OPT_OWN


class Facts(NamedTuple):
    """Own options of the kernel by index; the dialect's name where the header says a version; the start as written."""

    opt: dict[int, int]
    name: str | None = None
    start_text: str | None = None


def facts(dialect: Dialect, head: bytes) -> Facts:
    """What the head of a log of this dialect says."""
    read = _READERS.get(dialect.kernel)
    return read(head) if read else Facts({})


def _gvret(head: bytes) -> Facts:
    """Dir is a column of the header; without a header the first row shows it."""
    has_dir = re.search(rb"(?im)^[^\n]*,\s*(dir\s*,\s*bus|[rt]x,)", head) is not None
    return Facts({OPT_OWN: int(has_dir)})


_READERS: dict[str, Callable[[bytes], Facts]] = {"gvret": _gvret}
