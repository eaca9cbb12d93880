"""The code of an app: found, loaded, and called with the options that a user gives."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from renkei.app import App
from renkei.car import Car
from renkei.errors import AppFailed, CarClosed, InputError, RenkeiError, UnknownName, clipped

Row = Mapping[str, object]
Run = Callable[..., Iterator[Row] | None]
"""`run(car, out, **options)` of an app: takes a Car and a folder for its files, and yields rows of what it has to say.

`car.watch` ends when the app is to end; what it yields then is its last row.
"""


def code_of(app: App) -> Run:
    """The function `run` of an app; raises AppFailed."""
    try:
        module = importlib.import_module(app.code) if isinstance(app.code, str) else _from_file(app, app.code)
    except RenkeiError:
        raise
    except Exception as e:  # whatever foreign code does when it is loaded
        raise AppFailed(f"{app.id}: {app.code} cannot be loaded: {_said(e)}") from e
    run = getattr(module, "run", None)
    if not callable(run):
        raise AppFailed(f"{app.id}: {app.code} has no function run(car, out)")
    return run  # type: ignore[no-any-return]


def _from_file(app: App, file: Path) -> ModuleType:
    if not file.is_file():
        raise AppFailed(f"{app.id}: no code at {file}; 'code' in {app.file} names it")
    spec = importlib.util.spec_from_file_location(f"renkei_app_{app.id.replace('-', '_')}", file)
    if spec is None or spec.loader is None:
        raise AppFailed(f"{app.id}: {file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def options_of(app: App, run: Run, given: Mapping[str, str]) -> dict[str, Any]:
    """Texts as the options of `run`, each of the type of its default; raises UnknownName and InputError."""
    known = {
        name: p.default
        for name, p in inspect.signature(run).parameters.items()
        if p.default is not inspect.Parameter.empty
    }
    options = dict[str, Any]()
    for name, text in given.items():
        if name not in known:
            has = f"(it has {', '.join(known)})" if known else "(it has none)"
            raise UnknownName(f"option of {app.id}", name, known, has)
        options[name] = _typed(name, text, known[name])
    return options


def _typed(name: str, text: str, default: object) -> object:
    if isinstance(default, bool):
        if text not in ("true", "false"):
            raise InputError(f"{name}: expected true or false, got {clipped(text)}")
        return text == "true"
    if isinstance(default, int | float):
        try:
            return type(default)(text)
        except ValueError:
            raise InputError(f"{name}: expected a number, got {clipped(text)}") from None
    return text


def rows_of(app: App, run: Run, car: Car, out: Path, options: Mapping[str, Any]) -> Iterator[Row]:
    """What an app has to say; whatever it raises that is none of our errors becomes AppFailed."""
    try:
        yield from run(car, out, **options) or ()
    except CarClosed:  # it is to end, and was asking just then
        return
    except RenkeiError:
        raise
    except Exception as e:  # foreign code: it must not take the other cars with it
        raise AppFailed(f"{app.id} on {car.vehicle or 'the car'}: {_said(e)}{_place(e)}") from e


def _said(e: Exception) -> str:
    return f"{type(e).__name__}: {' '.join(str(e).split())[:200]}".removesuffix(": ")


def _place(e: Exception) -> str:
    trace = e.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f" ({Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})" if trace else ""
