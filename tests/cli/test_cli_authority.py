"""renkei issuer, token, audit and the options of up that keep a server safe, as a user types them."""

from __future__ import annotations

import base64
import json
import signal
import stat
import sys
from pathlib import Path

import grpc
import pytest
from command import renkei

sys.path.append(str(Path(__file__).parents[1] / "flows"))
from running import Up

from renkei.authority.trust import read_trust
from renkei.doors.kuksa.client import KuksaClient

OWN, OTHER = "nissan/leaf-ze1-40", "honda/clarity-ev"
SPEED = "Vehicle.Speed"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Issuers of two makers, made as the documentation says."""
    folder = tmp_path_factory.mktemp("trust")
    for name, maker in (("nissan-id", "nissan"), ("honda-id", "honda")):
        made = renkei("issuer", name, "--maker", maker, "--out", folder, "--priority", "5")
        assert (made.returncode, made.stderr) == (0, "")
    return folder


def token(folder, *options, issuer="nissan-id"):
    made = renkei("token", folder / f"{issuer}.key.pem", "--issuer", issuer, *options)
    assert (made.returncode, made.stderr) == (0, "")
    return made.stdout.strip()


def claims(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def test_an_issuer_has_a_key_that_its_owner_alone_may_read(folder):
    trust = read_trust(folder / "trust.toml")
    assert {name: set(i.makers) for name, i in trust.issuers.items()} == {
        "nissan-id": {"nissan"},
        "honda-id": {"honda"},
    }
    assert stat.S_IMODE((folder / "nissan-id.key.pem").stat().st_mode) == 0o600


def test_a_token_of_an_app_says_what_its_manifest_needs(folder):
    said = claims(token(folder, "--app", "trip-log", "--vehicle", OWN, "--hours", "2"))
    assert f"read:{SPEED}" in said["scope"].split()
    assert (said["sub"], said["iss"], said["renkei_vehicles"]) == ("trip-log", "nissan-id", [OWN])
    assert said["exp"] - said["iat"] == 7200


BEYOND = {
    "a priority too high": (["--scope", "read", "--priority", "7"], "grants priority 5 at most, and the token asks"),
    "another maker's car": (["--scope", "read", "--vehicle", OTHER], f"cars of nissan alone, not for {OTHER}"),
    "an unknown issuer": (["--scope", "read"], "no issuer 'nisan-id', so that this token is refused; did you mean"),
    "another key": (["--scope", "read", "--kid", "none"], "key 'none' is none of issuer 'nissan-id'"),
}  # fmt: skip


@pytest.mark.parametrize("name", BEYOND)
def test_a_token_that_asks_for_more_than_its_issuer_has_says_so(folder, name):
    options, told = BEYOND[name]
    issuer = "nisan-id" if name == "an unknown issuer" else "nissan-id"
    made = renkei("token", folder / "nissan-id.key.pem", "--issuer", issuer, *options)
    assert (made.returncode, len(made.stdout.split("."))) == (0, 3)
    assert told in made.stderr
    assert made.stderr.count("\n") == 1


def test_a_token_is_held_against_the_scopes_of_its_issuer_and_its_highest_priority(tmp_path):
    renkei("issuer", "one", "--maker", "nissan", "--out", tmp_path, "--highest-priority", "3")
    trust = tmp_path / "trust.toml"
    assert read_trust(trust).issuers["one"].highest_priority == 3
    trust.write_text(trust.read_text().replace('name = "one"', 'name = "one"\nscope = "read actuate:Vehicle.Cabin"'))
    for scope, beyond in (
        ("actuate:Vehicle.Cabin.HVAC read:Vehicle.Speed", ""),
        ("actuate:Vehicle.Cabin actuate:Vehicle.Body", "actuate:Vehicle.Body"),
        ("provide", "provide"),
    ):  # fmt: skip
        made = renkei("token", tmp_path / "one.key.pem", "--issuer", "one", "--scope", scope, "--priority", "3")
        told = f"renkei: {trust}: issuer 'one' does not grant all of {beyond}\n"
        assert (made.returncode, made.stderr) == (0, told if beyond else "")


WRONG = {
    "no scope": (["token", "nissan-id.key.pem", "--issuer", "nissan-id"], "without one a token allows nothing"),
    "a scope that is none": (["token", "nissan-id.key.pem", "--issuer", "x", "--scope", "root"], "got 'root'"),
    "no key": (["token", "none.pem", "--issuer", "x", "--scope", "read"], "none.pem: cannot be read"),
    "a public key": (["token", "nissan-id.pub.pem", "--issuer", "x", "--scope", "read"], "expected a private key"),
    "an app that there is not": (["token", "nissan-id.key.pem", "--issuer", "x", "--app", "trip-lgo"], "'trip-log'"),
    "an issuer twice": (["issuer", "nissan-id", "--maker", "nissan"], "is in it already"),
    "a maker that there is not": (["issuer", "x", "--maker", "nisan"], "did you mean 'nissan'"),
    "a name that is a path": (["issuer", "../x", "--maker", "nissan"], "expected letters"),
    "no log": (["audit", "none.jsonl"], "none.jsonl: cannot be read"),
    "open to all": (["up", "--vehicle", OWN, "--host", "0.0.0.0"], "or --insecure"),
    "a certificate without its key": (["up", "--vehicle", OWN, "--tls-cert", "x.pem"], "--tls-key"),
    "no certificate": (["up", "--vehicle", OWN, "--tls-cert", "x.pem", "--tls-key", "y.pem"], "--tls-cert x.pem"),
    "a trust file that there is not": (["up", "--vehicle", OWN, "--trust", "x.toml"], "x.toml"),
}


@pytest.mark.parametrize(("arguments", "told"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_one_line_and_exit_code_2(folder, arguments, told):
    done = renkei(*arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert told in done.stderr


def test_a_server_asks_for_tokens_and_writes_down_what_it_refuses(folder, tmp_path):
    log = tmp_path / "audit.jsonl"
    cars = [f"--vehicle={vehicle}=none" for vehicle in (OWN, OTHER)]
    with Up(*cars, "--trust", folder / "trust.toml", "--audit", log) as up:
        port = str(up.ports[OWN])
        shown = {"RENKEI_TOKEN": token(folder, "--scope", f"read:{SPEED}"), "PATH": ""}
        got = renkei("get", SPEED, "--port", port, "--json", env=shown)
        assert json.loads(got.stdout)[0]["signal"] == SPEED
        foreign = renkei("get", SPEED, "--port", port, "--vehicle", OTHER, env=shown)
        assert (foreign.returncode, "PERMISSION_DENIED" in foreign.stderr) == (2, True)
        nobody = renkei("get", SPEED, "--port", port)
        assert nobody.stderr == f"renkei: 127.0.0.1:{port}: No auth token provided (UNAUTHENTICATED)\n"
    done = renkei("audit", log, "--json")
    assert (done.returncode, json.loads(done.stdout)["broken"]) == (0, None)
    why = [json.loads(line).get("why", "") for line in log.read_text().splitlines()]
    assert any(f"does not cover {OTHER}" in each for each in why)
    log.write_text(log.read_text().replace(OTHER, OWN))
    done = renkei("audit", log)
    assert (done.returncode, "changed after it was written" in done.stdout) == (1, True)


def test_get_and_run_name_the_server_and_the_token_alike(folder, tmp_path):
    text = token(folder, "--app", "trip-log")
    file = tmp_path / "own.jwt"
    file.write_text(text + "\n")
    with Up("--vehicle", OWN, "--trust", folder / "trust.toml") as up:
        port = up.ports[OWN]
        for server, shown in (
            (["--server", f"localhost:{port}"], text),
            (["--host", "127.0.0.1", "--port", port], file),
        ):
            done = renkei("get", SPEED, *server, "--token", shown)
            assert (done.returncode, done.stderr) == (0, "")
            ran = [*server, "--token", shown, "--seconds", "0.3", "--json", "--out", tmp_path]
            done = renkei("run", "trip-log", "--vehicle", OWN, *ran)
            assert (done.returncode, done.stderr) == (0, "")
        done = renkei("watch", SPEED, "--server", f"localhost:{port}", "--token", file, "--count", "1")
        assert (done.returncode, done.stderr) == (0, "")


ALIKE = {
    "no token and no file": (["--token", "nothing.jwt.there/x"], "expected a token or a file with one"),
    "a server twice": (["--server", "localhost:1", "--port", "2"], "expected no --host and --port beside it"),
    "a server without a port": (["--server", "localhost"], "expected HOST:PORT, got 'localhost'"),
    "a port too high": (["--server", "localhost:70000"], "expected HOST:PORT"),
    "a certificate without its key": (["--port", "1", "--tls-ca", "x.pem", "--tls-cert", "x.pem"], "both or none"),
}  # fmt: skip


@pytest.mark.parametrize("command", [["get", SPEED], ["run", "trip-log"]], ids=lambda c: c[0])
@pytest.mark.parametrize(("options", "told"), ALIKE.values(), ids=ALIKE)
def test_what_is_wrong_with_a_server_is_told_alike(command, options, told, tmp_path):
    server = [] if "--server" in options or "--port" in options else ["--port", "1"]
    done = renkei(*command, "--vehicle", OWN, *server, *options, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_audit_log_is_rotated_while_the_server_runs(folder, tmp_path):
    log, moved = tmp_path / "audit.jsonl", tmp_path / "audit.jsonl.1"
    with Up("--vehicle", f"{OWN}=none", "--trust", folder / "trust.toml", "--audit", log) as up:
        for _ in range(2):
            assert renkei("get", SPEED, "--port", up.ports[OWN]).returncode == 2
        log.rename(moved)
        assert renkei("get", SPEED, "--port", up.ports[OWN]).returncode == 2
    assert [json.loads(line)["event"] for line in log.read_text().splitlines()][:2] == ["opened", "refused"]
    whole = renkei("audit", moved, log)
    assert (whole.returncode, whole.stdout.count("none changed or missing")) == (0, 2)
    alone = renkei("audit", log)
    assert (alone.returncode, "name that one before it" in alone.stderr) == (3, True)
    moved.write_text(moved.read_text().replace("No auth token", "An auth token", 1))
    assert renkei("audit", moved, log).returncode == 1


def test_an_insecure_server_lets_everybody_in_who_says_so_on_purpose():
    with Up("--vehicle", f"{OWN}=none", "--insecure") as up, KuksaClient(up.ports[OWN]) as client:
        assert client.get([SPEED])[0].path == SPEED


def test_a_server_speaks_tls(tmp_path):
    sys.path.append(str(Path(__file__).parents[1] / "doors"))
    from certified import Certified

    certified = Certified(tmp_path)
    cert, key = certified.server
    with Up("--vehicle", f"{OWN}=none", "--tls-cert", cert, "--tls-key", key, https=True) as up:
        own = renkei("get", SPEED, "--port", up.ports[OWN], "--host", "localhost", "--tls-ca", tmp_path / "ca.pem")
        assert own.returncode == 0
        with grpc.insecure_channel(f"127.0.0.1:{up.ports[OWN]}") as plain, pytest.raises(grpc.FutureTimeoutError):
            grpc.channel_ready_future(plain).result(0.5)
        assert up.stop(signal.SIGTERM) == (0, "")  # what strangers do wrong fills no log


def test_a_server_knows_its_clients_by_certificates(tmp_path):
    sys.path.append(str(Path(__file__).parents[1] / "doors"))
    from certified import Certified

    certified = Certified(tmp_path)
    (cert, key), (own_cert, own_key) = certified.server, certified.client
    server = ["--tls-cert", cert, "--tls-key", key, "--tls-client-ca", tmp_path / "ca.pem"]
    with Up("--vehicle", f"{OWN}=none", *server, https=True) as up:
        asked = ["get", SPEED, "--port", up.ports[OWN], "--host", "localhost", "--tls-ca", tmp_path / "ca.pem"]
        assert renkei(*asked, "--tls-cert", own_cert, "--tls-key", own_key).returncode == 0
        shown = ["--tls-ca", tmp_path / "ca.pem", "--tls-cert", own_cert, "--tls-key", own_key, "--out", tmp_path]
        ran = renkei("run", "trip-log", "--vehicle", OWN, "--server", f"localhost:{up.ports[OWN]}", "--seconds", "0.3",
                     "--json", *shown)  # fmt: skip
        assert (ran.returncode, ran.stderr) == (0, "")
        refused = renkei(*asked)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
        assert "may want a certificate of its clients" in refused.stderr
