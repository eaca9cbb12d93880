"""renkei prove, identify, verify: what recordings say of a map, and evidence that can be shown without them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from renkei.aside import aside
from renkei.cli import say
from renkei.cli.keys import content, public_key, signing_key
from renkei.errors import InputError

if TYPE_CHECKING:
    from renkei.evidence import Evidence
    from renkei.flows.identify import Candidate
    from renkei.flows.prove import Proof

TimeUnit = Annotated[str | None, typer.Option(metavar="UNIT", help="Unit of bare times in the log: s, ms, us or ns.")]

_EXIT = {"supports": 0, "refutes": 1, "unknown": 3}


def add_to(app: typer.Typer) -> None:
    app.command()(prove)
    app.command()(identify)
    app.command()(verify)


def prove(
    vehicle: Annotated[str, typer.Argument(help="The car whose map is judged; see 'renkei list vehicles'.")],
    logs: Annotated[list[Path], typer.Argument(metavar="LOG...", help="CAN recordings, in any dialect, also gzipped.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE.json", help="Write the evidence, sealed, to FILE.")] = None,
    sign: Annotated[
        Path | None, typer.Option(metavar="KEY.pem", help="Sign the evidence with an ed25519 private key.")
    ] = None,
    bus: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=CHANNEL", help="The log's channel of a bus; found out where not given."),
    ] = None,
    time_unit: TimeUnit = None,
    every: Annotated[bool, typer.Option("--all", help="Show every check, also those that weigh nothing.")] = False,
    data: say.Data = None,
    vss: say.Vss = None,
    json: say.AsJson = False,
) -> None:
    """Judge the map of a car by recordings: exit 0 if they support it, 1 if they refute it, 3 if they cannot tell.

    Example: renkei prove nissan/leaf-ze1-40 drive.log --out evidence.json
    """
    if sign and not out:
        raise InputError("--sign KEY.pem: expected --out FILE.json too, the evidence that is to be signed")
    key = signing_key(sign) if sign else None
    from renkei import vocabulary
    from renkei.catalogue import Catalogue
    from renkei.flows.prove import prove as judge

    with say.progress("proving") as bar:
        chosen = vocabulary.load(vss) if vss else None
        proof = judge(logs, vehicle, Catalogue(data or []), chosen, _pairs(bus or []), time_unit, bar)
    if out:
        with aside(out) as beside:
            beside.write_bytes(proof.sealed(key))
    if json:
        say.as_json(proof.as_json() | {"logs": [str(log) for log in logs], "out": str(out) if out else None})
    else:
        _tell(proof, out, every)
    hint = "'renkei identify LOG' tells which car it may be of"
    if proof.verdict == "unknown":
        say.note(f"too little of {vehicle} is in it to judge its map; {hint}")
    elif not proof.is_covered:
        say.note(f"hardly anything in it is from {vehicle}; {hint}")
    raise typer.Exit(_EXIT[proof.verdict])


def identify(
    log: Annotated[Path, typer.Argument(metavar="LOG", help="A CAN recording, in any dialect, also gzipped.")],
    time_unit: TimeUnit = None,
    every: Annotated[bool, typer.Option("--all", help="Show also the cars that it refutes.")] = False,
    data: say.Data = None,
    vss: say.Vss = None,
    json: say.AsJson = False,
) -> None:
    """Rank the known cars by what a recording says for and against each; exit 3 if it is of none of them.

    Cars between which it does not decide are told with the facts that would.

    Example: renkei identify drive.log
    """
    from renkei import vocabulary
    from renkei.catalogue import Catalogue
    from renkei.flows.identify import identify as ranked

    with say.progress("identifying") as bar:
        found = ranked(log, Catalogue(data or []), vocabulary.load(vss) if vss else None, time_unit, bar)
    if json:
        say.as_json([candidate.as_json() for candidate in found])
    else:
        _tell_candidates(found, every)
    if not any(candidate.verdict == "supports" for candidate in found):
        say.note(f"{log}: no known vehicle fits it")
        raise typer.Exit(3)


def verify(
    evidence: Annotated[
        Path, typer.Argument(metavar="EVIDENCE", help="A file that 'renkei prove' or 'renkei fit' wrote.")
    ],
    key: Annotated[
        Path | None, typer.Option(metavar="PUB.pem", help="The ed25519 public key that must have signed it.")
    ] = None,
    log: Annotated[
        list[Path] | None, typer.Option(metavar="LOG", help="Check that it speaks of this recording; may be repeated.")
    ] = None,
    vehicle: Annotated[
        str | None, typer.Option(metavar="ID", help="Check that it speaks of the map that this car has here.")
    ] = None,
    here: Annotated[
        bool, typer.Option("--here", help="Check that all it speaks of is stated here as it was there: of a verdict.")
    ] = False,
    data: say.Data = None,
    vss: say.Vss = None,
    json: say.AsJson = False,
) -> None:
    """Check evidence: exit 0 if it is whole, 1 if it was changed, is not signed by the key, or is of other logs.

    Example: renkei verify evidence.json --key partner.pem
    """
    from renkei import evidence as sealed

    try:
        found, wrong = sealed.verify(content(evidence, sealed.MAX_BYTES), public_key(key) if key else None)
    except sealed.EvidenceError as e:
        raise sealed.EvidenceError(f"{evidence}: {e}") from e
    wrong += [f"it does not speak of {file}" for file in log or [] if _digest(file) not in found.subjects.values()]
    if vehicle and found.subjects.get("map") != _map_digest(vehicle, data or [], vss):
        wrong.append(f"it does not speak of the map that {vehicle} has here")
    if here:
        wrong += _stated_otherwise(found, data or [])
    if json:
        say.as_json(
            {
                "kind": found.kind, "subjects": dict(found.subjects), "digest": found.digest, "key": found.key,
                "holds": not wrong, "findings": wrong, "body": dict(found.body),
            }
        )  # fmt: skip
    else:
        _tell_evidence(evidence, found, wrong, whose_key_is_known=key is not None)
    raise typer.Exit(1 if wrong else 0)


def _stated_otherwise(found: Evidence, data: list[Path]) -> list[str]:
    from renkei.catalogue import Catalogue
    from renkei.flows.contract import digest_of

    catalogue = Catalogue(data)
    own = {subject: digest_of(catalogue, subject) for subject in found.subjects}
    return [
        f"{subject}: {'it is stated otherwise here' if own[subject] else 'nothing of that name is known here'}"
        for subject, digest in found.subjects.items()
        if own[subject] != digest
    ]


def _tell_candidates(found: list[Candidate], every: bool) -> None:
    shown = [candidate for candidate in found if every or candidate.verdict != "refutes"]
    places = dict[str, int]()
    for n, candidate in enumerate(shown, 1):
        places[candidate.vehicle] = place = min([n, *(places[tied] for tied in candidate.ties if tied in places)])
        say.line(f"{place}. {candidate.vehicle}: {candidate.verdict}")
        for reason in candidate.reasons:
            say.line(f"     {reason}")
        for other, facts in candidate.ties.items():
            telling = "; ".join(facts) or "nothing that the catalogue knows"
            say.line(f"     not told apart from {other} by this recording; what would: {telling}")
    if rest := len(found) - len(shown):
        say.line(f"{say.several(rest, 'car')} refuted; see --all")


def _tell_evidence(file: Path, found: Evidence, wrong: list[str], *, whose_key_is_known: bool) -> None:
    signed = "not signed" if found.key is None else f"signed by {found.key}"
    if found.key is not None and not whose_key_is_known:
        signed += ", a key that nobody has vouched for here"
    say.line(f"{file}: {found.kind}, {'does not hold' if wrong else 'holds'}, {signed}")
    for what in wrong:
        say.line(f"  {what}")
    for subject, digest in found.subjects.items():
        say.line(f"  {subject}: {digest}")
    if "verdict" in found.body:
        whose = [found.body[key] for key in ("vehicle", "subject", "host") if key in found.body]
        say.line(f"  states: {' in '.join(map(str, whose))}: {found.body['verdict']}")


def _tell(proof: Proof, out: Path | None, every: bool) -> None:
    words = {"supports": "supported", "refutes": "refuted", "unknown": "not judged: the recording holds too little"}
    say.line(f"{proof.vehicle}: {words[proof.verdict]}")
    for recording in proof.recordings:
        share = recording.explained / recording.frames
        say.line(f"  {recording.frames:,} frames over {recording.seconds:,.1f} s, {share:.1%} explained")
    shown = [c for c in proof.checks if every or c.level == "refutes" or (c.strong and c.level == "supports")]
    order = ("refutes", "supports", "note", "unknown")
    shown.sort(key=lambda c: order.index(c.level))
    say.table(["level", "check", "measured", "expected"], [[c.level, c.check, c.measured, c.expected] for c in shown])
    rest = len(proof.checks) - len(shown)
    if rest:
        say.line(f"  {say.several(rest, 'check')} more that weigh nothing; see --all")
    if proof.unjudged and proof.verdict == "supports":
        many = say.several(len(proof.unjudged), "signal")
        say.line(f"  scale and sign of {many} rest on the map alone: no relation judged them (--json names them)")
    if out:
        say.line(f"  written to {out}")


def _pairs(given: list[str]) -> dict[str, str]:
    for text in given:
        if not all(text.partition("=")):
            raise InputError(f"--bus {text}: expected NAME=CHANNEL, for example ev-can=can1")
    return {name: channel for name, _, channel in (text.partition("=") for text in given)}


def _map_digest(vehicle: str, data: list[Path], vss: Path | None) -> str:
    from renkei import vocabulary
    from renkei.catalogue import Catalogue
    from renkei.flows.prove import map_digest

    return map_digest(Catalogue(data).vehicle(vehicle).map, vocabulary.load(vss) if vss else vocabulary.builtin())


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return "sha256:" + hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as e:
        raise InputError(f"{file}: {e.strerror or e}") from e
