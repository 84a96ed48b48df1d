"""Writes through the view: one Device:2 change becomes the right native changes; rows are added and deleted.

What is impossible raises BadInput with what would be allowed. Nothing is sent here: a plan is data, and every
side effect that the operator did not ask for is listed in ``implied`` with a sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ...errors import BadInput, NotFound
from ..value import same_value
from .clock import offset_of_posix
from .convert import conversion, write_boolean, write_hex
from .folds import current_wep_key, first_row, is_key, up_first, wlan_of, wlans_of
from .native import CONNECTIONS, is_true
from .numbers import split_list
from .sources import Source
from .table import DEVICE
from .view import RECIPES, View
from .wifi import cipher_places, cipher_word, modes_supported, security_of, tuple_for


class Change(NamedTuple):
    """Write ``text`` with XML Schema type ``type`` at the native ``path``; ``why`` is set for implied changes."""

    path: str
    text: str
    type: str
    why: str = ""


class WritePlan(NamedTuple):
    """``changes`` carry the wanted value, ``implied`` what must come with it. Both go into one
    SetParameterValues, implied ones first. Both empty: the device already is as wanted."""

    changes: tuple[Change, ...]
    implied: tuple[Change, ...] = ()


def plan_write(view: View, path: str, text: str) -> WritePlan:
    """The native changes that make the Device:2 parameter at ``path`` read ``text``.

    Raises:
        NotFound: the device has no such parameter.
        BadInput: it cannot be written, or not to this value; the hint says what would be allowed.
    """
    if path in view.tree.values:
        return _write_native(view, path, text)
    sources = view.source_of(path)
    if not sources:
        if view.get(path) is not None:
            raise BadInput(f"{path} follows from other parameters and cannot be written")
        raise NotFound(f"this device has nothing for {path}", "see what it has with: cpetwin twin show ID Device.")
    _check(view, path, text, sources)
    target = sources[0].mapped.row.target
    now = view.get(path)
    if now is not None and same_value(now.text, text, now.type) and target not in _ALWAYS:
        return WritePlan(())
    recipe = _RECIPES.get(target)
    if recipe is not None:
        return recipe(view, sources, text)
    if len({s.mapped.row.native for s in sources}) == 1 and len(sources) > 1:
        return _write_group(view, sources, text)
    return WritePlan((_convert(view, sources[0], text),))


def _write_native(view: View, path: str, text: str) -> WritePlan:
    now, type_, writable = view.tree.values[path]
    if not writable:
        raise BadInput(f"the device does not let {path} be written")
    check_type(path, text, type_)
    if now is not None and same_value(now, text, type_):
        return WritePlan(())
    return WritePlan((Change(path, text, type_ or "string"),))


def _check(view: View, path: str, text: str, sources: list[Source]) -> None:
    """Device:2 access, the device's own access, type and enumeration."""
    mapped = sources[0].mapped
    row = mapped.row
    child = view.tree.table.child(row.target)
    if not row.writable and child is not None and child.writable:
        raise BadInput(f"this device has no parameter of its own for {path}", f"it follows from {sources[0].path}")
    if not row.writable:
        natives = ", ".join(s.path for s in sources if view.tree.values[s.path][2])
        raise BadInput(f"{path} is read-only in Device:2", f"write the native parameter: {natives}" if natives else "")
    if not any(view.tree.values[s.path][2] for s in sources):
        raise BadInput(f"the device does not let {path} be written", f"read-only there: {sources[0].path}")
    if conversion(mapped).write is None and row.target not in RECIPES:
        raise BadInput(f"{path} cannot be written on this device", f"TR-098 only reports it, in {sources[0].path}")
    check_type(path, text, row.type)
    if mapped.words is not None and row.target not in _RECIPES:
        items = split_list(text) if row.is_list else [text]
        wrong = next((item for item in items if item not in mapped.words), None)
        if wrong is not None:
            allowed = ", ".join(view.tree.table.word_order[row.words])
            raise BadInput(f"{wrong!r} is no value of {path}", f"allowed: {allowed}")


def check_type(path: str, text: str, type_: str) -> None:
    """Refuse text that is no value of an XML Schema type."""
    if type_ == "boolean":
        if text.strip().lower() not in ("true", "false", "1", "0"):
            raise BadInput(f"{path} is a boolean, not {text!r}", "allowed: true, false")
    elif type_ in ("int", "long", "unsignedInt", "unsignedLong"):
        digits = text.strip().removeprefix("-")
        if not digits.isascii() or not digits.isdigit() or (text.strip().startswith("-") and type_.startswith("u")):
            sign = "a whole number, 0 or more" if type_.startswith("u") else "a whole number"
            raise BadInput(f"{path} is a number, not {text!r}", f"allowed: {sign}")


def _type_of(view: View, source: Source) -> str:
    return view.tree.values[source.path][1] or source.mapped.row.native_type or "string"


def _convert(view: View, source: Source, text: str) -> Change:
    """The native text of one parameter."""
    now = view.tree.text(source.path)
    row = source.mapped.row
    if "fn:path" in row.value_map or row.value_map.startswith("integer key"):
        return Change(source.path, _native_reference(view, source, text), _type_of(view, source))
    if row.kind == "fallback" and row.type == "boolean":
        return Change(source.path, write_boolean(text, now), _type_of(view, source))
    write = conversion(source.mapped).write
    if write is None:
        raise BadInput(f"{source.shown} cannot be written on this device", f"TR-098 only reports it, in {source.path}")
    return Change(source.path, write(text, now), _type_of(view, source))


def _native_reference(view: View, source: Source, text: str) -> str:
    row = source.mapped.row
    key = row.value_map.startswith("integer key") or row.native_type in ("int", "unsignedInt")
    if key:
        tail = text.rstrip(".").rpartition(".")[2]
        if text and not (text.startswith(DEVICE) and tail.isdigit()):
            raise BadInput(f"{text!r} is no row", "write the path of a row such as Device.QoS.Policer.1")
        for native in view.native_objects(text.rstrip(".") + ".") if text else ():
            for leaf in ("PolicerKey", "QueueKey", "AppKey", "BridgeKey"):
                number = view.tree.text(native + leaf)
                if number:
                    return number
        return tail or "-1"
    items = [view.references.to_native(item) for item in split_list(text)]
    if None in items:
        raise BadInput(f"nothing on this device stands for {text!r}", interfaces(view))
    return ",".join(item for item in items if item)


def interfaces(view: View) -> str:
    """A hint that names the WAN interfaces of the device."""
    rows = [f"Device.IP.Interface.{view.numbers.connection(k, i)}" for k in CONNECTIONS for i in view.tree.rows(k)]
    return "interfaces: " + ", ".join(rows) if rows else ""


def _write_group(view: View, sources: list[Source], text: str) -> WritePlan:
    """Several native rows behind one parameter (access points of a radio): those that agree now, change together."""
    best = up_first(view, sources)[0] if sources[0].mapped.place.rule.startswith("WLAN") else sources[0]
    shown = view.tree.text(best.path)
    alike = [s for s in sources if s is best or view.tree.text(s.path) == shown]
    return WritePlan(tuple(_convert(view, s, text) for s in alike if view.tree.values[s.path][2]))


# -- Wi-Fi ----------------------------------------------------------------------------------------------------------


def _write_mode(view: View, sources: list[Source], text: str) -> WritePlan:
    prefix = wlan_of(sources[0])
    allowed = modes_supported(view.tree, prefix)
    if text not in allowed:
        raise BadInput(f"this device has no security mode {text!r}", "allowed: " + ", ".join(allowed))
    changes, refused = [], []
    for leaf, word in tuple_for(text, security_of(view.tree, prefix)).items():
        value = view.tree.values.get(prefix + leaf)
        if value is None or value[0] == word:
            continue
        if leaf == "BasicAuthenticationMode" and value[0] in ("OpenSystem", "Open"):
            continue
        if value[2]:
            changes.append(Change(prefix + leaf, word, value[1] or "string"))
        else:
            refused.append(leaf)
    if refused:
        raise BadInput(f"the device does not let {', '.join(refused)} be written", f"read-only under {prefix}")
    return WritePlan(tuple(changes))


def _write_cipher(view: View, sources: list[Source], text: str) -> WritePlan:
    prefix = wlan_of(sources[0])
    word = cipher_word(text)
    if word is None:
        raise BadInput(f"{text!r} is no cipher of this device", "allowed: TKIP, AES, TKIP,AES")
    places = cipher_places(security_of(view.tree, prefix))
    changes = []
    for leaf in places:
        value = view.tree.values.get(prefix + leaf)
        if value is not None and value[2] and value[0] != word:
            changes.append(Change(prefix + leaf, word, value[1] or "string"))
    return WritePlan(tuple(changes))


def _write_passphrase(view: View, sources: list[Source], text: str) -> WritePlan:
    """All places named KeyPassphrase; where there is none, the PreSharedKey or vendor place that holds it."""
    if not (8 <= len(text) <= 63 and all(" " <= c <= "~" for c in text)) and not is_key(text):
        raise BadInput("a Wi-Fi passphrase has 8 to 63 ASCII characters", "or 64 hexadecimal digits, which are a key")
    usable = [s for s in first_row(sources) if view.tree.values[s.path][2]]
    named = [s for s in usable if s.path.endswith(".KeyPassphrase")]
    changes = named or usable[:1]
    if not changes:
        raise BadInput("the device does not let the passphrase be written")
    return WritePlan(tuple(Change(s.path, text, _type_of(view, s)) for s in changes))


def _write_key(view: View, sources: list[Source], text: str) -> WritePlan:
    if not is_key(text):
        raise BadInput("a pre-shared key has 64 hexadecimal digits", "a passphrase goes to Security.KeyPassphrase")
    usable = [s for s in first_row(sources) if view.tree.values[s.path][2]]
    if not usable:
        raise BadInput("the device does not let the key be written")
    return WritePlan((Change(usable[0].path, text, _type_of(view, usable[0])),))


def _write_wep_key(view: View, sources: list[Source], text: str) -> WritePlan:
    source = current_wep_key(view, sources)
    if source is None or not view.tree.values[source.path][2]:
        raise BadInput("the device has no WEP key that can be written")
    if len(text) not in (10, 26):
        raise BadInput("a WEP key has 10 or 26 hexadecimal digits")
    return WritePlan((Change(source.path, write_hex(text, view.tree.text(source.path)), _type_of(view, source)),))


def _write_channel(view: View, sources: list[Source], text: str) -> WritePlan:
    """Every access point of the radio that has its channel; automatic choice must be off, or it would choose again."""
    if not text.isdigit() or not 1 <= int(text) <= 255:
        radio = sources[0].shown.rpartition(".")[0]
        raise BadInput(f"a channel is 1 to 255, not {text!r}", f"for automatic choice set {radio}.AutoChannelEnable")
    best = up_first(view, sources)[0]
    possible = split_list(view.tree.text(wlan_of(best) + "PossibleChannels"))
    if possible and all(c.isdigit() for c in possible) and text not in possible:
        raise BadInput(f"this radio has no channel {text}", "allowed: " + ", ".join(possible))
    changes, implied = [], []
    shown = view.tree.text(best.path)
    autos = []
    for wlan in wlans_of(sources):
        auto = view.tree.values.get(wlan + "AutoChannelEnable")
        if auto is not None and auto[2] and (auto[0] is None or is_true(auto[0])):
            autos.append(wlan)
            path = wlan + "AutoChannelEnable"
            implied.append(Change(path, write_boolean("false", auto[0] or ""), auto[1] or "boolean", _AUTO_OFF))
    for source in sources:
        value = view.tree.values[source.path]
        if not value[2] or not (source is best or (value[0] or "") == shown or wlan_of(source) in autos):
            continue
        if (value[0] or "").strip() != text or wlan_of(source) in autos:
            changes.append(Change(source.path, text, value[1] or "unsignedInt"))
    return WritePlan(tuple(changes), tuple(implied))


_AUTO_OFF = "turns automatic channel choice off"


def _write_auto_channel(view: View, sources: list[Source], text: str) -> WritePlan:
    own = [s for s in sources if s.path.endswith(".AutoChannelEnable")]
    if own:
        return _write_all(view, own, text)
    if not is_true(text):
        raise BadInput("this device chooses its channel while Channel is 0", "set Channel instead")
    changes = [Change(s.path, "0", _type_of(view, s)) for s in sources if view.tree.values[s.path][2]]
    return WritePlan(tuple(changes))


# -- the rest -------------------------------------------------------------------------------------------------------


def _write_all(view: View, sources: list[Source], text: str) -> WritePlan:
    """One switch for several native ones."""
    changes = []
    for source in sources:
        value = view.tree.values[source.path]
        word = write_boolean(text, value[0] or "")
        if value[2] and not same_value(value[0] or "", word, "boolean"):
            changes.append(Change(source.path, word, value[1] or "boolean"))
    return WritePlan(tuple(changes))


def _write_servers(view: View, sources: list[Source], text: str) -> WritePlan:
    """NTPServer1 and so on, in order; those that are left over become empty."""
    places = [s for s in sorted(sources, key=lambda s: s.path) if view.tree.values[s.path][2]]
    items = split_list(text)
    if len(items) > len(places):
        raise BadInput(f"this device takes {len(places)} time servers, not {len(items)}")
    changes = []
    for position, source in enumerate(places):
        wanted = items[position] if position < len(items) else ""
        if view.tree.values[source.path][0] != wanted:
            changes.append(Change(source.path, wanted, _type_of(view, source)))
    return WritePlan(tuple(changes))


def _write_time_zone(view: View, sources: list[Source], text: str) -> WritePlan:
    """The TZ string where the device keeps one, and its offset field to match."""
    parsed = offset_of_posix(text)
    if parsed is None:
        raise BadInput(f"{text!r} is no POSIX time zone", "write it like <-03>3 or CET-1CEST,M3.5.0,M10.5.0/3")
    prefix = sources[0].parsed.parent
    name = view.tree.values.get(prefix + "LocalTimeZoneName")
    offset = view.tree.values.get(prefix + "LocalTimeZone")
    keeps_name = (
        name is not None and name[2] and (name[0] not in ("", None) or parsed[1] or offset is None or not offset[2])
    )
    moved = offset is not None and offset[2] and not same_value((offset[0] or "").strip(), parsed[0])
    of_offset = Change(prefix + "LocalTimeZone", parsed[0], (offset or ("", "string", False))[1] or "string")
    if name is not None and keeps_name:
        implied = (of_offset._replace(why="sets the plain offset field to the same zone"),) if moved else ()
        return WritePlan((Change(prefix + "LocalTimeZoneName", text, name[1] or "string"),), implied)
    if parsed[1]:
        raise BadInput("this device keeps an offset only, no summer time", "write it like <-03>3")
    return WritePlan((of_offset,) if moved else ())


def _write_dns_server(view: View, sources: list[Source], text: str) -> WritePlan:
    source = sources[0]
    items = split_list(view.tree.text(source.path))
    items[source.item] = text
    return WritePlan((Change(source.path, ",".join(items), _type_of(view, source)),))


Recipe = Callable[[View, list[Source], str], WritePlan]
_AP = "Device.WiFi.AccessPoint.{i}.Security."
_RECIPES: dict[str, Recipe] = {
    _AP + "ModeEnabled": _write_mode,
    _AP + "EncryptionMode": _write_cipher,
    _AP + "KeyPassphrase": _write_passphrase,
    _AP + "PreSharedKey": _write_key,
    _AP + "WEPKey": _write_wep_key,
    "Device.WiFi.Radio.{i}.Channel": _write_channel,
    "Device.WiFi.Radio.{i}.AutoChannelEnable": _write_auto_channel,
    "Device.Time.Client.{i}.Servers": _write_servers,
    "Device.Time.LocalTimeZone": _write_time_zone,
    "Device.DHCPv4.Server.Enable": _write_all,
    "Device.DNS.Client.Enable": _write_all,
    "Device.DNS.Client.Server.{i}.DNSServer": _write_dns_server,
}
_ALWAYS = frozenset(("Device.WiFi.Radio.{i}.Channel",))
"""Written even when the value is as wanted: the device could move away from it by itself."""
