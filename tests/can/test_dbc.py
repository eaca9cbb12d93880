"""The DBC loader: against written facts, against cantools where that reads a file alone, and trouble by trouble."""

import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import opendbc
import pytest
from cantools.database.can.formats.dbc import load_string
from hypothesis import given, settings
from hypothesis import strategies as st
from opendbc.dbc.generator.generator import generate_all

from renkei.can.dbc import Database, DbcMessage, DbcSignal, Repair, Switch, _read, load, parse
from renkei.can.frames import EXTENDED
from renkei.can.mend import MendedMessage
from renkei.errors import DbcError

PLAIN = """VERSION "1.0"
NS_ :
    NS_DESC_
    CM_
    BA_DEF_
BS_:
BU_: ECU Other

BO_ 475 BATTERY: 8 ECU
 SG_ CURRENT : 7|11@0- (0.5,0) [-400|200] "A" Other
 SG_ STATE : 32|4@1+ (1,0) [0|0] "" Other,ECU
 SG_ KIND M : 40|8@1+ (1,0) [0|0] "" Other
 SG_ TEMPERATURE m1 : 48|8@1+ (1,-40) [0|0] "°C" Other

CM_ BO_ 475 "The pack.";
CM_ SG_ 475 CURRENT "into the
battery is positive";
BA_DEF_ BO_ "GenMsgCycleTime" INT 0 65535;
BA_DEF_DEF_ "GenMsgCycleTime" 0;
BA_ "GenMsgCycleTime" BO_ 475 10;
VAL_ 475 STATE 0 "off" 1 "on" ;
"""


def signal(name: str, start: int, length: int, **facts: Any) -> DbcSignal:
    plain = DbcSignal(name, start, length, True, False, False, 1.0, 0.0, None, None, None, {}, None, ())
    return plain._replace(**facts)


def test_a_file_without_trouble_gives_what_it_states() -> None:
    database = parse(PLAIN, "plain.dbc")
    assert database.repairs == ()
    current = signal("CURRENT", 7, 11, little_endian=False, signed=True, scale=0.5, minimum=-400.0, maximum=200.0)
    current = current._replace(unit="A", comment="into the\nbattery is positive")
    signals = (
        current,
        signal("STATE", 32, 4, values={0: "off", 1: "on"}),
        signal("KIND", 40, 8),
        signal("TEMPERATURE", 48, 8, offset=-40.0, unit="°C", switches=(Switch("KIND", ((1, 1),)),)),
    )
    assert database.messages == {"BATTERY": DbcMessage("BATTERY", 475, 8, 10.0, signals, "The pack.", False)}


class Trouble(NamedTuple):
    """Text below `BO_ 1 A: 8 X` and its signal S, from line 3 on; what is looked at; what it is; what is said of it."""

    text: str
    look: Callable[[Database], object]
    expected: object
    said: list[tuple[int, str, str]]


def of_s(field: str) -> Callable[[Database], object]:
    return lambda database: getattr(database.messages["A"].signals[0], field)


def of_t(field: str) -> Callable[[Database], object]:
    return lambda database: getattr(database.messages["A"].signals[1], field)


def names(database: Database) -> list[str]:
    return [f"{message.name}.{signal.name}" for message in database.messages.values() for signal in message.signals]


def identifiers(database: Database) -> list[int]:
    return [message.id for message in database.messages.values()]


def t(rest: str, name: str = "T") -> str:
    return f" SG_ {name} : {rest}"


TAIL = '[0|0] "" X'
TROUBLES = {
    "a comment on a message that is not there is dropped": Trouble(
        'CM_ BO_ 9 "none";', names, ["A.S"], [(3, "dropped", "comment on message 9: no such message")]
    ),
    "a comment on a signal that is not there is dropped": Trouble(
        'CM_ SG_ 1 U "none";', names, ["A.S"], [(3, "dropped", "comment on signal U: none in message A (0x1)")]
    ),
    "a comment on a signal that is not named is dropped": Trouble(
        'CM_ SG_ 1 "of which?";', of_s("comment"), None, [(3, "dropped", "comment on a signal without its name")]
    ),
    "an attribute of a message that is not there is dropped": Trouble(
        'BA_DEF_ BO_ "GenMsgCycleTime" INT 0 9;\nBA_ "GenMsgCycleTime" BO_ 9 10;',
        names,
        ["A.S"],
        [(4, "dropped", "attribute GenMsgCycleTime on message 9: no such message")],
    ),
    "an attribute that is nowhere defined is named once, and read if it is one that matters": Trouble(
        'BA_ "GenMsgCycleTime" BO_ 1 10;\nBA_ "GenMsgCycleTime" BO_ 1 20;',
        lambda database: database.messages["A"].cycle_ms,
        20.0,
        [(3, "repaired", "attribute GenMsgCycleTime is set and nowhere defined")],
    ),
    "a cycle time that is no time is dropped": Trouble(
        'BA_DEF_ BO_ "GenMsgCycleTime" STRING ;\nBA_ "GenMsgCycleTime" BO_ 1 "fast";',
        lambda database: database.messages["A"].cycle_ms,
        None,
        [(1, "dropped", "GenMsgCycleTime of message A (0x1): 'fast' is no time in ms")],
    ),
    "a value table of a signal that is not there is dropped": Trouble(
        'VAL_ 1 U 0 "off" ;', names, ["A.S"], [(3, "dropped", "value table on signal U: none in message A (0x1)")]
    ),
    "a value table that is only named is looked up": Trouble(
        'VAL_TABLE_ OnOff 0 "off" 1 "on" ;\nVAL_ 1 S OnOff ;',
        of_s("values"),
        {0: "off", 1: "on"},
        [(4, "repaired", "values of signal S: taken from table OnOff")],
    ),
    "a value that is no whole number is dropped": Trouble(
        'VAL_ 1 S 0 "off" 1.5 "half" 2.0 "two" ;',
        of_s("values"),
        {0: "off", 2: "two"},
        [(3, "dropped", "value 1.5 of signal S: not a whole number")],
    ),
    "a standard identifier of five digits above 0x7FF is one of 29 bits": Trouble(
        "BO_ 53248 B: 8 X", identifiers, [1, 53248 | EXTENDED], [(3, "repaired", "read as 0xD000 with 29 bits")]
    ),
    "a 29-bit identifier without bit 31 gets it, and so do references to it": Trouble(
        'BO_ 417001729 B: 8 X\nCM_ BO_ 417001729 "found";',
        lambda database: (database.messages["B"].id, database.messages["B"].comment),
        (417001729 | EXTENDED, "found"),
        [(3, "repaired", "identifier 417001729 of message B: read as 0x18DAF101 with 29 bits")],
    ),
    "an identifier of more than 29 bits is no identifier, and what refers to it goes silently": Trouble(
        'BO_ 1073741825 B: 8 X\n SG_ T : 0|8@1+ (1,0) [0|0] "" X\nCM_ SG_ 1073741825 T "gone";',
        names,
        ["A.S"],
        [(3, "dropped", "message B: 1073741825 is no identifier of 11 or 29 bits")],
    ),
    "a hexadecimal identifier is read": Trouble(
        "BO_ 0x1DB B: 8 X", identifiers, [1, 0x1DB], [(3, "repaired", "0x1DB")]
    ),
    "a name that begins with a digit gets an underscore, and references to it are found": Trouble(
        t(f"8|8@1+ (1,0) {TAIL}", "0_COUNTER") + '\nCM_ SG_ 1 0_COUNTER "found";\nVAL_ 1 0_COUNTER 0 "zero" ;',
        lambda database: database.messages["A"].signals[1][:1] + database.messages["A"].signals[1][11:13],
        ("_0_COUNTER", {0: "zero"}, "found"),
        [(3, "repaired", "signal '0_COUNTER': called _0_COUNTER")],
    ),
    "a message's name that begins with a digit gets an underscore": Trouble(
        "BO_ 2 2017_5: 8 XXX", lambda d: list(d.messages), ["A", "_2017_5"], [(3, "repaired", "called _2017_5")]
    ),
    "characters that no name may hold become underscores": Trouble(
        t(f"8|8@1+ (1,0) {TAIL}", "Tür-Status (1)") + '\nCM_ SG_ 1 Tür-Status (1) "found";',
        lambda database: (database.messages["A"].signals[1].name, database.messages["A"].signals[1].comment),
        ("T_r_Status__1_", "found"),
        [(3, "repaired", "signal 'Tür-Status (1)': called T_r_Status__1_")],
    ),
    "names that mending would make the same stay apart": Trouble(
        t(f"8|8@1+ (1,0) {TAIL}", "A-B") + "\n" + t(f"16|8@1+ (1,0) {TAIL}", "A_B"),
        names,
        ["A.S", "A.A_B_2", "A.A_B"],
        [(3, "repaired", "signal 'A-B': called A_B_2")],
    ),
    "a keyword is no name": Trouble(
        t(f"8|8@1+ (1,0) {TAIL}", "VERSION"), names, ["A.S", "A._VERSION"], [(3, "repaired", "called _VERSION")]
    ),
    "a number without its leading zero is read": Trouble(
        t(f"8|8@1+ (.25,-500) {TAIL}"), of_t("scale"), 0.25, [(3, "repaired", "(.25,-500) read as scale 0.25")]
    ),
    "a decimal comma in the scale is read where only one reading makes sense": Trouble(
        t(f"8|8@1+ (0,5,40) {TAIL}"), of_t("scale"), 0.5, [(3, "repaired", "read as scale 0.5, offset 40")]
    ),
    "decimal commas in scale and offset are read": Trouble(
        t(f"8|8@1+ (1,5,-2,5) {TAIL}"), of_t("offset"), -2.5, [(3, "repaired", "read as scale 1.5, offset -2.5")]
    ),
    "a decimal comma that may stand in either number is not guessed": Trouble(
        t(f"8|8@1+ (1,5,40) {TAIL}"), names, ["A.S"], [(3, "dropped", "SG_ that cannot be read")]
    ),
    "decimal commas in the range are read": Trouble(
        t('8|8@1+ (1,0) [-1,5|2,5] "" X'), of_t("minimum"), -1.5, [(3, "repaired", "read as [-1.5|2.5]")]
    ),
    "a range that is upside down says nothing": Trouble(
        t('8|8@1+ (1,0) [500|-500] "" X'), of_t("maximum"), None, [(3, "repaired", "[500|-500] says nothing")]
    ),
    "a missing range says nothing": Trouble(
        t('8|8@1+ (1,0) "V" X'), of_t("unit"), "V", [(3, "repaired", "the range [] says nothing")]
    ),
    "a missing scale is 1": Trouble(
        t(f"8|8@1+ {TAIL}"), of_t("scale"), 1.0, [(3, "repaired", "no scale and offset: taken as 1 and 0")]
    ),
    "a missing sign means unsigned": Trouble(
        t(f"8|8@1 (1,0) {TAIL}"), of_t("signed"), False, [(3, "repaired", "no sign after @1: unsigned")]
    ),
    "a missing unit is none": Trouble(t("8|8@1+ (1,0) [0|0] X"), of_t("unit"), None, [(3, "repaired", "no unit")]),
    "a missing receiver does no harm": Trouble(
        t('8|8@1+ (1,0) [0|0] "V"'), of_t("unit"), "V", [(3, "repaired", "signal T: no receiver")]
    ),
    "a missing sender does no harm": Trouble("BO_ 2 B: 8", identifiers, [1, 2], [(3, "repaired", "no sender")]),
    "spaces may be missing, also after a keyword": Trouble(
        'BO_2 B:8 X\nSG_T:0|8@1+(0.5,0)[0|0]""X',
        lambda database: (database.messages["B"].signals[0].name, database.messages["B"].signals[0].scale),
        ("T", 0.5),
        [(3, "repaired", "no space after BO_"), (4, "repaired", "no space after SG_")],
    ),
    "a line that stands twice counts once": Trouble(
        t(f"8|8@1+ (1,0) {TAIL}") + "\n" + t(f"8|8@1+ (1,0) {TAIL}"),
        names,
        ["A.S", "A.T"],
        [(4, "dropped", "signal T of message A (0x1): the same as in line 3")],
    ),
    "two signals of one name in different places are both kept": Trouble(
        t(f"8|8@1+ (1,0) {TAIL}") + "\n" + t(f"16|8@1+ (1,0) {TAIL}"),
        names,
        ["A.S", "A.T", "A.T_2"],
        [(4, "repaired", "a second signal T in message A (0x1), other than in line 3: called T_2")],
    ),
    "of two messages with one identifier the later holds": Trouble(
        "BO_ 1 B: 8 X\n" + t(f"8|8@1+ (1,0) {TAIL}"),
        names,
        ["B.T"],
        [(1, "dropped", "message A (0x1): stands again in line 3, which holds")],
    ),
    "of two messages with one name the second is called by its identifier too": Trouble(
        "BO_ 171 A: 8 X", lambda d: list(d.messages), ["A", "A_AB"], [(3, "repaired", "message 'A': called A_AB")]
    ),
    "signals that overlap are kept and noticed": Trouble(
        t(f"4|8@1+ (1,0) {TAIL}"), names, ["A.S", "A.T"], [(3, "noticed", "signals S and T of message A (0x1) overlap")]
    ),
    "signals that multiplexing keeps apart do not overlap": Trouble(
        t(f"8|8@1+ (1,0) {TAIL}", "K M")
        + "\n"
        + t(f"16|8@1+ (1,0) {TAIL}", "T m0")
        + "\n"
        + t(f"16|8@1+ (1,0) {TAIL}", "U m1"),
        names,
        ["A.S", "A.K", "A.T", "A.U"],
        [],
    ),
    "a signal beyond the end of its message is dropped, and what refers to it goes silently": Trouble(
        t(f"60|8@1+ (1,0) {TAIL}") + '\nCM_ SG_ 1 T "gone";\nVAL_ 1 T 0 "gone" ;',
        names,
        ["A.S"],
        [(3, "dropped", "signal T of message A (0x1): it ends in byte 9 of a message of 8")],
    ),
    "a big-endian signal beyond the end is found too": Trouble(
        t(f"56|2@0+ (1,0) {TAIL}"), names, ["A.S"], [(3, "dropped", "it ends in byte 9 of a message of 8")]
    ),
    "a message of no length is as long as its signals": Trouble(
        "BO_ 2 B: 0 X\n" + t(f"8|4@1+ (1,0) {TAIL}"),
        lambda database: database.messages["B"].length,
        2,
        [(3, "repaired", "message B (0x2): a length of 0 bytes, but signals: taken to have 2")],
    ),
    "a signal of no bits is dropped": Trouble(
        t(f"8|0@1+ (1,0) {TAIL}"), names, ["A.S"], [(3, "dropped", "it has no bits")]
    ),
    "a signal of scale 0 is dropped": Trouble(
        t(f"8|8@1+ (0,0) {TAIL}"), names, ["A.S"], [(3, "dropped", "its scale is 0")]
    ),
    "a floating-point number has 32 or 64 bits": Trouble(
        "SIG_VALTYPE_ 1 S : 1;", names, [], [(2, "dropped", "a floating-point number of 8 bits")]
    ),
    "signals that belong to no message at all are skipped silently": Trouble(
        'BO_ 3221225472 VECTOR__INDEPENDENT_SIG_MSG: 0 X\n SG_ T : 0|8@1+ (1,0) [0|0] "" X\n'
        'CM_ SG_ 3221225472 T "gone";',
        names,
        ["A.S"],
        [],
    ),
    "a text without its closing quote ends with its statement": Trouble(
        'CM_ SG_ 1 S "open;\nCM_ BO_ 1 "closed";',
        lambda database: (database.messages["A"].comment, database.messages["A"].signals[0].comment),
        ("closed", "open"),
        [(3, "repaired", "CM_ with a text that has no closing quote")],
    ),
    "a comment may have several lines, also some that look like statements": Trouble(
        'CM_ SG_ 1 S "was:\nSG_ S : 0|4@1+ (1,0)\nBO_ 2 B: 8 X\n// and so on";',
        of_s("comment"),
        "was:\nSG_ S : 0|4@1+ (1,0)\nBO_ 2 B: 8 X\n// and so on",
        [],
    ),
    "a comment may hold quotes": Trouble(
        'CM_ SG_ 1 S "so called \\"state\\"";', of_s("comment"), 'so called "state"', []
    ),
    "quotes in a comment that should have been escaped are kept": Trouble(
        'CM_ SG_ 1 S "the "big" one";', of_s("comment"), 'the "big" one', [(3, "repaired", "quotes inside the comment")]
    ),
    "a statement without its semicolon ends with its line": Trouble(
        'CM_ SG_ 1 S "text"\nVAL_ 1 S 0 "off"',
        lambda database: database.messages["A"].signals[0][11:13],
        ({0: "off"}, "text"),
        [(3, "repaired", "CM_ without ; at its end"), (4, "repaired", "VAL_ without ; at its end")],
    ),
    "what no DBC file has is dropped line by line": Trouble(
        "ODD_ 1 2 3;\n<xml>\n" + t(f"8|8@1+ (1,0) {TAIL}"),
        names,
        ["A.S", "A.T"],
        [(3, "dropped", "'ODD_ 1 2 3;'"), (4, "dropped", "'<xml>'")],
    ),
    "sections that say nothing of signals are read past": Trouble(
        'BO_TX_BU_ 1 : X,Y;\nEV_ Env: 0 [0|1] "" 0 2 DUMMY_NODE_VECTOR0 X;\nSIG_GROUP_ 1 G 1 : S;\n'
        'BA_DEF_REL_ BU_SG_REL_ "R" INT 0 1;\nVAL_ Env 0 "off" ;\nCM_ BU_ X "a node";\nCM_ "a bus";',
        names,
        ["A.S"],
        [],
    ),
    "two signals on one line, and a remark behind them, are read": Trouble(
        f"BO_ 2 B: 8 X SG_ T : 0|8@1+ (1,0) {TAIL} SG_ U : 8|8@1+ (1,0) {TAIL} // remark",
        names,
        ["A.S", "B.T", "B.U"],
        [],
    ),
    "a signal apart from its message belongs to it": Trouble(
        'CM_ "between";\n' + t(f"8|8@1+ (1,0) {TAIL}"),
        names,
        ["A.S", "A.T"],
        [(4, "repaired", "signal T: apart from its message A (0x1): taken in")],
    ),
    "a message that cannot be read takes its signals with it": Trouble(
        "BO_ 2 B: eight X\n" + t(f"8|8@1+ (1,0) {TAIL}"),
        names,
        ["A.S"],
        [(3, "dropped", "BO_ that cannot be read"), (4, "dropped", "signal T: belongs to no message")],
    ),
    "a multiplexer marked by a small m is one": Trouble(
        t(f"8|8@1+ (1,0) {TAIL}", "K m") + "\n" + t(f"16|8@1+ (1,0) {TAIL}", "U m1"),
        lambda database: database.messages["A"].signals[2].switches,
        (Switch("K", ((1, 1),)),),
        [(3, "repaired", "signal K: marked m without a value: read as M")],
    ),
    "a multiplexed signal without a multiplexer is dropped": Trouble(
        t(f"8|8@1+ (1,0) {TAIL}", "T m1"), names, ["A.S"], [(3, "dropped", "nothing says clearly when it is there")]
    ),
    "a multiplexed signal of an unknown one of two multiplexers is taken to belong to the outer": Trouble(
        t(f"8|8@1+ (1,0) {TAIL}", "K M")
        + "\n"
        + t(f"16|8@1+ (1,0) {TAIL}", "L m1M")
        + "\n"
        + t(f"24|8@1+ (1,0) {TAIL}", "T m2"),
        lambda database: database.messages["A"].signals[3].switches,
        (Switch("K", ((2, 2),)),),
        [(5, "repaired", "signal T of message A (0x1): which multiplexer is not said: taken to be K")],
    ),
    "multiplexers that select each other are dropped": Trouble(
        t(f"8|8@1+ (1,0) {TAIL}", "K m1M")
        + "\n"
        + t(f"16|8@1+ (1,0) {TAIL}", "L m1M")
        + "\nSG_MUL_VAL_ 1 K L 1-1;\nSG_MUL_VAL_ 1 L K 1-1;",
        names,
        ["A.S"],
        [(3, "dropped", "signal K of message A"), (4, "dropped", "signal L of message A")],
    ),
    "multiplexing by a signal that is not there is dropped": Trouble(
        t(f"8|8@1+ (1,0) {TAIL}", "K M") + "\n" + t(f"16|8@1+ (1,0) {TAIL}", "T m1") + "\nSG_MUL_VAL_ 1 T U 2-3;",
        lambda database: database.messages["A"].signals[2].switches,
        (Switch("K", ((1, 1),)),),
        [(5, "dropped", "multiplexing on signal U: none in message A (0x1)")],
    ),
    "what a dropped multiplexer selects falls to no other": Trouble(
        "\n".join(
            [
                t(f"64|8@1+ (1,0) {TAIL}", "K M"),
                t(f"16|8@1+ (1,0) {TAIL}", "L m1M"),
                t(f"24|8@1+ (1,0) {TAIL}", "T m2"),
                "SG_MUL_VAL_ 1 L K 1-1;\nSG_MUL_VAL_ 1 T K 2-2;",
            ]
        ),
        names,
        ["A.S"],
        [(3, "dropped", "signal K"), (4, "dropped", "signal L"), (5, "dropped", "signal T")],
    ),
    "a range of multiplexing that is upside down is dropped": Trouble(
        t(f"8|8@1+ (1,0) {TAIL}", "K M") + "\n" + t(f"16|8@1+ (1,0) {TAIL}", "T m1") + "\nSG_MUL_VAL_ 1 T K 3-1;",
        lambda database: database.messages["A"].signals[2].switches,
        (Switch("K", ((1, 1),)),),
        [(5, "dropped", "SG_MUL_VAL_ that cannot be read")],
    ),
}


@pytest.mark.parametrize("case", TROUBLES.values(), ids=TROUBLES.keys())
def test_trouble(case: Trouble) -> None:
    database = parse(f'BO_ 1 A: 8 X\n SG_ S : 0|8@1+ (1,0) [0|0] "" X\n{case.text}\n', "trouble.dbc")
    assert case.look(database) == case.expected
    assert [repair[:2] for repair in database.repairs] == [said[:2] for said in case.said], database.repairs
    for repair, (_, _, words) in zip(database.repairs, case.said, strict=True):
        assert words in repair.what


def test_bytes_that_are_not_utf_8_are_read_as_cp1252_and_line_ends_of_any_kind(tmp_path: Path) -> None:
    file = tmp_path / "old.dbc"
    file.write_bytes(PLAIN.replace("\n", "\r\n").encode("cp1252"))
    database = load(file)
    assert database.repairs == (Repair(13, "repaired", "the file is not UTF-8: read as cp1252"),)
    assert database.messages == parse(PLAIN, "").messages
    file.write_bytes(b"\xef\xbb\xbf" + PLAIN.replace("\n", "\r").encode())
    assert load(file) == parse(PLAIN, str(file))


@pytest.mark.parametrize("text", ["", "Time;ID;Data\n1;2;3\n", 'VERSION ""\nBU_: A B\nCM_ "BO_ 1 A: 8 X";\n'])
def test_what_is_no_dbc_file_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(DbcError, match=r"^x\.dbc: expected a DBC file, found no line that begins with BO_$"):
        parse(text, "x.dbc")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DbcError, match=r"none\.dbc: cannot be read: No such file"):
        load(tmp_path / "none.dbc")


def test_only_the_message_that_is_refused_behind_us_is_dropped() -> None:
    good = MendedMessage(1, "A", "BO_ 1 A: 8 X\n", {}, False)
    bad = MendedMessage(2, "B", "BO_ 5000 B: 8 X\n", {}, False)
    read, refused = _read({"A": good, "B": bad})
    assert list(read) == ["A"]
    assert [repair[:2] for repair in refused] == [(2, "dropped")]


def test_extended_multiplexing_gives_the_conditions_of_all_multiplexers() -> None:
    text = """BO_ 2147483649 A: 64 X
 SG_ K M : 0|8@1+ (1,0) [0|0] "" X
 SG_ L m3M : 8|8@1+ (1,0) [0|0] "" X
 SG_ T m1 : 16|8@1+ (1,0) [0|0] "" X
SG_MUL_VAL_ 2147483649 L K 3-3, 5-4294967295;
SG_MUL_VAL_ 2147483649 T L 1-1,
 4-6;
"""
    database = parse(text, "x.dbc")
    message = database.messages["A"]
    outer, inner = Switch("K", ((3, 3), (5, 4294967295))), Switch("L", ((1, 1), (4, 6)))
    assert [signal.switches for signal in message.signals] == [(), (outer,), (outer, inner)]
    assert (message.id, message.is_fd, database.repairs) == (1 | EXTENDED, True, ())


LONG = """BA_DEF_ BO_ "VFrameFormat" ENUM "StandardCAN","FD_of_ours_CAN_FD";
BA_DEF_DEF_ "VFrameFormat" "FD_of_ours_CAN_FD";
BA_DEF_ BO_ "SystemMessageLongSymbol" STRING ;
BA_DEF_ SG_ "SystemSignalLongSymbol" STRING ;
BO_ 1 A: 8 X
 SG_ S : 0|8@1+ (1,0) [0|0] "" X
BO_ 2 B: 8 X
BA_ "VFrameFormat" BO_ 2 0;
BA_ "SystemMessageLongSymbol" BO_ 1 "A_with_a_name_longer_than_32_characters";
BA_ "SystemSignalLongSymbol" SG_ 1 S "S_with_a_name_longer_than_32_characters";
"""


def test_long_names_and_frame_formats_come_from_attributes() -> None:
    database = parse(LONG, "x.dbc")
    assert names(database) == ["A_with_a_name_longer_than_32_characters.S_with_a_name_longer_than_32_characters"]
    assert [message.is_fd for message in database.messages.values()] == [True, False]
    assert database.repairs == ()


# Real files


@cache
def real_files() -> dict[str, str]:
    folder = Path(opendbc.__file__).parent / "dbc"
    shipped = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.dbc")}
    return shipped | generate_all()


@pytest.mark.parametrize("name", sorted(real_files()))
def test_real_file(name: str) -> None:
    text = real_files()[name]
    database = parse(text, name)
    assert database.messages
    last = text.count("\n") + 1
    assert all(1 <= repair.line <= last and repair.what for repair in database.repairs)
    try:
        alone = load_string(text, strict=True, sort_signals=None).messages
    except Exception:  # refused by cantools, with one of a dozen kinds of error: then we had to do something
        assert database.repairs
        return
    assert list(map(comparable, database.messages.values())) == list(map(of_cantools, alone))


def test_every_real_file_was_there() -> None:
    assert len(real_files()) >= 90


def comparable(message: DbcMessage) -> list[object]:
    """A message as cantools can give it: ranges of multiplexing as sets, [0.0|0.0] and [0|0] the same."""
    signals = []
    for signal in message.signals:
        switches = [
            (switch.signal, {value for low, high in switch.ranges for value in range(low, high + 1)})
            for switch in signal.switches
        ]
        signals.append(
            [*signal._replace(minimum=signal.minimum or 0, maximum=signal.maximum or 0, switches=()), switches]
        )
    return [*message._replace(signals=(), is_fd=False), signals]


def of_cantools(message: Any) -> list[object]:
    by_name = {signal.name: signal for signal in message.signals}

    def switches(signal: Any) -> list[tuple[str, set[int]]]:
        if signal.multiplexer_signal is None:
            return []
        outer = by_name[signal.multiplexer_signal]
        return [*switches(outer), (outer.name, set(signal.multiplexer_ids))]

    signals = []
    for s in message.signals:
        kind = [s.byte_order == "little_endian", s.is_signed, s.is_float, s.scale, s.offset]
        values = {raw: str(named) for raw, named in (s.choices or {}).items()}
        limits = [float(s.minimum or 0), float(s.maximum or 0)]
        signals.append([s.name, s.start, s.length, *kind, *limits, s.unit, values, s.comment, (), switches(s)])
    id = message.frame_id | (EXTENDED if message.is_extended_frame else 0)
    return [message.name, id, message.length, message.cycle_time, (), message.comment, False, signals]


# Written facts


WORDS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,30}", fullmatch=True).filter(lambda word: not word.endswith("_"))
PRINTED = st.text(st.characters(categories=["L", "N", "P", "S"], include_characters=" "), max_size=20)
TEXTS = PRINTED.filter(lambda text: not text.endswith("\\"))
COMMENTS = st.lists(TEXTS | st.just("BO_ 1 A: 8 X") | st.just(' SG_ S : 0|8@1+ (1,0) [0|0] ""'), min_size=1)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=64) | st.integers(-(2**40), 2**40).map(float)
RANGES = st.lists(
    st.tuples(st.integers(0, 300), st.integers(0, 300)).map(lambda pair: (min(pair), max(pair))), min_size=1
)


@st.composite
def messages(draw: st.DrawFn, id: int, name: str) -> DbcMessage:
    """A message whose signals lie one behind the other, with multiplexers among them that select later signals."""
    is_fd = draw(st.booleans())
    signals: list[DbcSignal] = []
    position = 0
    for signal_name in draw(st.lists(WORDS, max_size=8, unique=True)):
        length = draw(st.integers(1, 64))
        little = draw(st.booleans())
        start = position if little else 8 * ((position + 7) // 8) + draw(st.integers(0, 7))
        end = start + length if little else 8 * (start // 8) + 7 - start % 8 + length
        if end > (512 if is_fd else 64):
            break
        position = end if little else 8 * ((end + 7) // 8)
        signals.append(draw(signal_of(signal_name, start, length, little, signals)))
    length = max((position + 7) // 8, draw(st.integers(0, 64 if is_fd else 8)))
    cycle_ms = draw(st.none() | st.floats(0.1, 1e6))
    comment = draw(st.none() | COMMENTS.map("\n".join))
    return DbcMessage(name, id, length, cycle_ms, tuple(signals), comment, is_fd)


@st.composite
def signal_of(draw: st.DrawFn, name: str, start: int, length: int, little: bool, before: list[DbcSignal]) -> DbcSignal:
    low, high = sorted((draw(NUMBERS), draw(NUMBERS)))
    known = draw(st.booleans()) and (low, high) != (0, 0)
    above = draw(st.none() | st.sampled_from(before)) if before else None
    switches = () if above is None else (*above.switches, Switch(above.name, tuple(draw(RANGES))))
    return DbcSignal(
        name=name,
        start=start,
        length=length,
        little_endian=little,
        signed=draw(st.booleans()),
        is_float=length in (32, 64) and draw(st.booleans()),
        scale=draw(NUMBERS.filter(bool)),
        offset=draw(NUMBERS),
        minimum=low if known else None,
        maximum=high if known else None,
        unit=draw(TEXTS) or None,
        values=draw(st.dictionaries(st.integers(-(2**31), 2**63), TEXTS, max_size=4)),
        comment=draw(st.none() | COMMENTS.map("\n".join)),
        switches=switches,
    )


@st.composite
def databases(draw: st.DrawFn) -> list[DbcMessage]:
    ids = st.integers(0, 0x7FF) | st.integers(0, 0x1FFF_FFFF).map(lambda id: id | EXTENDED)
    message_names = draw(st.lists(WORDS, min_size=1, max_size=4, unique=True))
    numbers = draw(st.lists(ids, min_size=len(message_names), max_size=len(message_names), unique=True))
    return [draw(messages(id, name)) for id, name in zip(numbers, message_names, strict=True)]


def quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def written(facts: list[DbcMessage]) -> str:
    """The facts as a DBC file, its sections in the order of the format's description."""
    lines = ['VERSION ""', "NS_ :", "\tCM_", "\tBA_", "", "BS_:", "", "BU_: X", ""]
    for message in facts:
        lines.append(f"BO_ {message.id} {message.name}: {message.length} X")
        lines += [signal_line(message, signal) for signal in message.signals] + [""]
    for message in facts:
        lines += [] if message.comment is None else [f"CM_ BO_ {message.id} {quoted(message.comment)};"]
        for s in message.signals:
            lines += [] if s.comment is None else [f"CM_ SG_ {message.id} {s.name} {quoted(s.comment)};"]
    lines.append('BA_DEF_ BO_ "GenMsgCycleTime" FLOAT 0 1000000;\nBA_DEF_DEF_ "GenMsgCycleTime" 0;')
    lines.append('BA_DEF_ BO_ "VFrameFormat" ENUM "StandardCAN","StandardCAN_FD";')
    for message in facts:
        lines.append(f'BA_ "VFrameFormat" BO_ {message.id} {int(message.is_fd)};')
        lines += [f'BA_ "GenMsgCycleTime" BO_ {message.id} {message.cycle_ms!r};'] if message.cycle_ms else []
        for s in message.signals:
            pairs = "".join(f"{raw} {quoted(text)} " for raw, text in s.values.items())
            lines += [f"VAL_ {message.id} {s.name} {pairs};"] if pairs else []
            lines += [f"SIG_VALTYPE_ {message.id} {s.name} : {s.length // 32};"] if s.is_float else []
            if s.switches:
                ranges = ", ".join(f"{low}-{high}" for low, high in s.switches[-1].ranges)
                lines.append(f"SG_MUL_VAL_ {message.id} {s.name} {s.switches[-1].signal} {ranges};")
    return "\n".join(lines) + "\n"


def signal_line(message: DbcMessage, s: DbcSignal) -> str:
    selects = any(other.switches and other.switches[-1].signal == s.name for other in message.signals)
    marker = (f" m{s.switches[-1].ranges[0][0]}" if s.switches else "") + ("M" if selects and s.switches else "")
    marker = marker or (" M" if selects else "")
    place = f"{s.start}|{s.length}@{int(s.little_endian)}{'-' if s.signed else '+'}"
    limits = "0|0" if s.minimum is None else f"{s.minimum!r}|{s.maximum!r}"
    return f" SG_ {s.name}{marker} : {place} ({s.scale!r},{s.offset!r}) [{limits}] {quoted(s.unit or '')} X"


@settings(deadline=None, max_examples=80)
@given(databases())
def test_what_was_written_is_what_is_read(facts: list[DbcMessage]) -> None:
    database = parse(written(facts), "x.dbc")
    assert database.repairs == ()
    assert list(database.messages.values()) == facts


@settings(deadline=None, max_examples=60)
@given(databases(), st.randoms(use_true_random=False), st.integers(1, 20))
def test_a_damaged_file_is_read_as_far_as_it_goes(facts: list[DbcMessage], chance: random.Random, times: int) -> None:
    text = written(facts)
    for _ in range(times):
        place = chance.randrange(len(text))
        text = (
            text[:place]
            + chance.choice('";:|@(),[] \n0M9/\\') * chance.randrange(3)
            + text[place + chance.randrange(4) :]
        )
    try:
        database = parse(text, "x.dbc")
    except DbcError:
        assert not text.startswith("BO_")
        return
    for name, message in database.messages.items():
        assert message.name == name
        assert len({signal.name for signal in message.signals}) == len(message.signals)
