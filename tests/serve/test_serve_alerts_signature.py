"""Signed CAP messages: what was signed is what is believed, whatever is done to the message."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from made_alert import DECLARED_NS, certified, news

from houfeng.serve.alerts.cap import Issuer, write_cap
from houfeng.serve.alerts.signature import LARGEST_BYTES, sign_cap, verify_cap
from houfeng.words.errors import DataFault
from houfeng.words.instant import DAY_NS

KEY, CERTIFICATE = certified()
DS = "{http://www.w3.org/2000/09/xmldsig#}"
CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"
PLAIN = write_cap(news(), Issuer("warning@centre.example", "The Centre"), "public")
SIGNED = sign_cap(PLAIN, KEY, CERTIFICATE)
CANONICAL = etree.tostring(etree.fromstring(PLAIN), method="c14n", exclusive=True)


def verified(message, certificates=(CERTIFICATE,), at_ns=DECLARED_NS):
    return verify_cap(message, certificates, at_ns=at_ns)


def refused(message):
    with pytest.raises(DataFault):
        verified(message)


def written(root):
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def test_what_was_signed_comes_back_and_nothing_else():
    assert verified(SIGNED) == CANONICAL
    root = etree.fromstring(SIGNED)
    assert root[-1].tag == f"{DS}Signature"


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(SIGNED) - 1), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_changes_nothing_that_is_believed(at, byte):
    changed = SIGNED[:at] + bytes([byte]) + SIGNED[at + 1 :]
    try:
        assert verified(changed) == CANONICAL
    except DataFault:
        assert changed != SIGNED


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(SIGNED)), st.binary(min_size=1, max_size=8))
def test_bytes_put_in_are_refused_or_change_nothing_that_is_believed(at, more):
    try:
        assert verified(SIGNED[:at] + more + SIGNED[at:]) == CANONICAL
    except DataFault:
        assert more


@pytest.mark.parametrize(
    ("true", "false"),
    [(b"6.24", b"8.24"), (b"<status>Actual", b"<status>Test"), (b"31.0000,103.4000", b"30.0000,103.4000")],
)
def test_a_tampered_message_is_refused(true, false):
    assert true in SIGNED
    refused(SIGNED.replace(true, false))


def test_a_signature_by_another_certificate_is_refused_even_when_it_comes_along():
    refused(sign_cap(PLAIN, *certified("centre")))


def test_several_may_be_trusted():
    other_key, other = certified("another centre")
    assert verified(sign_cap(PLAIN, other_key, other), [CERTIFICATE, other]) == CANONICAL


def test_nobody_is_trusted_when_nobody_is_named():
    with pytest.raises(DataFault):
        verified(SIGNED, [])


def test_a_certificate_that_has_run_out_signs_nothing_more():
    with pytest.raises(DataFault):
        verified(SIGNED, at_ns=DECLARED_NS + 20 * 365 * DAY_NS)


def test_no_signature_is_refused():
    refused(PLAIN)
    refused(b"<alert/>")
    refused(SIGNED[:-9])


def test_a_message_of_any_length_is_not_looked_at():
    refused(SIGNED + b" " * LARGEST_BYTES)


def test_comments_that_cut_a_text_in_two_are_not_believed():
    cut = SIGNED.replace(b"<value>6.24</value>", b"<value>6.<!-- -->24</value>")
    assert cut != SIGNED
    assert verified(cut) == CANONICAL


# Signature wrapping: the signed message is kept somewhere in a forged one.


def forged():
    return etree.fromstring(PLAIN.replace(b"6.24", b"8.88"))


def test_wrapping_the_signature_moved_to_a_forged_message():
    root = forged()
    root.append(etree.fromstring(SIGNED)[-1])
    refused(written(root))


def test_wrapping_the_signed_message_inside_the_forged_one():
    root = forged()
    root.append(etree.fromstring(SIGNED))
    refused(written(root))


def test_wrapping_the_signed_message_inside_the_forged_one_and_its_signature_outside():
    root, true = forged(), etree.fromstring(SIGNED)
    signature = true[-1]
    root.append(true)
    root.append(signature)
    refused(written(root))


def test_wrapping_the_signed_message_inside_an_object_of_its_signature():
    root, true = forged(), etree.fromstring(SIGNED)
    root.append(true[-1])
    etree.SubElement(root[-1], f"{DS}Object").append(true)
    refused(written(root))


def test_wrapping_by_a_reference_to_a_part_that_the_owner_of_the_key_signed():
    from signxml import XMLSigner
    from signxml.algorithms import SignatureConstructionMethod, SignatureMethod

    root = forged()
    true = etree.SubElement(root, f"{CAP}info", Id="true")
    signer = XMLSigner(SignatureConstructionMethod.enveloped, signature_algorithm=SignatureMethod.ECDSA_SHA256)
    signed = signer.sign(root, key=KEY, cert=[CERTIFICATE], reference_uri="#true")
    assert true.get("Id") == "true"
    refused(written(signed))


def test_two_signatures_are_refused():
    root = etree.fromstring(SIGNED)
    root.append(etree.fromstring(SIGNED)[-1])
    refused(written(root))


def test_another_transform_is_refused():
    xpath = b'<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"/></ds:Transforms>'
    refused(SIGNED.replace(b"</ds:Transforms>", xpath))


def test_entities_are_refused():
    refused(SIGNED.replace(b"<alert ", b'<!DOCTYPE alert [<!ENTITY x "6.24">]><alert ', 1))
