"""Every command says in a sentence what it does, shows an example, and is in the documentation."""

from __future__ import annotations

import re
from importlib.metadata import entry_points

import pytest
from command import COMMANDS, GROUPS, OUTLANDER, ROOT, renkei

from renkei.catalogue import Catalogue

ALL = ["", *GROUPS, *COMMANDS]


@pytest.mark.parametrize("name", ALL)
def test_help_opens_with_one_sentence_and_has_an_example_of_this_command(name):
    shown = renkei(*name.split(), "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    usage, sentence, *_ = shown.stdout.strip().split("\n\n")
    assert usage.startswith(f"Usage: python -m renkei {name}".rstrip())
    text = " ".join(sentence.split())
    assert re.fullmatch(r"[A-Z][^.]*(\.\w[^.]*)*\.", text), text
    examples = re.findall(r"Example: (renkei .*?)(?:\n\n|\Z)", shown.stdout, re.S)
    assert examples
    if name:
        assert all(" ".join(example.split()).startswith(f"renkei {name}") for example in examples)


def test_examples_name_cars_that_are_in_the_catalogue():
    cars = Catalogue().vehicles
    named = re.findall(r"(?:--vehicle |list signals )([a-z0-9-]+/[a-z0-9-]+)", "".join(map(help_of, COMMANDS)))
    assert OUTLANDER in named
    assert {car for car in named if not car.startswith("acme/")} <= set(cars)


def help_of(name):
    return COMMANDS[name].help or ""


def test_every_option_says_what_it_is_for():
    for name, command in COMMANDS.items():
        for parameter in command.params:
            assert parameter.help, f"renkei {name} {parameter.name}"


def test_every_command_is_in_the_documentation():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    # a table may list the commands of a group: `renkei list makers`, `vehicles`, `signals`
    told = set(re.findall(r"renkei ([a-z]+(?: [a-z]+)?)", text))
    for line in text.splitlines():
        if found := re.search(r"`renkei (list|bench) [a-z]+`((?:, `[a-z]+`)+)", line):
            told |= {f"{found[1]} {word}" for word in re.findall(r"`([a-z]+)`", found[2])}
    missing = [name for name in COMMANDS if not any(words == name or words.startswith(f"{name} ") for words in told)]
    assert missing == []


def test_without_a_command_the_help_is_shown_and_the_exit_code_is_that_of_wrong_input():
    for group in ("", *GROUPS):
        shown = renkei(*group.split())
        assert (shown.returncode, shown.stdout) == (2, "")
        assert shown.stderr.startswith("Usage: python -m renkei")


def test_the_installed_command_is_the_same_program():
    (script,) = entry_points(group="console_scripts", name="renkei")
    from renkei.cli.main import main

    assert script.load() is main
