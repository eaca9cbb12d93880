"""The public API: what `import renkei` gives, and that no module of the package takes its place."""

from __future__ import annotations

import inspect
import pkgutil

import pytest

import renkei
from renkei.errors import InputError, UnknownName

PACK, CAR = "nissan/leaf-40-pack", "nissan/leaf-aze0"


def test_no_module_is_called_like_a_function_of_the_api():
    assert {module.name for module in pkgutil.iter_modules(renkei.__path__)} & set(renkei.__all__) == set()
    assert all(inspect.isfunction(getattr(renkei, name)) for name in renkei.__all__)


def test_fit_judges_again_and_again():
    levels = [renkei.fit(PACK, CAR, with_=aids).level for aids in ((), ("bridge",), ())]
    assert levels == ["break", "ok", "break"]


def test_fit_gives_the_finding_that_binds_first():
    first = renkei.fit(PACK, CAR).first_limit
    assert first is not None
    assert (first.rule, first.mends) == ("protocol", ("bridge",))


def test_what_is_wrong_is_raised_as_it_is_told_on_the_command_line():
    with pytest.raises(UnknownName, match="did you mean 'nissan/leaf-40-pack'"):
        renkei.fit("nissan/leaf-40-pak", CAR)
    with pytest.raises(InputError, match="an app is judged without aids"):
        renkei.fit("trip-log", CAR, with_=["bridge"])
