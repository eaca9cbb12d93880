"""VSS overlays in YAML (vspec): leaves and branches by their whole path, as vss-tools takes them with --overlays."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from renkei.errors import VocabularyError, clipped
from renkei.vocabulary.signal import Signal
from renkei.vocabulary.vss_file import leaves_in

_MOST_BYTES = 4 << 20


def overlay_leaves(file: str | Path) -> list[Signal]:
    """The leaves that an overlay defines, instances expanded; raises VocabularyError that names file and leaf."""
    import yaml

    path = Path(file)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise VocabularyError(f"{file}: expected an overlay of at most {_MOST_BYTES >> 20} MiB")
        nodes = yaml.load(path.read_text(encoding="utf-8-sig"), _loader())
    except OSError as e:
        raise VocabularyError(f"{file}: {e.strerror or e}") from e
    except (yaml.YAMLError, ValueError, RecursionError) as e:
        raise VocabularyError(f"{file}: not an overlay in YAML: {clipped(' '.join(str(e).split()))}") from e
    if not isinstance(nodes, dict) or not all(isinstance(k, str) and isinstance(v, dict) for k, v in nodes.items()):
        raise VocabularyError(f"{file}: expected paths such as Vehicle.Speed, each with type and datatype")
    return leaves_in(file, _tree(file, nodes))


def _tree(file: str | Path, nodes: dict[str, Any]) -> dict[str, Any]:
    """Nested branches from whole paths; a branch that is not stated is one."""
    root: dict[str, Any] = {"children": {}}
    for path, node in sorted(nodes.items()):
        steps = path.split(".")
        above = root
        for step in steps[:-1]:
            above = above["children"].setdefault(step, {"type": "branch", "children": {}})
            if "children" not in above:
                raise VocabularyError(f"{file}: {clipped(path)} lies below a leaf")
        is_branch = node.get("type") == "branch"
        above["children"][steps[-1]] = {**node, "children": {}} if is_branch else node
    tree: dict[str, Any] = root["children"]
    return tree


def _loader() -> Any:
    """YAML as data alone: no aliases, of which few bytes can make more than fits a memory, and no name twice."""
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # yaml has no types
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("aliases are not taken")
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            counts = Counter(key.value for key, _ in node.value if isinstance(key.value, str))
            twice = next((name for name, n in counts.items() if n > 1), None)
            if twice is not None:
                raise yaml.YAMLError(f"{twice[:100]} is defined twice")
            return super().construct_mapping(node, deep)

    return Loader
