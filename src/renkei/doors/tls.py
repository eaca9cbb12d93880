"""Certificates of the server and, for mutual TLS, of those who may sign its clients; alike for gRPC and HTTP."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NamedTuple

import grpc

from renkei.errors import DoorError


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


def _why(e: OSError | ValueError) -> str:
    return getattr(e, "reason", None) or getattr(e, "strerror", None) or str(e) or "no PEM in it"
