"""Signed CAP messages: an enveloped XML signature, as CAP 1.2 has it in section 3.3.2.1.

ECDSA on NIST P-256 with SHA-256, exclusive canonical XML, one reference to the whole message: what every XML security
library can check. Whoever checks believes certificates that were agreed on beforehand, never one that comes along.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureConstructionMethod, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, XMLVerifier

from houfeng.serve.alerts.cap import NAMESPACE
from houfeng.wire.safe_xml import parse_xml, write_xml
from houfeng.words.errors import DataFault
from houfeng.words.instant import NS_PER_S

#: A message longer than this is not looked at: ours have some ten thousand bytes.
LARGEST_BYTES: Final = 4 * 2**20

_SUBJECT: Final = "CAP message"
_DS: Final = "http://www.w3.org/2000/09/xmldsig#"
_TRANSFORMS: Final = [f"{_DS}enveloped-signature", CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0.value]


def sign_cap(message: bytes, key: EllipticCurvePrivateKey, certificate: x509.Certificate) -> bytes:
    """A message with its signature as last element.

    key          on the curve P-256
    certificate  of this key; goes along, so that a reader can tell which of those it trusts is meant
    """
    signer = XMLSigner(
        method=SignatureConstructionMethod.enveloped,
        signature_algorithm=SignatureMethod.ECDSA_SHA256,
        digest_algorithm=DigestAlgorithm.SHA256,
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    return write_xml(signer.sign(parse_xml(message, _SUBJECT), key=key, cert=[certificate]))


def verify_cap(message: bytes, certificates: Sequence[x509.Certificate], *, at_ns: int) -> bytes:
    """What was signed of a message, by one of these certificates: only that is to be believed.

    certificates  trusted, each for itself
    at_ns         when they have to be valid

    Returns canonical XML, without the signature and without comments. Raises DataFault when the message is none, has
    no signature or several, when the signature covers anything but the whole, or is by nobody who is trusted.
    """
    if len(message) > LARGEST_BYTES:
        raise DataFault(_SUBJECT, f"has {len(message)} bytes, more than {LARGEST_BYTES} are refused")
    root = parse_xml(message, _SUBJECT)
    if root.tag != f"{{{NAMESPACE}}}alert":
        raise DataFault(_SUBJECT, "is no CAP 1.2 alert")
    _refuse_odd_signature(root)
    at = dt.datetime.fromtimestamp(at_ns / NS_PER_S, dt.UTC)
    expected = SignatureConfiguration(
        location="./",
        signature_methods=frozenset({SignatureMethod.ECDSA_SHA256}),
        digest_algorithms=frozenset({DigestAlgorithm.SHA256}),
        # A certificate that is trusted decides; what else stands in KeyInfo does not count.
        ignore_ambiguous_key_info=True,
        verification_time=at,
    )
    reason = "no certificate is trusted"
    for certificate in certificates:
        try:
            result = XMLVerifier().verify(message, x509_cert=certificate, expect_config=expected)
        except (SignXMLException, UnsupportedAlgorithm, etree.LxmlError, ValueError, TypeError, KeyError) as error:
            reason = str(error) or type(error).__name__
            continue
        assert not isinstance(result, list)
        return bytes(result.signed_data)
    raise DataFault(_SUBJECT, f"its signature does not hold: {reason}", "do not act on it")


def _refuse_odd_signature(root: Any) -> None:
    """One signature, last in the message, of all of it and nothing else: what was moved elsewhere is not found."""
    signatures = list(root.iter(f"{{{_DS}}}Signature"))
    if len(signatures) != 1 or signatures[0].getparent() is not root:
        raise DataFault(_SUBJECT, "has no signature, or several, or one that is not its own", "do not act on it")
    references = list(signatures[0].iter(f"{{{_DS}}}Reference"))
    if len(references) != 1 or references[0].get("URI") != "":
        raise DataFault(_SUBJECT, "is signed in part, or by reference to something else", "do not act on it")
    transforms = [each.get("Algorithm") for each in references[0].iter(f"{{{_DS}}}Transform")]
    if transforms != _TRANSFORMS:
        raise DataFault(_SUBJECT, "was transformed before it was signed", "do not act on it")
