"""All rules over a pair; a thing against a standard; and what aids make of what was found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from renkei.aid import Aid, Mend
from renkei.facts import Fact, keys_of, number
from renkei.parts import Part, Standard
from renkei.rules.finding import LEVELS, Finding, Ground, Verdict
from renkei.rules.held import demanded, held, limits_on
from renkei.rules.pair import Pair
from renkei.rules.register import PART_RULES, rule_of


def part_in_host(pair: Pair, aids: Iterable[Aid] = (), chosen: Iterable[str] = ()) -> Verdict:
    """What every rule finds of a pair. `aids`: all that are known; `chosen`: ids of those that are there."""
    found: list[Finding] = []
    for rule in PART_RULES:
        limits = (*limits_on(pair, rule.id, rule.keys), *demanded(pair, rule.id, rule.keys))
        found += rule.judge(pair, limits)
        if pair.no_place or (pair.no_layout and rule.id == "layout"):
            break  # of what is nowhere, or is no pack yet, there is nothing more to say
    if pair.is_sold:
        found = [_sold(finding) for finding in found]
    known, chosen = tuple(aids), tuple(chosen)
    mended = tuple(_mended(pair, finding, known, chosen) for finding in found)
    subject = pair.module or pair.part
    layout = pair.layout.plain() if pair.layout else None
    return Verdict(subject.id, pair.host, mended, layout, (*chosen, *pair.brought), _unstated(subject, found))


def _sold(finding: Finding) -> Finding:
    """What nobody states of two that are sold together is known all the same: it works."""
    if finding.level != "unknown":
        return finding
    return finding._replace(level="ok", message=f"not stated, but the two are sold together ({finding.message})")


def _unstated(part: Part, found: Iterable[Finding]) -> tuple[str, ...]:
    """Facts that a part of its kind may state, that it does not, and that no rule has asked for."""
    asked = {finding.about for finding in found}
    return tuple(key.name for key in keys_of(part.kind) if key.name not in part.facts and key.name not in asked)


def _mended(pair: Pair, finding: Finding, aids: tuple[Aid, ...], chosen: tuple[str, ...]) -> Finding:
    """The finding with the aids that are there; else with the names of those that would mend it."""
    helpful = [(aid, mend) for aid in aids for mend in aid.mends if _helps(pair, finding, aid, mend)]
    for aid, mend in sorted(helpful, key=lambda each: LEVELS.index(each[1].to)):
        if aid.id in chosen:
            said = f"{finding.message.removesuffix('.')}. With {aid.id}: {mend.why}"
            ground = Ground(f"{aid.name}: {mend.why}", aid.source, aid.confidence)
            return finding._replace(level=mend.to, message=said, facts=(*finding.facts, ground))
    return finding._replace(mends=tuple(dict.fromkeys(aid.id for aid, _ in helpful)))


def _helps(pair: Pair, finding: Finding, aid: Aid, mend: Mend) -> bool:
    if finding.rule not in mend.rules or LEVELS.index(finding.level) <= LEVELS.index(mend.to):
        return False
    if finding.level == "unknown" and not (mend.unknown and finding.provided is None):
        return False
    if mend.about and finding.about not in mend.about:
        return False
    part = pair.part
    host = dict(pair.facts) | (dict(pair.slot.facts) if pair.slot else {})
    light = all((value := number(part.facts, key)) is not None and value <= most for key, most in mend.at_most.items())
    return (pair.module or part).kind in aid.kinds and _has(part.facts, mend.part) and _has(host, mend.host) and light


def _has(facts: Mapping[str, Fact], asked: Mapping[str, tuple[str, ...]]) -> bool:
    return all(key in facts and facts[key].value in values for key, values in asked.items())


def against_standard(subject: str, facts: Mapping[str, Mapping[str, Fact]], standard: Standard) -> Verdict:
    """A part or car against each clause; `facts` by kind: those of the thing itself, and of its battery slot."""
    found: list[Finding] = []
    for clause in standard.clauses:
        limit, rule = clause.limit, rule_of(clause.limit.fact)
        assert rule is not None, f"{standard.id} {clause.number}: no rule judges {limit.fact}"
        fact = clause.fact_of(facts.get(limit.of, {}))
        by = f"{standard.name}, {clause.number}"
        finding = held(rule.id, limit, fact, by, subject)
        if finding.level in ("break", "degrade"):
            finding = finding._replace(message=f"{clause.title}: {clause.reason}")
        found.append(finding._replace(about=f"{clause.number} {limit.fact}"))
    return Verdict(subject, standard.id, tuple(found))
