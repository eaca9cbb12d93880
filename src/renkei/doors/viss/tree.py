"""The tree that a client sees: the signals of the vocabulary and, beside them, what this server can do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from renkei.doors.viss.refusals import bad_request, invalid_data, unavailable
from renkei.doors.viss.wire import spelt
from renkei.vocabulary import Signal, Value, Vocabulary

FILTERS = ("timebased", "change", "paths", "range", "curvelog", "history", "metadata")
PROTOCOLS = ("ws", "http")
MOST_PATHS = 100
"""Search paths in one request."""
_PORT = "Server.Config.Protocol.{}.Primary.PortNum"
SERVER = Vocabulary(
    [
        Signal(0, "Server.Support.Protocol", "attribute", "string[]", description="Transport protocols that are open."),
        Signal(0, "Server.Support.Filter", "attribute", "string[]", description="Filter variants that are understood."),
        Signal(0, _PORT.format("Http"), "attribute", "uint32", description="Port for HTTP."),
        Signal(0, _PORT.format("Websocket"), "attribute", "uint32", description="Port for WebSocket."),
    ],
    "3.0",
)
"""Source: COVESA, Vehicle Information Service Specification 3.0, Core, "Server Capabilities"."""


def server_values(port: int) -> list[Value]:
    """Values of SERVER by index."""
    return [list(PROTOCOLS), list(FILTERS), port, port]


class Tree:
    """Finds nodes by path. Every method that takes a path raises Refused for one that is unknown or malformed."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabularies = (vocabulary, SERVER)
        self._children: dict[str, dict[str, str]] = {"": {}}
        for signal in (*vocabulary, *SERVER):
            self._add(signal.path)

    def _add(self, path: str) -> None:
        above = ""
        for name in path.split("."):
            below = f"{above}.{name}" if above else name
            self._children.setdefault(above, {})[name] = below
            above = below

    @property
    def roots(self) -> Sequence[str]:
        return tuple(self._children[""])

    def path(self, text: Any) -> str:
        """The path of one node, with dots; it need not exist."""
        if not isinstance(text, str) or not text or "*" in text:
            raise bad_request("Missing or invalid path")
        return text.replace("/", ".")

    def leaf(self, path: str) -> Signal:
        for vocabulary in self._vocabularies:
            if signal := vocabulary.get(path):
                return signal
        if path in self._children:
            raise invalid_data("Requested action on a branch is not supported")
        raise unavailable(f"Data is unknown: {path[:200]}")

    def search(self, base: str, patterns: Iterable[str]) -> list[Signal]:
        """Leaves that relative paths below `base` stand for, each once, in the order of the first that names it."""
        found: dict[str, Signal] = {}
        for pattern in dict.fromkeys(patterns):
            matches = self._matches(f"{base}.{pattern.replace('/', '.')}")
            if not matches:
                raise unavailable(f"Data is unknown: {base[:200]}, {pattern[:200]}")
            found |= {s.path: s for s in matches}
        return list(found.values())

    def _matches(self, pattern: str) -> list[Signal]:
        """Leaves of a path or pattern; step by step down the tree, so that a pattern costs what it finds."""
        steps = pattern.split(".")
        if "**" in steps:
            raise bad_request("Missing or invalid filter: * stands for one level")
        if not all(step and ("*" not in step or step == "*") for step in steps):
            raise bad_request(f"Missing or invalid filter: {pattern[:200]} is no path")
        nodes = [""]
        for step in steps:
            below = [self._children.get(node, {}) for node in nodes]
            nodes = [path for c in below for path in (c.values() if step == "*" else [c[step]] if step in c else [])]
            if not nodes:
                return []
        return [leaf for node in nodes for leaf in self._leaves(node)]

    def _leaves(self, path: str) -> list[Signal]:
        below = self._children.get(path)
        if below is None:
            return [self.leaf(path)]
        return [leaf for child in below.values() for leaf in self._leaves(child)]

    def metadata(self, path: str, generations: int, keys: frozenset[str] | None) -> dict[str, Any]:
        """A node and what is below it, down to so many generations, 0 for all; of leaves only `keys`, None for all."""
        if path in self._children:
            node: dict[str, Any] = {"type": "branch"} if keys is None or "type" in keys else {}
            if generations != 1:
                below = self._children[path].items()
                node["children"] = {n: self.metadata(p, max(generations - 1, 0), keys) for n, p in below}
            return node
        told = _told(self.leaf(path))
        return {k: v for k, v in told.items() if keys is None or k in keys}

    def metadata_by_path(
        self, base: str, patterns: Iterable[str], generations: int, keys: frozenset[str] | None
    ) -> dict[str, Any]:
        """Metadata of the nodes that relative paths stand for, by path."""
        found: dict[str, Any] = {}
        for pattern in dict.fromkeys(patterns):
            below = f"{base}.{pattern.replace('/', '.')}"
            nodes = [s.path for s in self._matches(below)] if "*" in below else [below]
            if not nodes:
                raise unavailable(f"Data is unknown: {below[:200]}")
            found |= {path: self.metadata(path, generations, keys) for path in nodes}
        return found


def _told(signal: Signal) -> Mapping[str, Any]:
    """What the tree says of a leaf, in the names of VSS and the texts of VISS."""
    told = {
        "type": signal.kind,
        "datatype": signal.datatype,
        "description": signal.description,
        "unit": signal.unit,
        "min": signal.minimum if signal.minimum is None else spelt(signal.minimum, 3),
        "max": signal.maximum if signal.maximum is None else spelt(signal.maximum, 3),
        "allowed": None if signal.allowed is None else spelt(list(signal.allowed), 3),
        "default": None if signal.default is None else spelt(_listed(signal.default), 2),
    }
    return {key: value for key, value in told.items() if value is not None}


def _listed(default: Any) -> Any:
    return list(default) if isinstance(default, tuple) else default
