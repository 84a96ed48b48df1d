"""The Device:2 view of a native tree: computed when asked, nothing stored but the instance map."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from .convert import conversion, legal
from .folds import FOLDS
from .instances import InstanceMap
from .native import NativeTree
from .numbers import Numbers
from .record import Row
from .references import References
from .sources import Source
from .synthesize import alias_of, made
from .table import DEVICE, ROOT, Mapped, Place
from .wifi import WLAN

SYNTHESIZED = "synthesized"
IDENTITY = "identity"


class Entry(NamedTuple):
    """A Device:2 parameter of a device. ``natives``: the native parameters it is made of, best first (none when it
    is synthesized); ``kind``: direct, index-map, value-map, derived, split, fallback, synthesized or identity."""

    natives: tuple[str, ...]
    text: str
    type: str
    writable: bool
    kind: str


RECIPES = frozenset(
    (
        "Device.WiFi.AccessPoint.{i}.Security.ModeEnabled",
        "Device.WiFi.AccessPoint.{i}.Security.EncryptionMode",
        "Device.WiFi.AccessPoint.{i}.Security.KeyPassphrase",
        "Device.WiFi.AccessPoint.{i}.Security.PreSharedKey",
        "Device.WiFi.AccessPoint.{i}.Security.WEPKey",
        "Device.WiFi.Radio.{i}.Channel",
        "Device.WiFi.Radio.{i}.AutoChannelEnable",
        "Device.Time.Client.{i}.Servers",
        "Device.Time.LocalTimeZone",
        "Device.DHCPv4.Server.Enable",
        "Device.DNS.Client.Enable",
        "Device.DNS.Client.Server.{i}.DNSServer",
    )
)
"""Folded parameters that can nevertheless be written: ``write.py`` knows how."""
_FOLD_ONLY = frozenset(FOLDS) - RECIPES - {"Device.IP.Interface.{i}.Enable", "Device.WiFi.Radio.{i}.Enable"}
_REFERENCE = frozenset(("fn:path", "fn:path; LAN/WAN/Local/All keywords expand to AllInterfaces or paths"))
_KEYS = {
    "Device.QoS.DefaultPolicer": ("policer", "PolicerKey", "Device.QoS.Policer."),
    "Device.QoS.DefaultQueue": ("queue", "QueueKey", "Device.QoS.Queue."),
    "Device.QoS.Classification.{i}.Policer": ("policer", "PolicerKey", "Device.QoS.Policer."),
    "Device.QoS.Classification.{i}.App": ("app", "AppKey", "Device.QoS.App."),
    "Device.QoS.App.{i}.DefaultPolicer": ("policer", "PolicerKey", "Device.QoS.Policer."),
    "Device.QoS.Flow.{i}.App": ("app", "AppKey", "Device.QoS.App."),
    "Device.QoS.Flow.{i}.Policer": ("policer", "PolicerKey", "Device.QoS.Policer."),
    "Device.QoS.QueueStats.{i}.Queue": ("queue", "QueueKey", "Device.QoS.Queue."),
    "Device.Bridging.Filter.{i}.Bridge": ("bridge", "BridgeKey", "Device.Bridging.Bridge."),
}
"""Integer keys that Device:2 replaced by paths: native table, its key parameter, Device:2 table."""
_PASSPHRASE = "Device.WiFi.AccessPoint.{i}.Security."


class View:
    """The Device:2 view of one device.

    Args:
        native: parameter -> (text, type, writable), as the device says; text None for one that was never read (it
            has no value in the view, but can be written). Not copied, must not change meanwhile.
        instances: the device's instance map; store it again when ``instances.changed`` afterwards.
        objects: object paths with their final dot (a mapping says whether each is writable); empty tables are
            known only from here.
        seen: when the values were observed (seconds since 1970); without it, lease ends are not shown.
    A tree under ``Device.`` is shown as it is (kind ``identity``).
    """

    def __init__(
        self,
        native: Mapping[str, tuple[str | None, str, bool]],
        instances: InstanceMap | None = None,
        objects: Mapping[str, bool] | Iterable[str] = (),
        seen: float | None = None,
    ) -> None:
        self.seen = seen
        self.instances = instances if instances is not None else InstanceMap()
        self.tree = NativeTree(native, objects)
        self.numbers = Numbers(self.tree, self.instances)
        self.references = References(self)
        self._single: dict[str, Source] = {}
        self._several: dict[str, list[Source]] = {}
        self._made: dict[str, tuple[str, str]] = {}
        self._rows: dict[str, set[str]] = {}
        self._entries: dict[str, Entry | None] = {}
        self._shown: dict[str, list[str]] | None = None
        self._stations: dict[str, str] | None = None
        self._build()

    # -- building ----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        single, prefixes_of = self._single, self.numbers.prefixes
        memo: dict[int, tuple[str, ...]] = {}
        new = tuple.__new__  # cheaper than Source(...), and this runs for every parameter
        for parsed in self.tree.parsed:
            for mapped, key in parsed.rows:
                prefixes = memo.get(key)
                if prefixes is None:
                    prefixes = memo[key] = prefixes_of(mapped.place, parsed.numbers, parsed.path)
                for item, prefix in enumerate(prefixes):
                    shown = prefix + mapped.leaf
                    if shown in single:
                        self._add(Source(mapped, parsed, shown, item))
                    else:
                        single[shown] = new(Source, (mapped, parsed, shown, item))
        if not memo:
            return
        self._build_extras()
        for shown, text, type_ in made(self):
            self._made.setdefault(shown, (text, type_))
        self._count_rows({prefix for prefixes in memo.values() for prefix in prefixes})

    def _add(self, source: Source) -> None:
        """One more native behind a Device:2 parameter."""
        first = self._single.setdefault(source.shown, source)
        if first is source:
            return
        sources = self._several.setdefault(source.shown, [first])
        sources.append(source)
        sources.sort(key=_rank)
        self._single[source.shown] = sources[0]

    def _build_extras(self) -> None:
        """Places of a Wi-Fi passphrase that the table does not list: vendors keep it in PreSharedKey or X_ names."""
        for row in self.tree.rows("wlan"):
            shown = f"Device.WiFi.AccessPoint.{self.numbers.ssid(row)}.Security.KeyPassphrase"
            prefix = f"InternetGatewayDevice.LANDevice.{row[0]}.WLANConfiguration.{row[1]}."
            first = prefix + "PreSharedKey.1.PreSharedKey"
            vendor = [
                one.path
                for one in self.tree.parsed
                if one.parent == prefix
                and one.vendor
                and one.path.endswith(("PreSharedKey", "KeyPassphrase", "WPAPassphrase"))
            ]
            for path in (first, *vendor):
                if path in self.tree.values:
                    parsed = self.tree.table.parse(path)
                    mapped = _passphrase_row()
                    self._add(Source(mapped, parsed, shown))
            radio = f"Device.WiFi.Radio.{self.numbers.radio(row)}."
            for leaf, shown_leaf in (("Channel", "AutoChannelEnable"), ("Enable", "Enable")):
                if prefix + leaf in self.tree.values:
                    mapped = _radio_row(leaf, shown_leaf)
                    self._add(Source(mapped, self.tree.table.parse(prefix + leaf), radio + shown_leaf))

    def _count_rows(self, objects: set[str]) -> None:
        """The rows of every Device:2 table, their counts and aliases."""
        rows, counts, children = self._rows, self.tree.table.counts, self.tree.table.children
        everything = [*objects, *(path.rpartition(".")[0] + "." for path in self._made)]
        seen: set[str] = set()
        templates: dict[str, str] = {}
        for prefix in everything:
            while prefix not in seen and len(prefix) > len(DEVICE):
                seen.add(prefix)
                above, _, last = prefix[:-1].rpartition(".")
                if last.isdigit():
                    rows.setdefault(above + ".", set()).add(prefix)
                prefix = above + "."
        for above in rows:
            template = _template(above) + "{i}."
            templates[above] = template
            count = counts.get(template)
            if count is not None:
                shown = above.rpartition(".")[0].rpartition(".")[0] + "." + count.rpartition(".")[2]
                if shown not in self._single:
                    self._made.setdefault(shown, (str(len(rows[above])), "unsignedInt"))
        for name, key, number in self.instances.items():
            above = f"Device.{name}."
            row = f"{above}{number}."
            if row in rows.get(above, ()):
                shown = row + "Alias"
                if shown not in self._single and "Alias" in children.get(templates[above], {}):
                    self._made.setdefault(shown, (alias_of(name, key), "string"))

    def rows_in(self, count_path: str) -> int:
        """How many rows the table counted by a NumberOfEntries parameter has in the view."""
        name = count_path.removesuffix("NumberOfEntries")
        return len(self._rows.get(name + ".", ()))

    # -- reading -----------------------------------------------------------------------------------------------------

    def get(self, path: str) -> Entry | None:
        """The parameter at a Device:2 path; None when the device has nothing for it.

        A native path (``InternetGatewayDevice.``) answers with the native value, kind ``identity``.
        """
        try:
            return self._entries[path]
        except KeyError:
            entry = self._entries[path] = self._entry(path)
            return entry

    def _entry(self, path: str) -> Entry | None:
        source = self._single.get(path)
        if source is not None and path not in self._several:
            mapped = source.mapped
            plain = mapped.plain
            if plain or (plain is None and _judge(mapped)):
                text, type_, writable = self.tree.values[source.parsed.path]
                made_of = text if mapped.read is None or text is None else mapped.read(text)
                if made_of is not None and path not in self.tree.values:
                    row = mapped.row
                    shown_type = row.type or type_ or "string"
                    return Entry((source.parsed.path,), made_of, shown_type, writable and mapped.settable, row.kind)
        return self._made_of_many(path)

    def _made_of_many(self, path: str) -> Entry | None:
        native = self.tree.values.get(path)
        if native is not None:
            return None if native[0] is None else Entry((path,), native[0], native[1], native[2], IDENTITY)
        sources = self.source_of(path)
        text = self._text(sources) if sources else None
        if text is None:
            found = self._made.get(path)
            return None if found is None else Entry((), found[0], found[1], False, SYNTHESIZED)
        first = sources[0]
        native = self.tree.values[first.parsed.path]
        row = first.mapped.row
        return Entry(
            tuple([s.parsed.path for s in sources]) if len(sources) > 1 else (first.parsed.path,),
            text,
            row.type or native[1] or "string",
            self._writable(sources),
            row.kind,
        )

    def _text(self, sources: list[Source]) -> str | None:
        mapped = sources[0].mapped
        fold = FOLDS.get(mapped.row.target)
        if fold is not None:
            known = any(self.tree.values[s.parsed.path][0] is not None for s in sources)
            text = fold(self, sources) if known else None
        elif len(sources) == 1:
            text = self._read(sources[0])
        else:
            text = None
            for source in sources:
                found = self._read(source)
                if found is not None and mapped.words is not None:
                    found = legal(found, mapped.words, mapped.row.is_list)
                if found:
                    return found
                text = found if text is None else text
        if mapped.words is None:
            return text
        if text is None:
            if self.tree.values[sources[0].parsed.path][0] is None:
                return None
            return "Unknown" if "Unknown" in mapped.words else None
        return legal(text, mapped.words, mapped.row.is_list)

    def _read(self, source: Source) -> str | None:
        text = self.tree.values[source.parsed.path][0]
        if text is None:
            return None
        row = source.mapped.row
        if row.value_map:
            keys = _KEYS.get(row.target)
            if keys is not None:
                anchor, leaf, target = keys
                return self.references.row_by_key(anchor, leaf, text, target)
            if row.value_map in _REFERENCE:
                return self.references.to_device(text)
        read = conversion(source.mapped).read
        return text if read is None else read(text)

    def _writable(self, sources: list[Source]) -> bool:
        row = sources[0].mapped.row
        if not row.writable or row.target in _FOLD_ONLY or conversion(sources[0].mapped).write is None:
            return False
        if row.target in RECIPES:
            return any(self.tree.values[s.parsed.path][2] for s in sources)
        return bool(self.tree.values[sources[0].parsed.path][2])

    def paths(self) -> Iterator[str]:
        """All Device:2 parameters that have a value."""
        return (path for path, _ in self.entries())

    def values(self) -> dict[str, str]:
        """Device:2 path -> text, of everything in the view."""
        native, several = self.tree.values, self._several
        out = {p: v[0] for p, v in native.items() if v[0] is not None and p.startswith(DEVICE)} if self._mixed() else {}
        for shown, source in self._single.items():
            mapped = source.mapped
            plain = mapped.plain
            if plain is None:
                plain = _judge(mapped)
            text: str | None
            if not plain or shown in several:
                text = self._text(self.source_of(shown))
            else:
                text = native[source.parsed.path][0]
                if mapped.read is not None and text is not None:
                    text = mapped.read(text)
            if text is not None and shown not in out:
                out[shown] = text
        for shown, (text, _) in self._made.items():
            out.setdefault(shown, text)
        return out

    def _mixed(self) -> bool:
        return len(self.tree.parsed) != len(self.tree.values)

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Every Device:2 parameter with its entry."""
        get = self.get
        for path in self.tree.values:
            if path.startswith(DEVICE):
                entry = get(path)
                if entry is not None:
                    yield path, entry
        for path in (*self._single, *(p for p in self._made if p not in self._single)):
            if path not in self.tree.values:
                entry = get(path)
                if entry is not None:
                    yield path, entry

    def natives(self, path: str) -> tuple[str, ...]:
        """The native parameters behind a Device:2 parameter, best first, or behind an object (its dot at the end)."""
        if path in self.tree.values:
            return (path,)
        if path.endswith("."):
            found = {s.path: None for shown in self._single if shown.startswith(path) for s in self.source_of(shown)}
            found.update((p, None) for p in self.tree.values if p.startswith(path))
            return tuple(found)
        return tuple(source.path for source in self.source_of(path))

    def native_objects(self, path: str) -> tuple[str, ...]:
        """The native objects whose parameters stand directly in a Device:2 object, the most used first."""
        found: dict[str, int] = {}
        depth = path.count(".")
        for shown in self._single:
            if shown.startswith(path) and shown.count(".") == depth:
                for source in self.source_of(shown):
                    found[source.parsed.parent] = found.get(source.parsed.parent, 0) + 1
        return tuple(sorted(found, key=lambda parent: -found[parent]))

    def device2(self, native: str) -> tuple[str, ...]:
        """The Device:2 parameters that a native parameter is part of and that have a value; empty when unmapped."""
        if native.startswith(DEVICE):
            return (native,) if native in self.tree.values else ()
        if self._shown is None:
            self._shown = {}
            for shown in self._single:
                for source in self.source_of(shown):
                    self._shown.setdefault(source.path, []).append(shown)
        return tuple(shown for shown in self._shown.get(native, ()) if self.get(shown) is not None)

    def source_of(self, path: str) -> list[Source]:
        """The natives of a Device:2 parameter with their rows; also of one that has no value at the moment."""
        several = self._several.get(path)
        if several is not None:
            return several
        first = self._single.get(path)
        return [] if first is None else [first]

    def stations(self) -> dict[str, str]:
        """MAC address -> the AssociatedDevice row of the station."""
        if self._stations is None:
            self._stations = {}
            tree = self.tree
            for parent, parsed in tree.parents.items():
                if ".AssociatedDevice." in parent and parent.startswith(ROOT) and len(parsed.idx) == 3:
                    mac = tree.text(parent + "AssociatedDeviceMACAddress").strip().upper()
                    number = self.numbers.ssid(parsed.idx)
                    if mac:
                        row = f"Device.WiFi.AccessPoint.{number}.AssociatedDevice.{parsed.idx[2]}"
                        self._stations.setdefault(mac, row)
        return self._stations


@lru_cache(maxsize=1)
def _passphrase_row() -> Mapped:
    row = Row(
        WLAN + "PreSharedKey.{i}.PreSharedKey", _PASSPHRASE + "KeyPassphrase", "split", "WLAN", "", "", "string",
        "string", True, False, -1,
    )  # fmt: skip
    return Mapped(row, Place(_PASSPHRASE, "WLAN"), "KeyPassphrase", 7, None)


@lru_cache(maxsize=4)
def _radio_row(leaf: str, shown: str) -> Mapped:
    """A radio parameter that the device may leave to be told from its access points; it cannot be written there."""
    place = Place("Device.WiFi.Radio.{i}.", "WLANRADIO")
    row = Row(WLAN + leaf, place.target + shown, "derived", place.rule, "", "", "", "boolean", False, False, -1)
    return Mapped(row, place, shown, 9, None)


def _rank(source: Source) -> tuple[int, tuple[int, ...]]:
    """Best first; of several native rows behind one parameter (keys, access points) the first."""
    return source.mapped.rank, source.parsed.idx


def _judge(mapped: Mapped) -> bool:
    """Fill in ``plain`` and ``read`` of a row."""
    row = mapped.row
    mapped.read, write = conversion(mapped)
    mapped.settable = row.writable and row.target not in _FOLD_ONLY and write is not None
    mapped.plain = not (
        mapped.words is not None or row.target in FOLDS or row.target in _KEYS or row.value_map in _REFERENCE
    )
    return mapped.plain


def _template(path: str) -> str:
    return ".".join("{i}" if s.isdigit() else s for s in path.split("."))
