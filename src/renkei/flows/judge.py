"""Whether anything of the catalogue works in anything else of it: by what subject and host are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from renkei.catalogue import Catalogue
from renkei.errors import InputError, UnknownName
from renkei.facts import Fact
from renkei.flows.judge_app import chosen_app, judge_app
from renkei.flows.mistaken import judged_aid, refuse_mistaken
from renkei.flows.pairs import DoNotMeet, Pairs
from renkei.parts import Part, Standard
from renkei.rules.finding import Verdict
from renkei.rules.judge import against_standard, part_in_host
from renkei.rules.pair import Pair
from renkei.rules.register import RULES
from renkei.vehicle import Vehicle
from renkei.vocabulary import Vocabulary


class Judges:
    """Judges many pairs of one catalogue. `with_`: ids of aids, and of parts that stand in the host instead of its own.

    Raises UnknownName.
    """

    def __init__(self, catalogue: Catalogue, with_: Iterable[str] = (), vocabulary: Vocabulary | None = None) -> None:
        self._catalogue, self._vocabulary = catalogue, vocabulary
        self._chosen, self._others = _with(catalogue, with_)
        self._pairs = Pairs(catalogue, self._others)
        self._aids = tuple(judged_aid(catalogue, aid, RULES) for aid in catalogue.aids)

    def judge(self, subject: str, host: str) -> Verdict:
        """The verdict on a part, app or vehicle in a vehicle or part, or by a standard.

        Raises UnknownName and InputError.
        """
        catalogue = self._catalogue
        if subject in catalogue.apps or subject.endswith(".toml"):
            if named := (*self._chosen, *(part.id for part in self._others)):
                raise InputError(f"--with {named[0]}: an app is judged without aids")
            return judge_app(catalogue, chosen_app(catalogue, subject, self._vocabulary), host, self._vocabulary)
        refuse_mistaken(catalogue, (subject, host, *(part.id for part in self._others)))
        if host in catalogue.standards:
            if named := (*self._chosen, *(part.id for part in self._others)):
                raise InputError(f"--with {named[0]}: a standard is judged without aids")
            return _by_standard(catalogue, subject, catalogue.standard(host))
        return part_in_host(self._pair(subject, host), self._aids, self._chosen)

    def _pair(self, subject: str, host: str) -> Pair:
        catalogue = self._catalogue
        if subject in catalogue.vehicles:
            raise DoNotMeet(f"{subject} is a vehicle: it is judged by a standard ({', '.join(catalogue.standards)})")
        if subject not in catalogue.parts:
            known = [*catalogue.apps, *catalogue.parts]
            raise UnknownName("subject", subject, known, "('renkei list parts' and 'renkei list apps' show all)")
        part = catalogue.part(subject)
        if host in catalogue.vehicles:
            return self._pairs.in_vehicle(part, catalogue.vehicle(host))
        if host in catalogue.parts:
            return self._pairs.in_part(part, catalogue.part(host))
        known = [*catalogue.vehicles, *catalogue.parts, *catalogue.standards]
        raise UnknownName("host", host, known, "('renkei list vehicles', 'parts' and 'standards' show all)")


def judge(
    catalogue: Catalogue, subject: str, host: str, with_: Iterable[str] = (), vocabulary: Vocabulary | None = None
) -> Verdict:
    """One verdict; as Judges."""
    return Judges(catalogue, with_, vocabulary).judge(subject, host)


def _with(catalogue: Catalogue, given: Iterable[str]) -> tuple[tuple[str, ...], tuple[Part, ...]]:
    """Aids and parts among what a verdict is asked with."""
    aids, others = [], []
    for name in given:
        if name in catalogue.aids:
            aids += [name] if name not in aids else []
        elif name in catalogue.parts:
            others.append(catalogue.part(name))
        else:
            known = [*catalogue.aids, *catalogue.parts]
            raise UnknownName("aid", name, known, "('renkei list aids' shows all; a part may be named too)")
    return tuple(aids), tuple(others)


def _by_standard(catalogue: Catalogue, subject: str, standard: Standard) -> Verdict:
    if subject in catalogue.parts:
        part = catalogue.part(subject)
        facts: Mapping[str, Mapping[str, Fact]] = {part.kind: part.facts}
        kind = part.kind
    else:
        car = catalogue.vehicle(subject)
        facts, kind = of_car(car), "vehicle"
    if kind != standard.kind:
        raise DoNotMeet(f"{subject} is a {kind}; {standard.id} is a standard for a {standard.kind}")
    return against_standard(subject, facts, standard)


def of_car(car: Vehicle) -> dict[str, Mapping[str, Fact]]:
    """The facts of a car by the kind that clauses name: its own, and those of its battery slot."""
    battery = [slot.facts for slot in car.slots.values() if slot.kind == "battery-pack"]
    return {"vehicle": car.facts, "slot": battery[0] if battery else {}}
