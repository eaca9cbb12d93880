"""The descriptions of VSS leaves: of leaves that exist, in whole sentences, in words of our own."""

import csv
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import renkei

REPOSITORY = Path(__file__).parents[1]
VOCABULARY = Path(renkei.__file__).parent / "data" / "vocabulary"
VSS_FILES = sorted((REPOSITORY.parent / "shared" / "data" / "vss").glob("*.json"))
LONGEST_COMMON = 5  # words in a row; technical terms are common property, sentences are not


def rows(name: str) -> list[dict[str, str]]:
    with (VOCABULARY / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


DESCRIPTIONS = {row["path"]: row["description"] for row in rows("descriptions.csv")}


def test_paths_exist_and_stand_once_in_order() -> None:
    paths = [row["path"] for row in rows("descriptions.csv")]
    assert paths == sorted(set(paths))
    assert set(paths) <= {row["path"] for row in rows("vss-6.0.csv")}


def test_each_is_one_sentence() -> None:
    for path, text in DESCRIPTIONS.items():
        assert re.fullmatch(r"[A-Z][^\n]*[^.\s]\.", text), path
        assert ". " not in text, path


def test_no_two_are_the_same() -> None:
    assert [text for text, count in Counter(DESCRIPTIONS.values()).items() if count > 1] == []


def test_every_vss_signal_of_the_catalogue_has_one() -> None:
    known = {row["path"] for row in rows("vss-6.0.csv")}
    files = (VOCABULARY.parent / "makers").rglob("*.toml")
    named = {path for file in files for path in re.findall(r'"(Vehicle\.[\w.]+)"', file.read_text(encoding="utf-8"))}
    assert sorted((named & known) - DESCRIPTIONS.keys()) == []


@pytest.mark.skipif(not VSS_FILES, reason="needs the VSS trees that lie beside the repository in development")
def test_none_is_taken_from_vss() -> None:
    for file in VSS_FILES:
        theirs = described(json.loads(file.read_text(encoding="utf-8")))
        for path, text in DESCRIPTIONS.items():
            for other in theirs.get(path, ()):
                assert words(other) != words(text), path
                assert " ".join(words(other)) not in " ".join(words(text)), path
                assert longest_run(words(text), words(other)) <= LONGEST_COMMON, (path, text, other)


def described(tree: dict[str, Any], above: str = "") -> dict[str, list[str]]:
    """The description and the comment of each leaf."""
    found: dict[str, list[str]] = {}
    for name, node in tree.items():
        found[above + name] = [node[key] for key in ("description", "comment") if key in node]
        found |= described(node.get("children", {}), f"{above}{name}.")
    return found


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def longest_run(one: list[str], other: list[str]) -> int:
    """How many words in a row two texts share."""
    text = f" {' '.join(other)} "
    spans = ((i, j) for i in range(len(one)) for j in range(i + 1, len(one) + 1))
    return max((j - i for i, j in spans if f" {' '.join(one[i:j])} " in text), default=0)
