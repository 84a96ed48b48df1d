"""Document + overlay = full write: whatever the order of Reports, a twin is what a plain dictionary says it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twin_model import KEY, MemoryShard, Model

from cpetwin.errors import BadInput
from cpetwin.twin import DeviceEvent, Names, Observations, Report
from cpetwin.twin.document import MAX_DOCUMENT
from cpetwin.twin.merge import MAX_NAME, SMALL_READ
from cpetwin.twin.rewrite import MAX_PARAMETERS
from cpetwin.twin.store.sqlite import twins as twins_module
from cpetwin.twin.store.sqlite.codebook import MAX_INFORM_PARAMETERS

TYPES = {
    **{f"Device.DeviceInfo.{name}": "string" for name in ("SoftwareVersion", "HardwareVersion", "X_Vendor-1")},
    "Device.DeviceInfo.UpTime": "unsignedInt",
    "Device.ManagementServer.ParameterKey": "string",
    "Device.ManagementServer.PeriodicInformInterval": "unsignedInt",
    **{f"Device.WiFi.Radio.{i}.{name}": t for i in (1, 2, 10) for name, t in (("Channel", "int"), ("Enable", "boolean"))},
    **{f"Device.WiFi.Radio.{i}.Stats.BytesSent": "unsignedLong" for i in (1, 2)},
    **{f"Device.Hosts.Host.{i}.{name}": "string" for i in (1, 2, 3, 4) for name in ("HostName", "PhysAddress")},
    **{f"Device.Hosts.Host.{i}.IPv4Address.{j}.IPAddress": "string" for i in (1, 2) for j in (1, 2)},
    "Device.Odd.01.X": "string",
    "Device.X_Y.{i}.Z.2.V": "string",
    "Device.Hosts.Host.7": "string",
    "Device..Empty": "string",
    "Device.Naïve.٣.π": "string",
    "NoDots": "string",
    "Other.1.Root": "string",
}  # fmt: skip
PATHS = sorted(TYPES)
OBJECTS = (
    "Device.", "Device.WiFi.", "Device.WiFi.Radio.", "Device.WiFi.Radio.1.", "Device.WiFi.Radio.1.Stats.",
    "Device.Hosts.", "Device.Hosts.Host.", "Device.Hosts.Host.1.", "Device.Hosts.Host.2.",
    "Device.Hosts.Host.1.IPv4Address.", "Device.Hosts.Host.3.",
)  # fmt: skip
SUBTREES = ("", "Device.", "Device.WiFi.", "Device.Hosts.", "Device.Hosts.Host.2.", "Device.DeviceInfo.")
TEXTS = st.sampled_from(("", "a", "b", "300", "\x00é\U0001f600"))


@contextmanager
def small_limits() -> Iterator[None]:
    """Overlays fold and reads count as large early, so that short sequences see every way."""
    with patch.object(twins_module, "SMALL_READ", 4), patch.object(twins_module, "FOLD_BYTES", 300):
        yield


@st.composite
def observations(draw: st.DrawFn, paths: list[str], most: int = 40, typed: bool = False) -> Observations:
    names = draw(st.lists(st.sampled_from(paths), max_size=most, unique=True)) if paths else []
    texts = draw(st.lists(TEXTS, min_size=len(names), max_size=len(names)))
    untyped = draw(st.booleans()) and not typed
    return Observations(names, texts, ["" if untyped else TYPES[name] for name in names])


@st.composite
def informs(draw: st.DrawFn) -> dict[str, object]:
    fixed = [p for p in PATHS if p.startswith(("Device.DeviceInfo", "Device.Man"))]
    more = draw(st.booleans())
    return {"inform": draw(observations([*fixed, *PATHS[:6]] if more else fixed, 8, typed=True))}


@st.composite
def listings(draw: st.DrawFn, under: str | None = None) -> dict[str, object]:
    under = draw(st.sampled_from(SUBTREES)) if under is None else under
    below = [p for p in (*PATHS, *OBJECTS) if p.startswith(under)]
    left_out = set(draw(st.lists(st.sampled_from(below), max_size=6)))
    listed = [p for p in below if p not in left_out]
    writable = [draw(st.booleans())] * len(listed)
    leaves = [p for p in listed if not p.endswith(".")]
    values = draw(observations(leaves, len(PATHS)))
    if draw(st.booleans()):
        texts = draw(st.lists(TEXTS, min_size=len(leaves), max_size=len(leaves)))
        values = Observations(leaves, texts, [TYPES[p] for p in leaves])
    complete = (under,) if draw(st.booleans()) else ()
    return {"names": Names(under, listed, writable), "values": values, "complete": complete, "cause": "sweep"}


@st.composite
def reads(draw: st.DrawFn) -> dict[str, object]:
    under = draw(st.sampled_from(SUBTREES))
    below = [p for p in PATHS if p.startswith(under)]
    if draw(st.booleans()):
        texts = draw(st.lists(TEXTS, min_size=len(below), max_size=len(below)))
        values = Observations(below, texts, [TYPES[p] for p in below])
    else:
        values = draw(observations(below))
    return {"values": values, "cause": "sweep"}


@st.composite
def complete_reads(draw: st.DrawFn) -> dict[str, object]:
    under = draw(st.sampled_from(SUBTREES[1:]))
    return {"values": draw(observations([p for p in PATHS if p.startswith(under)])), "complete": (under,)}


@st.composite
def losses(draw: st.DrawFn) -> dict[str, object]:
    gone = tuple(draw(st.lists(st.sampled_from(OBJECTS[1:]), min_size=1, max_size=2)))
    left = [path for path in PATHS if not path.startswith(gone)]
    return {"gone": gone, "values": draw(st.none() | observations(left)), "cause": "c1"}


BEFORE = st.one_of(informs(), reads())
AFTER = st.one_of(informs(), informs(), reads(), reads(), complete_reads(), listings(), losses())
SEQUENCES = st.builds(
    lambda before, first, after: [*before, {**first, "discovered": True}, *after],
    st.lists(BEFORE, max_size=3),
    listings(under="Device."),
    st.lists(AFTER, max_size=14),
)


@given(SEQUENCES)
def test_document_and_overlay_are_a_full_write(sequence: list[dict[str, object]]) -> None:
    """Values, types, writability and objects are those of the model; no value claims to be younger than it is;
    history tells every past value, across folds."""
    shard, model = MemoryShard(), Model()
    times = []
    with small_limits():
        for number, parts in enumerate(sequence):
            report = Report(device=KEY, at=1000 + 10 * number, **parts)  # type: ignore[arg-type]
            before = shard.twin().revision
            committed = shard.commit(report)
            model.apply(report)
            times.append(report.at)
            model.check(shard.twin())
            assert committed.revision in (before, before + 1, before + 2)
        model.check(shard.reopened())
        model.check_history(shard.history(), times)
