"""docs/abuse.md names a test for every case of abuse of the interfaces, and each of these tests is there."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent
TABLE = (TESTS.parent / "docs/abuse.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|\n").split("|")] for line in TABLE.splitlines() if re.match(r"\| \d", line)
]
CASES = range(29, 41)


def test_every_case_has_a_row_and_every_row_a_test():
    assert {int(row[0]) for row in ROWS} == set(CASES)
    for row in ROWS:
        assert len(row) == 4, row
        assert all(row), row


def test_every_test_that_is_named_is_there():
    missing = [name for row in ROWS for name in row[3].split() if not is_there(name)]
    assert missing == []


def is_there(name):
    file, _, test = name.partition("::")
    path = TESTS / file
    if not path.is_file():
        return False
    return any(isinstance(n, ast.FunctionDef) and n.name == test for n in ast.parse(path.read_text()).body)


def test_every_test_of_abuse_and_authority_over_a_port_is_in_the_table():
    """A new test of what a client may not do finds its case, or says here why it has none."""
    named = {name for row in ROWS for name in row[3].split()}
    files = {name.split("::")[0] for name in named}
    assert {"doors/" + f.name for f in (TESTS / "doors").glob("test_*abuse.py")} <= files
    assert {"doors/test_authority_kuksa.py", "doors/test_authority_viss.py"} <= files
