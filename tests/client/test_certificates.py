"""The file of certificates that is trusted instead of the system's."""

import pytest
import trustme

from aconnect._client.certificates import trusting
from aconnect.errors import InvalidArgumentError

PEM = trustme.CA().cert_pem.bytes()
OTHER = trustme.CA().cert_pem.bytes()


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (PEM, 1),
        (PEM + OTHER, 2),
        (PEM.replace(b"\n", b"\r\n"), 1),
        (b"\xef\xbb\xbf" + PEM, 1),
        ("Käse AG\n".encode() + PEM, 1),
    ],
)
def test_trusted(tmp_path, data, count):
    """Exactly the certificates in the file are trusted, and they are required."""
    path = tmp_path / "ca.pem"
    path.write_bytes(data)
    context = trusting(path)
    assert len(context.get_ca_certs()) == count
    assert context.check_hostname


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"junk", PEM.decode().encode("utf-16"), PEM.replace(b"MII", b"???"), PEM[:200]],
    ids=["empty", "no ASCII", "no PEM", "UTF-16", "damaged", "cut"],
)
def test_no_certificates(tmp_path, data):
    """A file without a certificate is refused; it does not mean the authorities of the system."""
    path = tmp_path / "ca.pem"
    path.write_bytes(data)
    with pytest.raises(InvalidArgumentError, match="has no certificates in PEM format"):
        trusting(path)


@pytest.mark.parametrize("name", ["missing.pem", "."])
def test_unreadable(tmp_path, name):
    """A file that cannot be read is named."""
    with pytest.raises(InvalidArgumentError, match=f"cannot read {tmp_path}"):
        trusting(tmp_path / name)
