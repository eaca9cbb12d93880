"""A certificate authority for tests, and what it signed."""

import datetime
import ipaddress
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tokens import private_pem


class Certified:
    """A certificate authority and what it signed: one server, one client."""

    def __init__(self, folder):
        self.folder = folder
        self.ca_key = ec.generate_private_key(ec.SECP256R1())
        self.ca = self._certificate("authority", self.ca_key.public_key(), is_ca=True)
        self._write("ca.pem", self.ca)
        self.server, self.client = self._pair("server"), self._pair("client")

    def _pair(self, name):
        key = ec.generate_private_key(ec.SECP256R1())
        cert = self._write(f"{name}.pem", self._certificate(name, key.public_key()))
        (self.folder / f"{name}.key").write_bytes(private_pem(key))
        return cert, self.folder / f"{name}.key"

    def _write(self, name, certificate):
        file = self.folder / name
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return file

    def _certificate(self, name, key, is_ca=False):
        now = datetime.datetime.now(datetime.UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = subject if is_ca else self.ca.subject
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        return (
            x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self.ca_key, hashes.SHA256())
        )  # fmt: skip

    @property
    def roots(self):
        return (self.folder / "ca.pem").read_bytes()

    def context(self, with_client=False):
        context = ssl.create_default_context(cafile=self.folder / "ca.pem")
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if with_client:
            context.load_cert_chain(*self.client)
        return context
