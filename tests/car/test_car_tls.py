"""A car behind a port that speaks TLS: whom a program believes, what it shows, and what it is told where that fails."""

import asyncio
import sys
from pathlib import Path

import pytest
from open_car import ONE, OpenCars

import renkei
from renkei.doors.tls import Certificates, Tls
from renkei.errors import DoorError, InputError, Unreachable

sys.path.append(str(Path(__file__).parents[1] / "doors"))
from certified import Certified

SPEED = "Vehicle.Speed"


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    return Certified(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    return Certified(tmp_path_factory.mktemp("foreign"))


def opened(tls):
    cars = OpenCars(ONE, tls=tls)
    cars.publish(ONE, {SPEED: 50.0})
    return cars


@pytest.fixture(scope="module")
def tls(certified):
    cars = opened(Certificates(Tls(*certified.server)))
    yield cars.ports[ONE]
    cars.close()


@pytest.fixture(scope="module")
def mutual(certified):
    cars = opened(Certificates(Tls(*certified.server, certified.folder / "ca.pem")))
    yield cars.ports[ONE]
    cars.close()


def speed(where, **options):
    with renkei.connect(where, ONE, timeout_s=5, **options) as car:
        return car.get(SPEED).value


def shown(certified):
    cert, key = certified.client
    return {"cert": cert, "key": key}


def test_a_server_is_believed_by_the_authority_that_signed_it(certified, tls):
    ca = certified.folder / "ca.pem"
    assert [speed(tls, ca=each) for each in (ca, str(ca), ca.read_bytes())] == [50.0] * 3
    assert speed(f"127.0.0.1:{tls}", ca=ca) == 50.0


def test_a_server_that_knows_its_clients_by_certificates(certified, foreign, mutual):
    ca = certified.folder / "ca.pem"
    assert speed(mutual, ca=ca, **shown(certified)) == 50.0
    contents = {name: file.read_bytes() for name, file in shown(certified).items()}
    assert speed(mutual, ca=ca, **contents) == 50.0
    for pair in ({}, shown(foreign)):
        with pytest.raises(Unreachable, match="may want a certificate of its clients"):
            speed(mutual, ca=ca, **pair)


def test_the_same_for_an_event_loop(certified, mutual):
    async def first():
        where = f"localhost:{mutual}"
        async with renkei.connect_async(where, ONE, ca=certified.folder / "ca.pem", **shown(certified)) as car:
            async for reading in car.watch(SPEED):
                return (await car.get(SPEED)).value, reading.value

    assert asyncio.run(first()) == (50.0, 50.0)


def test_a_server_of_another_authority_is_not_believed(foreign, tls):
    with pytest.raises(DoorError, match="its certificate is of another authority"):
        speed(tls, ca=foreign.folder / "ca.pem")


def test_who_speaks_no_tls_or_alone_does_is_told_so(certified, tls):
    with pytest.raises(Unreachable, match="if it speaks TLS, say whose certificates to believe"):
        speed(tls)
    plain = OpenCars(ONE)
    try:
        with pytest.raises(DoorError, match="speaks no TLS"):
            speed(plain.ports[ONE], ca=certified.folder / "ca.pem")
    finally:
        plain.close()


WRONG = {
    "a file that is not there": ({"ca": "none.pem"}, "ca 'none.pem': cannot be read: No such file or directory"),
    "a key in place of certificates": ({"ca": "client.key"}, "ca 'client.key': expected certificates in PEM"),
    "nothing at all": ({"ca": b""}, "ca: expected certificates in PEM"),
    "a certificate without a key": ({"ca": "ca.pem", "cert": "client.pem"}, "expected cert and key, both or none"),
    "a pair without whom to believe": ({"cert": "client.pem", "key": "client.key"}, "cert and key: expected ca too"),
    "no key": ({"ca": "ca.pem", "cert": "client.pem", "key": "ca.pem"}, "key 'ca.pem': expected a private key in PEM"),
    "another's key": (
        {"ca": "ca.pem", "cert": "client.pem", "key": "server.key"},
        "key 'server.key': is not the key of cert 'client.pem'",
    ),
}


@pytest.mark.parametrize(("given", "told"), WRONG.values(), ids=WRONG)
def test_files_that_do_not_do_are_told_at_once_and_by_name(certified, given, told, monkeypatch):
    monkeypatch.chdir(certified.folder)
    with pytest.raises(InputError) as e:
        renkei.connect(55555, ONE, **given)
    assert told in str(e.value)
    assert "\n" not in str(e.value)
