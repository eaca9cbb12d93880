"""What a car offers when it is simulated: what apps can set on it, and all that it says where it has no map."""

from __future__ import annotations

from renkei.can.plan import SetAside
from renkei.catalogue import Catalogue
from renkei.errors import CannotTell, NoMap, RenkeiError
from renkei.flows.offers import Offer, fixed, offers
from renkei.flows.plans import plan_of
from renkei.flows.virtual import UNMAPPED_S, settable_paths
from renkei.flows.virtual_car import virtual_car
from renkei.flows.virtual_values import voice, wishes_voice
from renkei.vocabulary import Signal, Vocabulary, builtin

VIRTUAL_ONLY = "virtual only"
SIMULATED = "simulated"


def offers_with_virtual(
    catalogue: Catalogue, vehicle: str, vocabulary: Vocabulary | None = None
) -> tuple[list[Offer], tuple[SetAside, ...]]:
    """The signals of a car by path, with those that only its virtual car has; see `Offer.settable_virtual`.

    Raises UnknownName; NoMap where the car has no map and too little is known of it for a virtual one.
    """
    car, chosen = catalogue.vehicle(vehicle), vocabulary or builtin()
    refused: RenkeiError | None = None
    try:
        virtual_car(catalogue, vehicle)
    except RenkeiError as e:
        refused = e
    if car.known_map is None:
        if refused is not None:
            raise NoMap(vehicle) if isinstance(refused, CannotTell) else refused
        settable = set(settable_paths(None, chosen))
        paths = voice(chosen).paths | wishes_voice(chosen).paths
        attributes = [o for o in _attributes(catalogue, vehicle, chosen) if o.signal not in paths]
        said = [_simulated(chosen[path], path in settable) for path in paths]
        return sorted([*attributes, *said], key=lambda o: o.signal), ()
    found, set_aside = offers(car, vocabulary)
    if refused is not None:
        return found, set_aside
    settable = set(settable_paths(plan_of(car.map, vocabulary), chosen))
    known = {o.signal for o in found}
    more = [_simulated(chosen[path], True)._replace(access=VIRTUAL_ONLY) for path in settable - known]
    both = [o._replace(settable_virtual=o.signal in settable) for o in found]
    return sorted([*both, *more], key=lambda o: o.signal), set_aside


def _attributes(catalogue: Catalogue, vehicle: str, vocabulary: Vocabulary) -> list[Offer]:
    attributes = catalogue.vehicle(vehicle).attributes
    return [fixed(vocabulary[path], fact) for path, fact in attributes.items() if path in vocabulary]


def _simulated(signal: Signal, settable: bool) -> Offer:
    return Offer(
        signal.path, signal.kind, signal.datatype, signal.unit, 1 / UNMAPPED_S, None, SIMULATED, "broadcast", "no",
        None, SIMULATED, (), None, signal.description, settable,
    )  # fmt: skip
