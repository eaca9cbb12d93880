"""Certificates: of a server, alike for gRPC and HTTP, and of those who may sign its clients; and of a client."""

from __future__ import annotations

import ssl
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import grpc
from cryptography.exceptions import UnsupportedAlgorithm

from renkei.errors import DoorError, InputError, clipped

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

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
        return context

    def credentials(self) -> grpc.ServerCredentials:
        """For gRPC; raises DoorError as `context` does, which reads the files first."""
        self.context()
        return grpc.ssl_server_credentials(
            [(self.key.read_bytes(), self.cert.read_bytes())],
            root_certificates=self.client_ca.read_bytes() if self.client_ca else None,
            require_client_auth=self.client_ca is not None,
        )


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
