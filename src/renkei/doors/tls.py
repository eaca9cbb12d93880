"""Certificates: of a server, alike for gRPC and HTTP, and of those who may sign its clients; and of a client."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import grpc
from cryptography.exceptions import UnsupportedAlgorithm

from renkei.aside import stamps
from renkei.errors import DoorError, InputError, clipped

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

LOOK_S = 0.5
"""The files are looked at this often, while clients come."""
Pem = bytes | str | PathLike[str]
"""What stands in a PEM file, or where that file is."""


class Tls(NamedTuple):
    """PEM files. With `client_ca` only clients with a certificate of it get in."""

    cert: Path
    key: Path
    client_ca: Path | None = None

    def context(self) -> ssl.SSLContext:
        """For HTTP; raises DoorError that names the file."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            # An empty password makes an error of a key that has one; without it OpenSSL would ask the terminal.
            context.load_cert_chain(self.cert, self.key, password=lambda: b"")
        except (OSError, ValueError) as e:  # ssl.SSLError is one of the two
            what = "expected a certificate and its private key in PEM, without a password"
            raise DoorError(f"--tls-cert {self.cert} --tls-key {self.key}: {what}: {_why(e)}") from e
        if self.client_ca is not None:
            try:
                context.load_verify_locations(self.client_ca)
            except (OSError, ValueError) as e:
                raise DoorError(f"--tls-client-ca {self.client_ca}: expected certificates in PEM: {_why(e)}") from e
            context.verify_mode = ssl.CERT_REQUIRED
            context.num_tickets = 0  # a client is judged each time it comes, and not by what it was let in with before
        return context


class Certificates:
    """What a server shows and whom it lets in, read again for who comes after its files have changed.

    Files that are wrong then change nothing, and `tell` hears of it once. Connections that are open stay so. Raises
    DoorError, as `Tls.context` does, for files that are wrong at first.
    """

    def __init__(self, files: Tls, tell: Callable[[str], object] = lambda line: None) -> None:
        self._files, self._tell = files, tell
        self._paths = [file for file in files if file]
        self._lock = threading.Lock()  # gRPC asks from threads of its own
        self._looked_s = time.monotonic()
        self._stamps = stamps(self._paths)
        self._shown = _Shown.of(files)

    def context(self) -> ssl.SSLContext:
        """For HTTP: one for the whole life of a port, that hands each connection to what holds then."""
        lasting = self._files.context()
        lasting.sni_callback = self._hand_over
        return lasting

    def credentials(self) -> grpc.ServerCredentials:
        """For a gRPC port."""
        given = self._now()

        def changed() -> grpc.ServerCertificateConfiguration | None:
            nonlocal given
            before, given = given, self._now()
            return None if given is before else given.configuration

        return grpc.dynamic_ssl_server_credentials(
            given.configuration, changed, require_client_authentication=self._files.client_ca is not None
        )

    def _hand_over(self, connection: ssl.SSLObject, name: str | None, lasting: ssl.SSLContext) -> None:
        connection.context = self._now().context

    def _now(self) -> _Shown:
        with self._lock:
            if time.monotonic() - self._looked_s >= LOOK_S:
                self._looked_s = time.monotonic()
                seen = stamps(self._paths)
                if seen != self._stamps:
                    self._stamps = seen
                    self._read_again()
            return self._shown

    def _read_again(self) -> None:
        try:
            self._shown = _Shown.of(self._files)
        except (DoorError, OSError) as e:
            self._tell(f"{e}; the certificates from before stay in force")


class _Shown(NamedTuple):
    """The same files for both kinds of port."""

    context: ssl.SSLContext
    configuration: grpc.ServerCertificateConfiguration

    @classmethod
    def of(cls, files: Tls) -> _Shown:
        context = files.context()  # judges the files, which gRPC does not
        pair = (files.key.read_bytes(), files.cert.read_bytes())
        roots = files.client_ca.read_bytes() if files.client_ca else None
        return cls(context, grpc.ssl_server_certificate_configuration([pair], roots))


def client_credentials(
    ca: Pem | None, cert: Pem | None = None, key: Pem | None = None
) -> grpc.ChannelCredentials | None:
    """How a client speaks TLS: it believes servers that `ca` signed, and shows `cert`; None without `ca`.

    Raises InputError that names the file.
    """
    if ca is None or (cert is None) is not (key is None):
        if given := [name for name, pem in (("ca", ca), ("cert", cert), ("key", key)) if pem is not None]:
            expected = "expected ca too" if ca is None else "expected cert and key, both or none"
            raise InputError(f"{' and '.join(given)}: {expected}")
        return None
    roots, chain, secret = _content("ca", ca), _content("cert", cert), _content("key", key)
    _judge_certificates("ca", ca, roots)
    if chain is not None and secret is not None:
        _judge_pair(cert, chain, key, secret)
    return grpc.ssl_channel_credentials(roots, secret, chain)


def _content(name: str, pem: Pem | None) -> bytes | None:
    if pem is None or isinstance(pem, bytes):
        return pem
    try:
        return Path(pem).read_bytes()
    except (OSError, ValueError) as e:
        raise InputError(f"{name} {clipped(str(pem))}: cannot be read: {getattr(e, 'strerror', None) or e}") from e


def _judge_certificates(name: str, pem: Pem | None, content: bytes | None) -> list[Certificate]:
    from cryptography.x509 import load_pem_x509_certificates

    try:
        return load_pem_x509_certificates(content or b"")
    except ValueError as e:
        raise InputError(f"{_told(name, pem)}: expected certificates in PEM") from e


def _judge_pair(cert: Pem | None, chain: bytes, key: Pem | None, secret: bytes) -> None:
    """gRPC itself says nothing of a pair that does not fit; the connection just never comes."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    own = _judge_certificates("cert", cert, chain)[0]
    try:
        private = load_pem_private_key(secret, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as e:
        raise InputError(f"{_told('key', key)}: expected a private key in PEM, without a password") from e
    if private.public_key() != own.public_key():
        raise InputError(f"{_told('key', key)}: is not the key of {_told('cert', cert)}")


def _told(name: str, pem: Pem | None) -> str:
    return name if isinstance(pem, bytes) else f"{name} {clipped(str(pem))}"


def _why(e: OSError | ValueError) -> str:
    return getattr(e, "reason", None) or getattr(e, "strerror", None) or str(e) or "no PEM in it"
