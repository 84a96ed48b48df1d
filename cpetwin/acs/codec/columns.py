"""The hot readers: thousands of values or names into columns, without an object per item.

A long list that is as the schema wants it is read column by column, which one compiled XPath makes sure
of; any other list (short, padded, qualified, disordered) struct by struct.
"""

from __future__ import annotations

from typing import Any

from lxml import etree

from ...datamodel.value import XSD_TYPES
from ...twin.report import Observations
from .kinds import items, to_bool, xsi_type
from .text import local

_LONG = 10
"""Structs from which on the column readers are cheaper than the loop."""
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"

_regular_values = etree.XPath(
    "count(*/Name[1]) = count(*) and count(*/Value[1]) = count(*) and not(*/Value/@*[2])", smart_strings=False
)
_regular_names = etree.XPath("count(*/Name[1]) = count(*) and count(*/Writable[1]) = count(*)", smart_strings=False)


def read_values(element: Any) -> tuple[Observations, int]:
    """The values of a list of ParameterValueStruct, and how many structs it had.

    Structs without a name are counted only. An item without a type has the type "".
    """
    count = len(items(element))
    if count >= _LONG and _regular_values(element):
        columns = _value_columns(element, count)
        if columns:
            return columns, count
    return _value_rows(element), count


def _value_columns(element: Any, count: int) -> Observations | None:
    try:
        names = [e.text.strip() for e in element.iter("Name")]
        values = list(element.iter("Value"))
        raw = [e.values()[0] for e in values]
    except (AttributeError, IndexError):  # an empty name, a value without type
        return None
    if len(names) != count or len(values) != count or not all(names):
        return None
    plain = {text: text.rpartition(":")[2] for text in set(raw)}
    if not XSD_TYPES.issuperset(plain.values()):
        return None
    return Observations(names, [e.text or "" for e in values], [plain[text] for text in raw])


def _value_rows(element: Any) -> Observations:
    names: list[str] = []
    texts: list[str] = []
    types: list[str] = []
    for item in element:
        name = value = None
        for child in item:
            tag = child.tag
            if tag == "Name":
                name = child.text
            elif tag == "Value":
                value = child
            else:
                tag = local(tag)
                if tag == "Name":
                    name = child.text
                elif tag == "Value":
                    value = child
        name = name and name.strip()
        if not name:
            continue
        names.append(name)
        if value is None:
            texts.append("")
            types.append("")
        else:
            texts.append(value.text or "")
            type_ = value.get(_TYPE)
            types.append(type_.strip().rpartition(":")[2] if type_ else xsi_type(value))
    return Observations(names, texts, types)


def read_infos(element: Any) -> tuple[list[str], list[bool], int]:
    """Paths and writability of a list of ParameterInfoStruct, and how many structs it had."""
    count = len(items(element))
    if count >= _LONG and _regular_names(element):
        try:
            paths = [e.text.strip() for e in element.iter("Name")]
            flags = [e.text for e in element.iter("Writable")]
        except AttributeError:
            return *_info_rows(element), count
        if len(paths) == count == len(flags) and all(paths):
            meaning = {text: to_bool(text or "") for text in set(flags)}
            return paths, [meaning[text] for text in flags], count
    return *_info_rows(element), count


def _info_rows(element: Any) -> tuple[list[str], list[bool]]:
    paths: list[str] = []
    writable: list[bool] = []
    for item in element:
        name = flag = None
        for child in item:
            tag = local(child.tag)
            if tag == "Name":
                name = child.text
            elif tag == "Writable":
                flag = child.text
        name = name and name.strip()
        if name:
            paths.append(name)
            writable.append(to_bool(flag or ""))
    return paths, writable
