"""renkei issuer, token and audit: who may do what in whose car, and what was done."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli import say
from renkei.errors import InputError, OutputError, clipped

if TYPE_CHECKING:
    from renkei.authority.scopes import Rights

_HOUR_S = 3600.0


def add_to(app: typer.Typer) -> None:
    app.command()(issuer)
    app.command()(token)
    app.command()(audit)


def issuer(
    name: Annotated[str, typer.Argument(help="Who signs: letters, digits, dots and dashes.")],
    maker: Annotated[list[str], typer.Option(metavar="MAKER", help="Whose cars it may speak for; repeat for several.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where its keys and trust.toml go.")] = Path(),
    priority: Annotated[
        int,
        typer.Option(
            "--highest-priority", "--priority", metavar="N", min=0, max=9, help="Highest priority of its tokens."
        ),
    ] = 0,
) -> None:
    """Make an issuer for development: a key pair, and its entry in trust.toml.

    Example: renkei issuer acme --maker nissan --out trust
    """
    from renkei.authority.keys import new_key
    from renkei.authority.trust import read_trust
    from renkei.catalogue import Catalogue
    from renkei.errors import UnknownName

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]{0,100}", name):
        raise InputError(f"NAME: expected letters, digits, dots and dashes, got {clipped(name)}")
    for each in maker:
        if each not in (known := Catalogue().makers) and each != "*":
            raise UnknownName("maker", each, known)
    trust, private, public = out / "trust.toml", out / f"{name}.key.pem", out / f"{name}.pub.pem"
    if trust.exists() and name in read_trust(trust).issuers:
        raise InputError(f"{trust}: issuer '{name}' is in it already")
    key = new_key()
    makers = ", ".join(f'"{each}"' for each in maker)
    entry = (
        f'[[issuer]]\nname = "{name}"\nmakers = [{makers}]\nhighest_priority = {priority}\nrevoked = []\n'
        f'key = [{{ kid = "{key.kid}", pem = "{public.name}" }}]\n'
    )
    before = trust.read_text(encoding="utf-8") + "\n" if trust.exists() else ""
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write_secret(private, key.private)
        public.write_bytes(key.public)
        aside = trust.with_name(trust.name + ".new")
        aside.write_text(before + entry, encoding="utf-8")
        aside.replace(trust)
    except OSError as e:
        raise OutputError(f"{out}: cannot be written: {e.strerror}") from e
    say.line(f"{trust}: issuer '{name}' may speak for the cars of {', '.join(maker)}; its private key is {private}")


def _write_secret(file: Path, content: bytes) -> None:
    """A new file that its owner alone may read."""
    try:
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as e:
        raise OutputError(f"{file}: exists; a private key is not written over") from e
    with os.fdopen(opened, "wb") as out:
        out.write(content)


def token(
    key: Annotated[Path, typer.Argument(metavar="KEY.pem", help="The private key of the issuer.")],
    issuer: Annotated[str, typer.Option(metavar="NAME", help="The issuer, as the trust file names it.")],
    app: Annotated[
        str | None, typer.Option(metavar="APP", help="An app of the catalogue or its manifest: its scopes, priority.")
    ] = None,
    scope: Annotated[
        list[str] | None, typer.Option(metavar="SCOPE", help="Such as read:Vehicle.Speed; repeat for several.")
    ] = None,
    vehicle: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this car of the issuer's makers; repeat for several.")
    ] = None,
    subject: Annotated[str | None, typer.Option(metavar="NAME", help="Who shows it; else the app.")] = None,
    priority: Annotated[int | None, typer.Option(metavar="N", min=0, max=9, help="Else that of the app, or 0.")] = None,
    hours: Annotated[float, typer.Option(metavar="H", min=0.001, max=87_600, help="How long it holds.")] = 24.0,
    kid: Annotated[str | None, typer.Option(metavar="ID", help="Key id; else as 'renkei issuer' names keys.")] = None,
    data: say.Data = None,
) -> None:
    """Print a token for an app, or with scopes of your own, signed with the key of an issuer.

    Example: renkei token trust/acme.key.pem --issuer acme --app trip-log
    """
    from renkei.authority.keys import kid_of
    from renkei.authority.tokens import claims_of, issue

    scopes, named, ranked = list(scope or []), subject, priority
    if app is not None:
        manifest = _app(app, data or [])
        from renkei.app import scopes_of

        scopes += scopes_of(manifest)
        named, ranked = named or manifest.id, manifest.priority if ranked is None else ranked
    if not scopes:
        raise InputError("expected --app APP or --scope SCOPE: without one a token allows nothing")
    try:
        pem = key.read_bytes()
    except OSError as e:
        raise InputError(f"{key}: cannot be read: {e.strerror}") from e
    claims = claims_of(
        issuer, named or "developer", " ".join(scopes), time.time(), hours * _HOUR_S, ranked or 0, vehicle or []
    )
    try:
        kid = kid or kid_of(pem)
        made = issue(claims, pem, kid)
    except InputError as e:
        raise InputError(f"{key}: {e}") from e
    say.line(made)
    trust = key.parent / "trust.toml"
    if trust.exists():
        for line in _beyond(trust, issuer, kid, scopes, ranked or 0, vehicle or []):
            say.note(f"{trust}: {line}")


def _beyond(
    file: Path, name: str, kid: str, scopes: list[str], priority: int, vehicles: list[str]
) -> Iterator[str]:  # fmt: skip
    """What a server with this trust file will not grant of a token, in a line each."""
    from renkei.authority.trust import EVERY_MAKER, read_trust
    from renkei.errors import nearest

    try:
        trust = read_trust(file)
    except InputError as e:
        yield f"cannot be read, so that the token is not held against it: {str(e).removeprefix(f'{file}: ')}"
        return
    known = trust.issuers.get(name)
    if known is None:
        near = nearest(name, trust.issuers)
        yield f"no issuer '{name}', so that this token is refused" + (f"; did you mean '{near}'?" if near else "")
        return
    if kid not in known.keys:
        yield f"key {clipped(kid)} is none of issuer '{name}', so that this token is refused"
    if priority > known.highest_priority:
        yield f"issuer '{name}' grants priority {known.highest_priority} at most, and the token asks for {priority}"
    for scope in dict.fromkeys(word for text in scopes for word in text.split()):
        if not _covered(known.ceiling, scope):
            yield f"issuer '{name}' does not grant all of {scope}"
    for vehicle in vehicles:
        if EVERY_MAKER not in known.makers and vehicle.partition("/")[0] not in known.makers:
            yield f"issuer '{name}' speaks for cars of {', '.join(sorted(known.makers))} alone, not for {vehicle}"


def _covered(ceiling: Rights, scope: str) -> bool:
    """Whether a ceiling leaves a scope whole, as far as the signals of the built-in vocabulary tell."""
    from renkei.authority.scopes import ACTIONS, ALL, rights_of
    from renkei.vocabulary import builtin

    if ceiling == ALL:
        return True
    asked = rights_of(scope)
    paths = [signal.path for signal in builtin().signals]
    return not any(asked.may(a, p) and not ceiling.may(a, p) for a in ACTIONS for p in paths)


def _app(app: str, data: list[Path]):  # type: ignore[no-untyped-def]
    if app.endswith(".toml"):
        from renkei.catalogue.app_files import read_app

        return read_app(Path(app))
    from renkei.catalogue import Catalogue

    return Catalogue(data).app(app)


def audit(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="What 'renkei up --audit FILE' wrote; renamed parts first, in order."),
    ],
    json: say.AsJson = False,
) -> None:
    """Follow the chain of an audit log: exit 0 if every line is there as it was written, 1 if not.

    Exit 3 where a file goes on from one that was not given.

    Example: renkei audit audit.jsonl.1 audit.jsonl
    """
    from renkei.authority.audit import check_parts

    parts = check_parts(files)
    if json:
        found = [part._asdict() | {"file": str(part.file)} for part in parts]
        say.as_json({"broken": parts[-1].broken, "files": found})
    else:
        for file, lines, _, broken in parts:
            held = say.several(lines, "line")
            say.line(
                f"{file}: {broken}; {held} before it hold" if broken else f"{file}: {held}, none changed or missing"
            )
    raise typer.Exit(1 if parts[-1].broken else 0)
