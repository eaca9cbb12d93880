"""Portraits of parts and cars, and the judgement of slots, windows and messages."""

import pytest

from renkei.catalogue import Catalogue
from renkei.flows.check import check
from renkei.flows.show import clause_rows, portrait, value_text
from renkei.flows.talk import talk_on_bus

ALL = Catalogue()
MAKER = 'name = "Acme"\nsources.book = { title = "The book", where = "acme/book", licence = "MIT" }\n'
CAR = 'name = "One"\nyears = "2020"\npowertrain = "electric"\n[facts]\ntest_mass = { value = 1, source = ["book"] }\n'


@pytest.mark.parametrize("id_", [*ALL.parts, *ALL.vehicles])
def test_a_portrait_holds_every_fact_and_names_what_is_unknown(id_):
    shown = portrait(ALL, id_)
    thing = ALL.part(id_) if id_ in ALL.parts else ALL.vehicle(id_)
    assert {f["fact"] for f in shown["facts"]} == set(thing.facts)
    assert not {f["fact"] for f in shown["facts"]} & set(shown["unknown"])
    assert all(f["source"] and f["where"] and f["text"] for f in shown["facts"])
    assert shown["unknown"]


def test_messages_by_the_name_of_a_map_have_identifier_period_and_checksum():
    talk = talk_on_bus(ALL, "nissan", ALL.part("nissan/leaf-40-pack").messages)
    status = next(m for m in talk.provides if m.name == "PACK_STATUS")
    assert (status.id, status.cycle_ms, status.checksum, status.counter) == (0x1DB, 10, "crc8-0x85", "COUNTER")


def test_a_newer_pack_waits_for_what_the_oldest_car_does_not_send():
    """The published failure: the older charger sends 0x380 and 0x5BF, the newer pack waits for 0x390 and 0x393."""

    def ids(messages):
        return {m.id for m in messages}

    def sent(car):
        return ids(talk_on_bus(ALL, "nissan", ALL.vehicle(car).slots["battery"].messages).provides)

    wanted = ids(talk_on_bus(ALL, "nissan", ALL.part("nissan/leaf-30-pack").messages).requires)
    assert wanted - sent("nissan/leaf-ze0") == {0x390, 0x393}
    assert wanted - sent("nissan/leaf-aze0") == set()
    assert {0x380, 0x5BF} <= sent("nissan/leaf-ze0")


@pytest.mark.parametrize("car", [v for v in ALL.vehicles if (s := ALL.vehicle(v).slots) and s["battery"].fitted])
def test_a_car_and_the_pack_that_is_fitted_hear_each_other(car):
    slot = ALL.vehicle(car).slots["battery"]
    maker = car.split("/")[0]
    host, pack = (talk_on_bus(ALL, maker, t) for t in (slot.messages, ALL.part(slot.fitted).messages))
    assert {m.id for m in pack.requires} <= {m.id for m in host.provides}
    assert {m.id for m in host.requires} <= {m.id for m in pack.provides}


def test_clauses_as_rows_count_every_module():
    rows = clause_rows(ALL, ALL.standard("battery-module-1.0"))
    modules = {p for p in ALL.parts if ALL.part(p).kind == "battery-module"}
    assert all({*r["meets"], *r["misses"], *r["unknown"]} == modules for r in rows)


def test_values_in_few_words():
    assert value_text(True) == "yes"
    assert value_text(405.5) == "405.5"
    assert value_text(["ac", "dc"]) == "ac, dc"
    assert value_text({"soc": (0.0, 1.0), "voltage": (3.0, 4.0)}) == "table of 2 rows: soc, voltage"


def faults(folder, **files):
    for name, text in files.items():
        file = folder / "makers/acme" / f"{name.replace('__', '/')}.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (folder / "makers/acme/maker.toml").write_text(MAKER)
    return check(Catalogue([folder]), only_private=True).faults


PACK = 'name = "P"\nkind = "battery-pack"\n'
ZE1 = "map = 'nissan/leaf-ze1', source = ['book']"
FAULTS = {
    "a part that does not exist": (
        {"vehicles__one": CAR + '[slots.battery]\nkind = "battery-pack"\nfitted = "too"', "parts__two": PACK},
        "slots.battery.fitted", "expected a part that exists, got 'acme/too'; did you mean 'acme/two'?"),
    "a part of another kind": (
        {"vehicles__one": CAR + '[slots.battery]\nkind = "battery-pack"\nfitted = "nissan/em57-110-e-axle"'},
        "slots.battery.fitted",
        "expected a part of kind battery-pack, not e-axle, got 'nissan/em57-110-e-axle'"),
    "a part that its own slot refuses": (
        {"vehicles__one": CAR + '[slots.battery]\nkind = "battery-pack"\nfitted = "nissan/leaf-40-pack"\n'
         '[slots.battery.requires]\nmass = { max = 300, source = ["book"] }'},
        "slots.battery.requires.mass",
        "expected a limit that nissan/leaf-40-pack keeps, which is fitted and has 303, got 'at most 300'"),
    "a window upside down": (
        {"parts__two": PACK + "[facts]\nvoltage_min = { value = 400, source = ['book'] }\n"
         "voltage_max = { value = 300, source = ['book'] }"},
        "facts.voltage_min", "expected less than voltage_max, 300 V, got 400"),
    "a checksum that is none": (
        {"parts__two": PACK + "[messages.provides]\n'can.0x1DB' = { checksum = 'crc8-0x86', source = ['book'] }"},
        "messages.provides.can.0x1DB.checksum",
        "expected a checksum of 'renkei list checksums', got 'crc8-0x86'; did you mean 'crc8-0x85'?"),
    "a message that its map does not know": (
        {"parts__two": PACK + f"[messages.provides]\n'ev-can.PACK_STATSU' = {{ {ZE1} }}"},
        "messages.provides.ev-can.PACK_STATSU",
        "expected a message on ev-can of map nissan/leaf-ze1, got 'PACK_STATSU'; did you mean 'PACK_STATUS'?"),
    "a bus that its map does not have": (
        {"parts__two": PACK + f"[messages.provides]\n'ev-cna.PACK_STATUS' = {{ {ZE1} }}"},
        "messages.provides.ev-cna.PACK_STATUS",
        "expected a bus of map nissan/leaf-ze1, got 'ev-cna'; did you mean 'ev-can'?"),
    "a misspelt fact": (
        {"parts__two": PACK + "[facts]\nmas = { value = 1, source = ['book'] }"},
        "facts.mas", "expected a fact that 'renkei list facts' names, got 'mas'; did you mean 'mass'?"),
    "a file where parts are not": (
        {"part__two": PACK}, "", "nothing reads this folder; did you mean 'parts'?"),
}  # fmt: skip


@pytest.mark.parametrize(("files", "key", "what"), FAULTS.values(), ids=FAULTS)
def test_the_check_finds(tmp_path, files, key, what):
    (fault,) = faults(tmp_path, **files)
    assert (fault.key, fault.what) == (key, what)
