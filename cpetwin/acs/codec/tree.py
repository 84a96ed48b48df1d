"""Bytes to an element tree, with everything hostile refused.

No entities, no DTD, no network, no text over 10 MB, no nesting over 64. libxml2 does not refuse a
DOCTYPE by itself, so it is looked for after the parse; its own limits stop entity expansion before.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

from lxml import etree

from .errors import CodecError
from .repair import repair

MAX_DEPTH = 64

_LARGE = 1 << 20
_MAX_TAGS = 1_500_000
"""Start and end tags in one body: 200,000 parameters. A node costs 100 bytes, so 32 MB of ``<a/>`` would be 1 GB."""

_OPTIONS: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "attribute_defaults": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
    "collect_ids": False,
}
_strict = etree.XMLParser(**_OPTIONS)

_unusually_deep = etree.XPath("boolean(" + "/*" * 8 + ")")
_too_deep = etree.XPath("boolean(" + "/*" * (MAX_DEPTH + 1) + ")")
_encoding = re.compile(rb"<\?xml[^>]{0,100}encoding\s*=\s*[\"']([^\"']{0,40})")
_transparent = re.compile(rb"utf-?(?:8|16|32)|us-ascii|iso-8859-|latin|windows-|gb|big5|shift|euc", re.IGNORECASE).match
"""Encodings in which a tag shows as the byte ``<``, so that tags can be counted before the parse."""
_EBCDIC = b"\x4c\x6f\xa7\x94"

_LIMITS = (("depth", "too-deep"), ("huge", "too-large"), ("too long", "too-large"), ("amplification", "doctype"))
"""Words in libxml2's messages -> our code."""


def read_tree(body: bytes) -> Any:
    """The root element. Raises CodecError not-well-formed, doctype, too-deep or too-large."""
    if len(body) > _LARGE:
        _count_tags(body)
    try:
        root = etree.fromstring(body, _strict)
    except etree.XMLSyntaxError as error:
        root = _second_try(body, error)
    if root is None:
        raise CodecError("not-well-formed", "the body holds no element")
    if root.getroottree().docinfo.internalDTD is not None:
        raise CodecError("doctype", "the body has a DOCTYPE")
    if _unusually_deep(root) and _too_deep(root):
        raise CodecError("too-deep", f"elements are nested deeper than {MAX_DEPTH}")
    return root


def _count_tags(body: bytes) -> None:
    declared = _encoding.search(body, 0, 200)
    if body.startswith(_EBCDIC) or (declared and not _transparent(declared.group(1))):
        raise CodecError("too-large", f"over {_LARGE} bytes in an encoding whose tags cannot be counted")
    if body.count(b"<") > _MAX_TAGS or body.count(b"=") > _MAX_TAGS:
        raise CodecError("too-large", f"the body has more than {_MAX_TAGS} tags or attributes")


def _second_try(body: bytes, error: Any) -> Any:
    """Repair what is known to be broken in the field, once; refuse everything else."""
    if any(word in str(error).lower() for word, _ in _LIMITS):
        _refuse(body, error)
    repaired = repair(body)
    if repaired is not None:
        try:
            return etree.fromstring(repaired, _strict)
        except etree.XMLSyntaxError as second:
            body, error = repaired, second
    if error.code != etree.ErrorTypes.NS_ERR_UNDEFINED_NAMESPACE:
        _refuse(body, error)
    return _with_undeclared_prefixes(body, error)


def _with_undeclared_prefixes(body: bytes, error: etree.XMLSyntaxError) -> Any:
    """Prefixes that nobody declared are kept in the tags; local names then tell enough."""
    parser = etree.XMLParser(recover=True, **_OPTIONS)
    root = etree.fromstring(body, parser)
    log: Any = parser.error_log
    if any(entry.domain_name != "NAMESPACE" for entry in log):  # recovered from more than that
        _refuse(body, error)
    return root


def _refuse(body: bytes, error: etree.XMLSyntaxError) -> NoReturn:
    text = " ".join(str(error).removesuffix(f" (<string>, line {error.lineno})").split())[:200]
    if b"<!DOCTYPE" in body:
        raise CodecError("doctype", "the body has a DOCTYPE") from error
    for word, code in _LIMITS:
        if word in text.lower():
            raise CodecError(code, text) from error
    raise CodecError("not-well-formed", text) from error
