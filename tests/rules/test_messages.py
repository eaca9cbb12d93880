"""Messages that are waited for: whether they come, how often, and how they are guarded."""

from __future__ import annotations

import pytest
from pairs import at_home, field, found, laid, level, levels, limit, line, one, pair, part, place, sources, talk

from renkei.rules.pair import Spoken

# --- protocol --------------------------------------------------------------------------------------------------------

PROTOCOLS = [
    ("a", "a", "ok"), ("a", "b", "break"), ("a", None, "unknown"), (None, "a", "unknown"), (None, None, "unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("own", "host", "expected"), PROTOCOLS)
def test_part_and_host_speak_one_set_of_messages(own, host, expected):
    given = at_home(here={"protocol": own} if own else {}, there={"protocol": host} if host else {})
    assert level("protocol", given, "protocol") == expected


def test_where_messages_of_both_are_entered_names_of_sets_are_not_needed():
    given = talk(line(), line(), by_part=False)
    given = pair(part(), place(), said_by_part=given.said_by_part, said_by_host=given.said_by_host)
    assert found("protocol", given) == ()


def test_an_inverter_that_is_silent_about_its_set_is_not_asked():
    assert found("protocol", at_home("inverter")) == ()


def test_two_rates_on_one_bus_break_and_the_same_rate_is_no_finding():
    rates = [pair(part(protocol="a", bitrate=rate), place(protocol="a", bitrate=500)) for rate in (500, 250)]
    assert [level("protocol", g, "bitrate") for g in rates] == [None, "break"]
    finding = one("protocol", rates[1], "bitrate")
    assert (finding.required, finding.provided, finding.unit) == (500, 250, "kbit/s")


def test_of_modules_it_is_unknown_whether_the_controller_reads_their_sensors():
    module = part("battery-module", "acme/module", voltage_min=20, voltage_nominal=29.6, voltage_max=33.6)
    given = laid(module, part("battery-pack", "zeta/own", voltage_nominal=355, protocol="a"), place(protocol="a"))
    assert (level("protocol", given), "acme/module" in one("protocol", given).message) == ("unknown", True)


# --- messages that are missing ----------------------------------------------------------------------------------------

BOTH = pytest.mark.parametrize(("rule", "by_part"), [("messages-to-part", True), ("messages-to-host", False)])


@BOTH
def test_a_message_that_is_sent_is_ok_and_rests_on_both_sides(rule, by_part):
    finding = one(rule, talk(line(name="ASKED"), line(name="SENT"), by_part=by_part))
    assert (finding.level, finding.about, finding.provided) == ("ok", "0x100 ASKED", "0x100 SENT")
    assert sources(finding) == {"says ASKED", "says SENT"}


@BOTH
@pytest.mark.parametrize("otherwise", ["break", "degrade"])
def test_a_message_that_never_comes_is_told_with_what_is_lost(rule, by_part, otherwise):
    finding = one(rule, talk(line(lost="no charging", otherwise=otherwise), None, by_part=by_part))
    assert (finding.level, finding.provided) == (otherwise, None)
    assert finding.message.endswith("does not send it: no charging")


@BOTH
def test_the_same_name_under_another_identifier_is_another_message(rule, by_part):
    assert level(rule, talk(line(id_=0x390), line(id_=0x380), by_part=by_part)) == "break"


@BOTH
def test_what_the_other_side_sends_at_all_may_be_unknown(rule, by_part):
    waits = Spoken(requires=(line(), line(id_=0x101)))
    said = {"said_by_part": waits} if by_part else {"said_by_host": waits}
    finding = one(rule, pair(part(protocol="a"), place(), **said))
    assert (finding.level, finding.required) == ("unknown", "2 messages")


@BOTH
def test_a_pack_of_which_neither_messages_nor_their_set_are_known_is_unknown(rule, by_part):
    assert level(rule, at_home()) == "unknown"
    assert found(rule, at_home(here={"protocol": "a"})) == ()
    assert found(rule, at_home("inverter")) == ()


@BOTH
def test_messages_to_the_one_are_not_those_to_the_other(rule, by_part):
    assert found(rule, talk(line(), None, by_part=not by_part)) == ()


@BOTH
def test_modules_wait_for_nothing_and_terminals_send_nothing(rule, by_part):
    given = talk(line(), None, by_part=by_part)
    assert found(rule, pair(given.part, said_by_part=given.said_by_part, said_by_host=given.said_by_host)) == ()
    assert found(rule, talk(line(), None, by_part=by_part, module=part("battery-module"))) == ()


# --- timing ----------------------------------------------------------------------------------------------------------

TIMES = {
    "as often as it is waited for": ({"cycle_ms": 100}, 100, "ok", 50),
    "at one and a half periods it is in time": ({"cycle_ms": 100}, 150, "ok", 0),
    "later than that it is late": ({"cycle_ms": 100}, 150.1, "break", -0.1),
    "a stated time-out goes before the period": ({"cycle_ms": 10, "timeout_ms": 100}, 100, "ok", 0),
    "later than the time-out it is missing": ({"cycle_ms": 100, "timeout_ms": 120}, 121, "break", -1),
    "what may be missing degrades": ({"cycle_ms": 100, "otherwise": "degrade"}, 500, "degrade", -350),
}


@pytest.mark.parametrize(("asked", "comes_ms", "expected", "margin"), TIMES.values(), ids=TIMES)
def test_a_message_comes_as_often_as_it_is_waited_for(asked, comes_ms, expected, margin):
    finding = one("message-timing", talk(line(**asked), line(cycle_ms=comes_ms)))
    assert (finding.level, finding.margin, finding.unit, finding.provided) == (expected, margin, "ms", comes_ms)


def test_what_is_required_is_the_longest_time_that_is_in_time():
    assert one("message-timing", talk(line(cycle_ms=100), line(cycle_ms=100))).required == 150
    assert one("message-timing", talk(line(cycle_ms=100, timeout_ms=400), line(cycle_ms=100))).required == 400


def test_only_a_message_that_is_late_is_told_to_be():
    said = [one("message-timing", talk(line(cycle_ms=100), line(cycle_ms=ms))).message for ms in (100, 200)]
    assert said == ["every 100 ms", "every 200 ms, later than 150 ms"]


def test_how_often_a_message_is_sent_must_be_stated_where_somebody_waits_for_it():
    for wanted in (line(cycle_ms=10), line(timeout_ms=100)):
        (told,) = found("message-timing", talk(wanted, line()))
        assert (told.level, told.provided) == ("unknown", None)


def test_times_that_nobody_waits_for_are_no_finding():
    assert found("message-timing", talk(line(), line(cycle_ms=10))) == ()
    assert found("message-timing", talk(line(cycle_ms=10), None)) == ()


# --- checksum and counter --------------------------------------------------------------------------------------------

CHECKSUMS = [("crc8", "crc8", "ok"), ("crc8", "sum", "break"), ("crc8", None, "unknown"), (None, "crc8", None)]


@pytest.mark.parametrize(("asked", "sent", "expected"), CHECKSUMS)
def test_a_checksum_is_the_one_that_is_checked(asked, sent, expected):
    assert level("message-checks", talk(line(checksum=asked), line(checksum=sent))) == expected


def test_a_wrong_checksum_of_what_may_be_missing_degrades():
    given = talk(line(checksum="crc8", otherwise="degrade"), line(checksum="sum"))
    assert level("message-checks", given) == "degrade"


COUNTERS = {
    "the same bits under two names": (field("TICK", 0, 2), field("COUNT", 0, 2), "ok"),
    "other bits under one name": (field("TICK", 0, 2), field("TICK", 1, 2), "break"),
    "more bits": (field("TICK", 0, 2), field("TICK", 0, 4), "break"),
}


@pytest.mark.parametrize(("asked", "sent", "expected"), COUNTERS.values(), ids=COUNTERS)
def test_a_counter_is_where_it_is_looked_for(asked, sent, expected):
    given = talk(line(asked, counter=asked.name, map_="zeta"), line(sent, counter=sent.name, map_="acme"))
    finding = one("message-checks", given)
    assert (finding.level, finding.about) == (expected, "0x100 STATUS.TICK")


@pytest.mark.parametrize(("sent", "expected"), [("TICK", "ok"), ("COUNT", "unknown"), (None, "unknown")])
def test_of_a_counter_whose_bits_nobody_has_described_only_the_name_is_known(sent, expected):
    assert level("message-checks", talk(line(counter="TICK"), line(counter=sent))) == expected


def test_a_counter_that_nobody_checks_is_no_finding():
    assert found("message-checks", talk(line(), line(counter="TICK"))) == ()


@pytest.mark.parametrize("key", ["e2e_profile", "security"])
def test_profiles_of_protection_are_the_same(key):
    words = [("p1", "p1", "ok"), ("p1", "p2", "break"), ("p1", None, "unknown"), (None, None, None)]
    for own, host, expected in words:
        given = at_home(here={key: own} if own else {}, there={key: host} if host else {})
        assert level("message-checks", given) == expected


def test_a_limit_on_the_bus_is_judged_with_the_protocol():
    asks = limit("bus", "battery-pack", one_of=("ev-can",))
    given = pair(part(protocol="a", bus="car-can"), place(requires=[asks], protocol="a"))
    assert levels("protocol", given) == [("bus", "break"), ("protocol", "ok")]
