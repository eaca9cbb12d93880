"""A verdict bound to what both sides state: another fact anywhere in it is another digest, other words are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from renkei import evidence
from renkei.catalogue import Catalogue
from renkei.errors import InputError
from renkei.flows.contract import KIND, contract, digest_of, digests, sealed
from renkei.flows.judge import judge
from renkei.rules.finding import Verdict

SAID = 'source = ["book"]'
FILES = {
    "makers/acme/maker.toml": 'name = "Acme"\n[sources.book]\ntitle = "A book"\nwhere = "A shelf"\nlicence = "facts"\n',
    "makers/acme/parts/pack.toml": f'name = "Pack"\nkind = "battery-pack"\nnote = "Heavy."\n[facts]\n'
    f'mass = {{ value = 310, unit = "kg", {SAID} }}\ncooling = {{ value = "passive", {SAID} }}\n',
    "makers/acme/parts/own.toml": f'name = "Own"\nkind = "battery-pack"\n[facts]\n'
    f'mass = {{ value = 300, unit = "kg", {SAID} }}\n',
    "makers/acme/parts/axle.toml": f'name = "Axle"\nkind = "e-axle"\n[facts]\n'
    f'power_peak = {{ value = 80, unit = "kW", {SAID} }}\n[slots.inverter]\nkind = "inverter"\nfitted = "inverter"\n',
    "makers/acme/parts/inverter.toml": f'name = "Inverter"\nkind = "inverter"\n[facts]\n'
    f'dc_voltage_max = {{ value = 420, unit = "V", {SAID} }}\n',
    "makers/acme/parts/other.toml": f'name = "Other"\nkind = "battery-pack"\n[facts]\n'
    f'mass = {{ value = 1, unit = "kg", {SAID} }}\n',
    "makers/acme/vehicles/car.toml": f'name = "Car"\nyears = "2020"\npowertrain = "electric"\n[facts]\n'
    f'top_speed = {{ value = 150, unit = "km/h", {SAID} }}\n[slots.battery]\nkind = "battery-pack"\nfitted = "own"\n'
    f'[slots.battery.requires]\nmass = {{ max = 305, unit = "kg", {SAID} }}\n'
    f'[slots.e-axle]\nkind = "e-axle"\nfitted = "axle"\n',
    "aids/hoist.toml": 'name = "Hoist"\nkinds = ["battery-pack"]\nsource = ["a shop"]\n'
    '[[mends]]\nrules = ["mass"]\nwhy = "It carries it."\n',
}  # fmt: skip
PACK, CAR = "acme/pack", "acme/car"


@pytest.fixture
def private(tmp_path):
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def bound(folder: Path) -> dict[str, str]:
    return digests(Catalogue([folder]), Verdict(PACK, CAR, (), aids=("hoist",)))


def test_a_verdict_is_bound_to_subject_host_what_it_is_sold_with_and_aids(private):
    assert set(bound(private)) == {PACK, CAR, "acme/own", "acme/axle", "acme/inverter", "hoist"}


CHANGES = {
    "a fact of the subject": ("parts/pack", "value = 310", "value = 311", PACK),
    "the confidence of a fact": ("parts/pack", f'kg", {SAID}', f'kg", {SAID}, confidence = "reported"', PACK),
    "a fact of the car": ("vehicles/car", "value = 150", "value = 151", CAR),
    "what a slot asks for": ("vehicles/car", "max = 305", "max = 320", CAR),
    "a fact of the pack that the car is sold with": ("parts/own", "value = 300", "value = 299", "acme/own"),
    "a fact of the inverter inside its e-axle": ("parts/inverter", "value = 420", "value = 430", "acme/inverter"),
    "an aid": ("aids/hoist", "It carries it.", "It carries all.", "hoist"),
}


@pytest.mark.parametrize(("file", "before", "after", "whose"), CHANGES.values(), ids=CHANGES)
def test_another_statement_is_another_digest_of_that_thing_alone(private, file, before, after, whose):
    old = bound(private)
    path = private / (file if file.startswith("aids") else f"makers/acme/{file}")
    path = path.with_suffix(".toml")
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))
    new = bound(private)
    assert {id_ for id_ in old if old[id_] != new[id_]} == {whose}


WORDS = {
    "a name": ("parts/pack", 'name = "Pack"', 'name = "The pack"'),
    "a note": ("parts/pack", 'note = "Heavy."', 'note = "Very heavy."'),
    "the years of a car": ("vehicles/car", 'years = "2020"', 'years = "2021"'),
    "the order of facts": ("parts/pack", f"cooling = {{ value = \"passive\", {SAID} }}\n", ""),
    "a part that is not in it": ("parts/other", "value = 1", "value = 2"),
}  # fmt: skip


@pytest.mark.parametrize(("file", "before", "after"), WORDS.values(), ids=WORDS)
def test_other_words_change_nothing(private, file, before, after):
    old, path = bound(private), (private / f"makers/acme/{file}").with_suffix(".toml")
    text = path.read_text()
    assert before in text
    text = text.replace(before, after)
    if not after:  # put first what stood last
        text = text.replace("[facts]\n", f"[facts]\n{before}")
    path.write_text(text)
    assert bound(private) == old


def test_a_contract_holds_facts_with_source_and_confidence_and_no_words_about_it(private):
    said = contract(Catalogue([private]), PACK)
    mass = next(row for row in said["facts"] if row["fact"] == "mass")
    assert (mass["value"], mass["unit"], mass["source"], mass["confidence"]) == (310, "kg", ["book"], "published")
    assert "Heavy." not in str(said)
    assert "meaning" not in mass


def test_what_a_catalogue_does_not_have_has_no_digest(private):
    catalogue = Catalogue([private])
    assert digest_of(catalogue, "acme/nothing") is None
    assert digest_of(catalogue, "battery-module-1.0").startswith("sha256:")
    assert digest_of(catalogue, "trip-log").startswith("sha256:")


def test_a_sealed_verdict_opens_again_with_who_signed_it(private):
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    catalogue = Catalogue([private])
    verdict = judge(catalogue, PACK, CAR)
    opened, wrong = evidence.verify(sealed(catalogue, verdict, pem))
    assert wrong == []
    assert (opened.kind, opened.body["verdict"], opened.body["subject"]) == (KIND, verdict.level, PACK)
    assert opened.subjects == digests(catalogue, verdict)
    assert opened.key == key.public_key().public_bytes_raw().hex()
    assert evidence.verify(sealed(catalogue, verdict))[0].key is None


def test_the_same_verdict_is_sealed_to_the_same_bytes(private):
    def once():
        catalogue = Catalogue([private])
        return sealed(catalogue, judge(catalogue, PACK, CAR, ["hoist"]))

    assert once() == once()


def test_what_messages_mean_is_bound_too(private):
    """The same car with one row less in its map is another car."""
    own = private / "makers/nissan/maps/leaf-aze0.toml"
    own.parent.mkdir(parents=True)
    text = Catalogue().map("nissan", "leaf-aze0").file.read_text(encoding="utf-8")
    line = next(each for each in text.splitlines() if each.startswith('"Vehicle.LowVoltageSystemState"'))
    own.write_text(text.replace(line, ""), encoding="utf-8")
    theirs, ours = (contract(c, "nissan/leaf-aze0") for c in (Catalogue(), Catalogue([private])))
    assert theirs["maps"].keys() == ours["maps"].keys() == {"nissan/leaf-aze0"}
    assert theirs["maps"] != ours["maps"]
    assert {**theirs, "maps": 0} == {**ours, "maps": 0}


def test_what_no_catalogue_holds_is_not_sealed(private):
    with pytest.raises(InputError, match="only what a catalogue holds is sealed"):
        digests(Catalogue([private]), Verdict("somewhere", CAR, ()))
