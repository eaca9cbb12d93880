"""Three apps at once on cars of three makers, with tokens of each maker's issuer and scopes from the manifests."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from running import RENKEI, Up, renkei

from renkei.app import scopes_of
from renkei.catalogue import Catalogue

CARS = ("nissan/leaf-ze1-40", "honda/clarity-ev", "mitsubishi/i-miev")
APPS = ("trip-log", "energy-range", "battery-report")


@pytest.fixture(scope="module")
def trust(tmp_path_factory):
    """A folder with an issuer for each maker, and the token of each app by each of them."""
    folder = tmp_path_factory.mktemp("trust")
    for maker in {car.split("/")[0] for car in CARS}:
        assert renkei("issuer", maker, "--maker", maker, "--out", folder).returncode == 0
        for app in APPS:
            made = renkei("token", folder / f"{maker}.key.pem", "--issuer", maker, "--app", app)
            (folder / f"{maker}.{app}.jwt").write_text(made.stdout)
    return folder


@pytest.fixture(scope="module")
def up(trust):
    cars = [word for car in CARS for word in ("--vehicle", car)]
    with Up(*cars, "--speed", 20, "--trust", trust / "trust.toml") as opened:
        yield opened


def asked(up, trust, app, cars, **tokens):
    """A run for three seconds, each car with the token of its maker unless told otherwise."""
    words = ["run", app, "--server", f"localhost:{up.ports[CARS[0]]}", "--seconds", 3, "--speed", 20, "--json"]
    for car in cars:
        maker = car.split("/")[0]
        words += ["--vehicle", car, "--token", f"{car}={trust / tokens.get(maker, f'{maker}.{app}.jwt')}"]
    return [*RENKEI, *map(str, words), "--out", str(trust / "out")]


def test_three_apps_run_at_once_on_cars_of_three_makers(up, trust):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    runs = {app: subprocess.Popen(asked(up, trust, app, CARS), **pipes) for app in APPS}
    for app, run in runs.items():
        said, wrong = run.communicate(timeout=60)
        assert (run.returncode, wrong) == (0, ""), app
        last = {row["vehicle"]: row for row in map(json.loads, said.splitlines())}
        assert set(last) == set(CARS)
        if app == "trip-log":
            assert all(row["samples"] > 50 for row in last.values())
        else:
            key = "given_kwh" if app == "energy-range" else "energy_out_kwh"
            assert all(row[key] > 0 for row in last.values())


def test_the_token_of_another_maker_or_of_another_app_is_refused(up, trust):
    for token, said in (
        ("honda.trip-log.jwt", "does not cover nissan/leaf-ze1-40"),
        ("nissan.battery-report.jwt", "does not allow to read"),
    ):
        command = asked(up, trust, "trip-log", CARS[:1], nissan=token)
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_car_that_refuses_the_app_is_told_and_the_others_go_on(up, trust):
    command = asked(up, trust, "trip-log", CARS, nissan="honda.trip-log.jwt")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "does not cover nissan/leaf-ze1-40" in done.stderr
    assert done.stderr.count("\n") == 1
    assert {json.loads(line)["vehicle"] for line in done.stdout.splitlines()} == set(CARS[1:])


def test_where_every_car_refuses_nothing_runs(up, trust):
    tokens = {"nissan": "honda.trip-log.jwt", "honda": "nissan.trip-log.jwt"}
    command = asked(up, trust, "trip-log", CARS[:2], **tokens)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert [car for car in CARS[:2] if f"does not cover {car}" in done.stderr] == list(CARS[:2])


@pytest.mark.parametrize("app", APPS)
def test_every_scope_of_an_app_is_one_that_servers_understand(app):
    from renkei.authority.scopes import rights_of

    found = Catalogue().app(app)
    rights = rights_of(" ".join(scopes_of(found)))
    assert all(rights.may("read", path) for path in found.needs)
    assert not rights.may("actuate", "Vehicle.Speed")
    assert not rights.may("read", "Vehicle.VehicleIdentification.VIN")


def test_apps_are_loaded_when_they_run_and_not_before():
    loaded = "import sys, renkei.cli.main; print([m for m in sys.modules if m.startswith(('renkei.apps', 'pyarrow'))])"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"
