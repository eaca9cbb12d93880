"""Rules of the drive as a whole: axle, torque at the wheels, top speed, losses, and range by simulation."""

from __future__ import annotations

import math
from collections.abc import Iterator

from renkei.facts import number
from renkei.parts import Part
from renkei.rules.finding import Finding, Ground
from renkei.rules.held import enough, ground
from renkei.rules.pair import Pair
from renkei.rules.rule import rule


@rule("C", "ratio", "speed_max", "torque_peak_axle", "drives_axle", "driven_axle", "axle_ratio", "top_speed",
      "rated_power", "gear_efficiency")  # fmt: skip
def drive_train(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The e-axle must drive the axle that the host has it on, up to the host's top speed, with enough torque.

    Its top speed is that of its motor through ratio and tyres. Torque at the wheels is compared with that of the e-axle
    that the car is sold with, as stated or as torque times ratio.
    """
    yield from limits
    if pair.part.kind != "e-axle" or pair.slot is None:
        return
    own, driven = pair.part.facts.get("drives_axle"), pair.facts.get("driven_axle")
    if own is not None and driven is not None:
        fits = driven.value in (own.value, "both")
        said = "the axle that the car drives" if fits else "made for the other axle: brakes, load and stability differ"
        yield Finding("drive-train", "ok" if fits else "break", "drives_axle", driven.value, own.value, None, said,
                      (ground(pair.part.id, "drives_axle", own), ground(pair.host, "driven_axle", driven)))  # fmt: skip
    else:
        silent = pair.part.id if own is None else pair.host
        yield Finding("drive-train", "unknown", "drives_axle", driven and driven.value, own and own.value, None,
                      f"{silent} does not state which axle it drives")  # fmt: skip
    yield from _at_the_wheels(pair)
    yield from _top_speed(pair)


def _at_the_wheels(pair: Pair) -> Iterator[Finding]:
    own, other = _wheel_torque(pair.part), _wheel_torque(pair.fitted) if pair.fitted else None
    if own is None or other is None:
        return
    said = "no less than the car is sold with", "less than the car is sold with"
    yield enough("drive-train", "torque_peak_axle", other[0], own[0], "Nm", said, (*own[1], *other[1]))


def _wheel_torque(part: Part) -> tuple[float, tuple[Ground, ...]] | None:
    if (stated := number(part.facts, "torque_peak_axle")) is not None:
        return stated, (ground(part.id, "torque_peak_axle", part.facts["torque_peak_axle"]),)
    torque, ratio = number(part.facts, "torque_peak"), number(part.facts, "ratio")
    if torque is None or ratio is None:
        return None
    return torque * ratio, tuple(ground(part.id, key, part.facts[key]) for key in ("torque_peak", "ratio"))


def _top_speed(pair: Pair) -> Iterator[Finding]:
    rpm, ratio = number(pair.part.facts, "speed_max"), number(pair.part.facts, "ratio")
    radius_m, asked = number(pair.facts, "tyre_radius"), number(pair.facts, "top_speed")
    if rpm is None or ratio is None or radius_m is None or asked is None:
        return
    reached = rpm / ratio * 2 * math.pi * radius_m * 60 / 1000
    told = f"{reached:.0f} km/h at {rpm:g} rpm"
    yield enough("drive-train", "top_speed", asked, reached, "km/h", (told, told),
                 (ground(pair.part.id, "speed_max", pair.part.facts["speed_max"]),
                  ground(pair.host, "top_speed", pair.facts["top_speed"])))  # fmt: skip


@rule("C", "efficiency_peak", "loss_map")
def losses(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """Losses of the drive make consumption.

    Judged as limits; what they do to the range is found by simulation, in the rule `driving`.
    """
    yield from limits


@rule(
    "J", "epa_range", "epa_city_mpge", "epa_highway_mpge", "epa_combined_mpge", "epa_factor", "wltp_range",
    "wltp_consumption", "jc08_range", "jc08_consumption", "auxiliary_power",
)  # fmt: skip
def driving(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The host must go as far, and must follow a cycle as well, as it is sold.

    Both are simulated over the same cycle, with the part and with what the maker fits. A range shorter by more than 2
    percent degrades, and so does a car that falls short of a cycle which it followed before. A simulation rests on
    named assumptions where facts are unknown: it never turns an unknown into ok, and it breaks nothing.
    `renkei drive --battery PART` shows all of it.
    """
    yield from limits
    driven = pair.driven
    if driven is None:
        return
    with_part, as_sold = driven.range_km
    if with_part is None or as_sold is None:
        if driven.why_not and pair.slot is not None:
            yield Finding("driving", "unknown", "range", as_sold, with_part, "km", driven.why_not, (), (), "at least")
        return
    rests = f", on {len(driven.assumed)} assumptions" if driven.assumed else ""
    grounds = (Ground(f"simulated over {driven.cycle}{rests}", (), "derived"),)
    told = f"{with_part:.0f} km with it, {as_sold:.0f} km as sold, simulated over {driven.cycle}"
    yield enough("driving", "range", as_sold, with_part, "km", (told, told), grounds)
    short, before = driven.behind_m
    if short > before + 1.0:
        told = f"falls {short:.0f} m short of {driven.cycle}, {before:.0f} m as sold"
        yield enough("driving", "cycle", before, short, "m", (told, told), grounds, at_most=True)
