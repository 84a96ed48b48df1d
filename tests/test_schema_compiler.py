"""The data-model compiler: every construct of the published models is kept, broken XML is named by file and line."""

from __future__ import annotations

import gzip
import json
import lzma
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cpetwin.datamodel import facts
from cpetwin.datamodel.compiler import BadModel, Model, compile_files, compile_models, read_model
from cpetwin.datamodel.schema import TABLE, Schema
from cpetwin.errors import BadInput

SOURCES = {
    "cwmp": "tr-181-2-19-1-cwmp-full.xml.xz",
    "usp": "tr-181-2-19-1-usp-full.xml.xz",
    "tr098": "tr-098-1-8-0-full.xml.xz",
    "tr104v1": "tr-104-1-1-0-full.xml.xz",
    "tr104v2cwmp": "tr-104-2-0-2-cwmp-full.xml.xz",
}

HEAD = '<dm:document xmlns:dm="urn:broadband-forum-org:cwmp:datamodel-1-{}" spec="urn:test" file="test{}.xml">'
BODY = """
<dataType name="_Base"><string><size maxLength="20"/></string></dataType>
<dataType name="Colour" base="_Base"><enumeration value="red"/><enumeration value="green" access="readOnly"/></dataType>
<dataType name="Pair"><list minItems="2" maxItems="2"/><unsignedInt/></dataType>
<model name="Test:1.3">
 <object name="Test. " access="readOnly" minEntries="1" maxEntries="1" version="1.0">
  <parameter name="RowNumberOfEntries " access="readOnly"><syntax><unsignedInt/></syntax></parameter>
  <parameter name="Both" access="readWrite" version="1.2" status="deprecated" activeNotify="canDeny">
   <description>left out</description>
   <syntax><list maxItems="3"><size maxLength="64"/></list><dataType ref="Colour"/><default type="object" value="red"/>
   </syntax></parameter>
 </object>
 <object name="Test.Row.{i}." access="readWrite" minEntries="0" maxEntries="unbounded"
   numEntriesParameter="RowNumberOfEntries" enableParameter="Enable" discriminatorParameter="Kind"
   mountType="mountPoint" status="obsoleted">
  <uniqueKey functional="false"><parameter ref="Alias"/></uniqueKey>
  <uniqueKey functional="true"><parameter ref="Kind"/><parameter ref="Port"/></uniqueKey>
  <parameter name="Alias" access="readWrite"><syntax><dataType ref="_Base"/></syntax></parameter>
  <parameter name="Enable" access="readWrite"><syntax><boolean/></syntax></parameter>
  <parameter name="Kind" access="readOnly"><syntax><string><pattern value=""/><pattern value="[a-z]+"/>
   <enumerationRef targetParam=".Both" nullValue="None"/></string></syntax></parameter>
  <parameter name="Port" access="readWrite"><syntax><unsignedInt><range minInclusive="1" maxInclusive="9" step="2"/>
   <range minInclusive="20"/><units value="seconds"/></unsignedInt></syntax></parameter>
  <parameter name="Peer" access="readWrite"><syntax secured="true" hidden="true" command="true"><string>
   <pathRef refType="strong" targetParent="#.Row. .Other." targetType="row"/></string></syntax></parameter>
  <parameter name="Curve" access="readOnly"><syntax><list nestedBrackets="required"/><dataType ref="Pair"/></syntax>
  </parameter>
  {}
 </object>
 <profile name="Some:1 " version="1.1"><object ref="Test." requirement="present"/></profile>
</model></dm:document>"""
CALLS = """
  <command name="Go()" async="true" version="1.3"><input><parameter name="Host" mandatory="true"><syntax><string/>
   </syntax></parameter></input><output><object name="Hop.{i}." minEntries="0" maxEntries="unbounded">
   <parameter name="Time"><syntax><unsignedInt/></syntax></parameter></object></output></command>
  <event name="Done!"><parameter name="Why"><syntax><string/></syntax></parameter></event>"""


def write(folder: Path, name: str, text: str | bytes) -> Path:
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


@pytest.fixture
def small(tmp_path: Path) -> Schema:
    """A model with every construct, merged from a CWMP and a USP document."""
    cwmp = write(tmp_path, "test-cwmp.xml", HEAD.format(5, "-cwmp") + BODY.replace("{}", "", 1))
    usp = write(tmp_path, "test-usp.xml", HEAD.format(14, "-usp") + BODY.replace("{}", CALLS, 1))
    return Schema(facts.unpack(facts.pack(compile_files([cwmp, usp])), "table"))


def test_every_construct_is_kept(small: Schema) -> None:
    """Lists, bounds, keys, references made absolute, inherited types; blanks around names are not part of them."""
    both = small.parameter("Test.Both")
    assert both is not None and both.list == facts.ListOf((facts.Size(0, 64),), 0, 3)
    assert (both.type, both.types, both.base) == ("Colour", ("Colour", "_Base"), "string")
    assert [(i.value, i.access) for i in both.enumeration] == [("red", "readWrite"), ("green", "readOnly")]
    assert both.sizes == (facts.Size(0, 20),)
    assert (both.since, both.status, both.notify) == ("1.2", "deprecated", "canDeny")
    assert (both.default_type, both.default) == ("object", "red")
    row = small.object("Test.Row.")
    assert row is not None and row.template == "Test.Row.{i}." and row.is_table and row.high is None
    assert [(k.functional, k.parameters) for k in row.keys] == [(False, ("Alias",)), (True, ("Kind", "Port"))]
    assert (row.count_parameter, row.enable_parameter, row.discriminator) == ("RowNumberOfEntries", "Enable", "Kind")
    assert (row.mount, row.status, row.writable) == ("mountPoint", "obsoleted", True)
    port = small.parameter("Test.Row.7.Port")
    assert port is not None and port.ranges == (facts.Range(1, 9, 2), facts.Range(20)) and port.units == "seconds"
    kind = small.parameter("Test.Row.*.Kind")
    assert kind is not None and kind.patterns == ("", "[a-z]+")
    assert kind.reference == facts.Reference("enumeration", ("Test.Both",), null_value="None")
    peer = small.parameter("Test.Row.{i}.Peer")
    assert peer is not None and (peer.secured, peer.hidden, peer.is_command) == (True, True, True)
    assert peer.reference == facts.Reference("path", ("Test.Row.", "Test.Other."), "strong", "row")
    curve = small.parameter("Test.Row.1.Curve")
    assert curve is not None and curve.list is not None and curve.list.nested == "required" and curve.type == "Pair"
    assert [p.name for p in small.models[0].profiles] == ["Some:1"]


def test_commands_and_events_have_their_arguments(small: Schema) -> None:
    """Through argument objects, with what is mandatory; the protocols are told apart."""
    go, done = small.command("Test.Row.3.Go()"), small.event("Test.Row.{i}.Done!")
    assert go is not None and go.asynchronous and go.protocols == ("usp",)
    assert [(a.path, a.mandatory) for a in go.inputs] == [("Host", True)]
    assert [(a.path, a.base) for a in go.outputs] == [("Hop.{i}.Time", "unsignedInt")]
    assert done is not None and [a.path for a in done.arguments] == ["Why"]
    assert small.command("Test.Row.3.Gone()") is None and small.event("Test.Gone!") is None
    row = small.object("Test.Row.1.")
    assert row is not None and row.protocols == ("cwmp", "usp") and row.commands == ("Test.Row.{i}.Go()",)
    cwmp = small.object("Test.Row.1.", "cwmp")
    assert cwmp is not None and cwmp.commands == ()


def test_an_overlay_holds_what_a_protocol_says_differently(tmp_path: Path) -> None:
    """The USP document changes one access and leaves one parameter out."""
    text = BODY.replace("{}", "", 1)
    other = text.replace('name="Alias" access="readWrite"', 'name="Alias" access="writeOnceReadOnly"').replace(
        '<parameter name="Enable" access="readWrite"><syntax><boolean/></syntax></parameter>', ""
    )
    files = [
        write(tmp_path, "test-cwmp.xml", HEAD.format(5, "-cwmp") + text),
        write(tmp_path, "test-usp.xml", HEAD.format(14, "-usp") + other),
    ]
    found = Schema(compile_files(files))
    assert [found.parameter("Test.Row.1.Alias", p).access for p in (None, "cwmp", "usp")] == [  # type: ignore[union-attr]
        "readWrite", "readWrite", "writeOnceReadOnly",
    ]  # fmt: skip
    assert found.parameter("Test.Row.1.Enable", "usp") is None
    assert found.parameter("Test.Row.1.Enable") is not None
    with pytest.raises(BadInput, match="two documents define Test for cwmp"):
        compile_files([files[0], files[0]])


GOOD = HEAD.format(5, "") + BODY.replace("{}", "", 1)
BROKEN: list[tuple[str, Callable[[str], str], str]] = [
    ("cut", lambda t: t[:-30], r"line \d+: not well-formed"),
    ("empty", lambda t: "", "line 0: not well-formed|not well-formed"),
    ("text", lambda t: "hello", "line 1: not well-formed"),
    ("doctype", lambda t: "<!DOCTYPE x>" + t, "line 1: a DOCTYPE is refused"),
    ("entity", lambda t: '<!DOCTYPE x [<!ENTITY a "b">]>' + t.replace("red", "&a;", 1), "DOCTYPE is refused"),
    ("laughs", lambda t: '<!DOCTYPE x [<!ENTITY a "bb"><!ENTITY b "&a;&a;">]><document>&b;</document>', "DOCTYPE"),
    ("root", lambda t: "<html/>", "root element is <html>, expected <document>"),
    ("no model", lambda t: "<document/>", "holds one model, this one 0"),
    ("import", lambda t: t.replace("<model", '<import file="x.xml"/><model'), "<import>: give the full"),
    ("model name", lambda t: t.replace("Test:1.3", "Test"), "is no name of a model"),
    ("type", lambda t: t.replace("<boolean/>", "<bool/>"), r"line 19: <bool> is no type"),
    ("no type", lambda t: t.replace("<boolean/>", ""), "line 19: <syntax> names no type"),
    ("no syntax", lambda t: t.replace("<syntax><boolean/></syntax>", ""), "line 19: Enable needs one <syntax>"),
    ("no name", lambda t: t.replace('name="Enable" ', ""), "line 19: <parameter> needs the attribute name"),
    ("named type", lambda t: t.replace('<dataType ref="Pair"/>', '<dataType ref="Trio"/>'), "no data type Trio"),
    ("loop", lambda t: t.replace('name="_Base"', 'name="_Base" base="Colour"'), "derived from itself"),
    ("twice", lambda t: t.replace('name="Pair"', 'name="Colour"'), "data type Colour is defined twice"),
    ("same", lambda t: t.replace('name="Enable"', 'name="Alias"'), "Test.Row.{i}.Alias is defined twice"),
    ("number", lambda t: t.replace('minInclusive="20"', 'minInclusive="x"'), "minInclusive='x' is no integer"),
    ("range", lambda t: t.replace('maxInclusive="9"', 'maxInclusive="0"'), "the range 1 to 0 is empty"),
    ("flag", lambda t: t.replace('hidden="true"', 'hidden="yes"'), "hidden='yes' is neither true nor false"),
    ("access", lambda t: t.replace('access="readWrite" version', 'access="rw" version'), "access='rw' is none of"),
    ("status", lambda t: t.replace('"deprecated"', '"old"'), "status='old' is none of"),
    ("key", lambda t: t.replace('<parameter ref="Kind"/>', '<parameter ref="Sort"/>'), "names Sort, which is no"),
    ("path", lambda t: t.replace('name="Test.Row.{i}."', 'name="Test..Row.{i}."'), "is no object of Test:1.3"),
    ("foreign", lambda t: t.replace('name="Test.Row.{i}."', 'name="Other.Row.{i}."'), "is no object of Test:1.3"),
    ("above", lambda t: t.replace('"#.Row. .Other."', '"####.Row."'), "leads above the root"),
    ("facet", lambda t: t.replace('<units value="seconds"/>', "<colour/>"), "<colour> is no facet"),
    ("element", lambda t: t.replace("<profile", "<extra/><profile"), "<extra> has no place in a model"),
    ("entries", lambda t: t.replace('minEntries="1"', 'minEntries="2"', 1), "minEntries is above maxEntries"),
    ("deep", lambda t: t.replace("left out", "<b>" * 60 + "</b>" * 60), "more than 40 nested elements"),
    ("very deep", lambda t: "<document>" + "<b>" * 5000 + "</b>" * 5000 + "</document>", "not well-formed|nested"),
]


@pytest.mark.parametrize(("name", "spoil", "words"), BROKEN, ids=[name for name, _, _ in BROKEN])
def test_broken_documents_are_named_by_file_line_and_reason(
    tmp_path: Path, name: str, spoil: Callable[[str], str], words: str
) -> None:
    """Never a traceback, never a silent loss."""
    text = spoil(GOOD)
    assert text != GOOD
    with pytest.raises(BadModel, match=words.replace("{i}", r"\{i\}")) as error:
        read_model(write(tmp_path, "spoilt.xml", text))
    assert error.value.message.startswith("spoilt.xml")


def test_packed_documents_are_read_and_bombs_are_not(tmp_path: Path) -> None:
    """.gz and .xz by suffix; a document that unpacks to too much, or to nothing readable, is refused."""
    for name, data in (("t.xml.xz", lzma.compress(GOOD.encode())), ("t.xml.gz", gzip.compress(GOOD.encode()))):
        assert read_model(write(tmp_path, name, data)).row.name == "Test:1.3"
        with pytest.raises(BadModel, match="cannot be (unpacked|read)"):
            read_model(write(tmp_path, name, data[:-20]))
        with pytest.raises(BadModel, match="cannot be (unpacked|read)"):
            read_model(write(tmp_path, name, b"not packed"))
    squeeze = zlib.compressobj(9, wbits=31)
    bomb = b"".join(squeeze.compress(b" " * (1 << 20)) for _ in range(70)) + squeeze.flush()
    with pytest.raises(BadModel, match="more than 64 MB"):
        read_model(write(tmp_path, "bomb.xml.gz", bomb))
    with pytest.raises(BadModel, match="cannot be read"):
        read_model(tmp_path / "absent.xml")


def test_nothing_to_compile_is_said() -> None:
    with pytest.raises(BadInput, match="nothing to compile"):
        compile_models([])


def test_a_file_that_is_no_table_is_refused() -> None:
    """Also one of another format."""
    for junk in (b"", b"junk", facts.pack(facts.Table(99, (), {}, (), ()))):
        with pytest.raises(BadInput, match="facts table"):
            facts.unpack(junk, "x")


# -- against the published models


@pytest.fixture(scope="module")
def models(shared: Path) -> dict[str, Model]:
    folder = shared / "datamodel"
    if not folder.is_dir():
        pytest.skip("shared: ../shared/datamodel is absent")
    return {name: read_model(folder / file) for name, file in SOURCES.items()}


@pytest.fixture(scope="module")
def counts(shared: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shared / "datamodel" / "model_counts.json").read_text())
    return found


def test_the_committed_table_is_what_the_compiler_makes_of_the_models(models: dict[str, Model]) -> None:
    """Byte by byte once unpacked; otherwise: cpetwin datamodel compile ... --output cpetwin/datamodel/data/..."""
    import msgspec

    made = msgspec.msgpack.encode(compile_models(list(models.values())))
    assert msgspec.msgpack.encode(facts.read(TABLE)) == made


@pytest.mark.parametrize("name", SOURCES)
def test_the_compiler_counts_as_the_models_do(name: str, models: dict[str, Model], counts: dict[str, Any]) -> None:
    """Objects, parameters, types, bounds, keys, commands and events, as counted independently."""
    model, expected = models[name], counts[name]
    syntaxes = list(model.syntaxes)
    # What stands beside the object of a service is not counted there.
    objects = [row for row in model.objects if row.path or not model.row.service]
    parameters = [(row, p, syntaxes[p.syntax]) for row in objects for p in row.parameters]

    def own(syntax: facts.Syntax, facet: str) -> bool:
        """Whether the parameter bounds itself, not only its named type."""
        value = getattr(syntax, facet)
        if not syntax.types:
            return bool(value)
        return bool(value) and value != getattr(model.types[syntax.types[0]], facet)

    full = [row.path if model.row.service else f"{model.root}.{row.path}" for row in objects]
    calls = [c for row in objects for c in row.commands]
    events = [e for row in objects for e in row.events]
    found: dict[str, Any] = {
        "model": model.row.name,
        "objects": len(objects),
        "multi_instance": sum(path.endswith("{i}.") for path in full),
        "obj_max_unbounded": sum(row.high is None for row in objects),
        "obj_max_fixed>1": sum((row.high or 0) > 1 for row in objects),
        "obj_optional(0..1)": sum((row.low, row.high) == (0, 1) for row in objects),
        "obj_writable(create/delete)": sum(row.access == "readWrite" for row in objects),
        "obj_status": dict(Counter(row.status for row in objects)),
        "obj_with_discriminator": sum(bool(row.discriminator) for row in objects),
        "obj_mount": [path for path, row in zip(full, objects, strict=True) if row.mount],
        "depth_i_hist": dict(Counter(str(path.count("{i}")) for path in full)),
        "params": len(parameters),
        "params_status": dict(Counter(p.status for _, p, _ in parameters)),
        "access": dict(Counter(p.access for _, p, _ in parameters)),
        "activeNotify": dict(Counter(p.notify for _, p, _ in parameters)),
        "type": dict(Counter(s.types[0] if s.types else s.base for _, _, s in parameters)),
        "named_type_params": sum(bool(s.types) for _, _, s in parameters),
        "list_params": sum(own(s, "list") for _, _, s in parameters),
        "enum_params": sum(own(s, "enumeration") for _, _, s in parameters),
        "enum_values_in_params": sum(len(s.enumeration) for _, _, s in parameters if own(s, "enumeration")),
        "range_params": sum(own(s, "ranges") for _, _, s in parameters),
        "pattern_params": sum(own(s, "patterns") for _, _, s in parameters),
        "units_params": sum(own(s, "units") for _, _, s in parameters),
        "enumRef_params": sum(s.reference is not None and s.reference.kind == "enumeration" for _, _, s in parameters),
        "pathRef_params": sum(s.reference is not None and s.reference.kind == "path" for _, _, s in parameters),
        "hidden": sum(s.hidden for _, _, s in parameters),
        "secured": sum(s.secured for _, _, s in parameters),
        "command_true": sum(s.command for _, _, s in parameters),
        "unique_keys": sum(len(row.keys) for row in objects),
        "compound_keys": sum(len(k.parameters) > 1 for row in objects for k in row.keys),
        "multi_without_keys": sum(p.endswith("{i}.") and not r.keys for p, r in zip(full, objects, strict=True)),
        "numEntries": sum(bool(row.count_parameter) for row in objects),
        "commands": len(calls),
        "commands_async": sum(c.asynchronous for c in calls),
        "cmd_in_args": sum(len(c.inputs.arguments) for c in calls),
        "cmd_out_args": sum(len(c.outputs.arguments) for c in calls),
        "cmd_in_mandatory": sum(a.mandatory and "." not in a.path for c in calls for a in c.inputs.arguments),
        "events": len(events),
        "event_args": sum(len(e.arguments.arguments) for e in events),
        "profiles": len(model.row.profiles),
        "profiles_status": dict(Counter(p.status for p in model.row.profiles)),
        "dataTypes": len(model.types),
        "obj_version": dict(Counter(row.since or "?" for row in objects)),
        "param_version": dict(Counter(p.since or "?" for _, p, _ in parameters)),
    }  # fmt: skip
    if name == "cwmp":
        # Five parameters restate the five values of their named type; they count as bounding themselves there.
        found |= {"enum_params": found["enum_params"] + 5, "enum_values_in_params": found["enum_values_in_params"] + 25}
    assert found == {key: expected[key] for key in found}


def test_the_merged_schema_has_the_parameters_of_each_protocol(models: dict[str, Model]) -> None:
    """What a protocol's own document says of a parameter is what the merged schema answers for that protocol."""
    merged = Schema(facts.read(TABLE))
    for name in ("cwmp", "usp"):
        model = models[name]
        syntaxes = list(model.syntaxes)
        for row in model.objects:
            for p in row.parameters:
                found = merged.parameter(f"Device.{row.path}{p.name}", name)
                assert found is not None
                assert (found.access, found.since, found.status, found.notify, found.forced_inform) == (
                    p.access, p.since, p.status, p.notify, p.forced,
                )  # fmt: skip
                assert (found.syntax, found.default_type, found.default) == (
                    syntaxes[p.syntax], p.default_type, p.default,
                )  # fmt: skip
        assert sum(1 for _ in merged.parameters("Device.", name) if _.model == "Device:2.19") == sum(
            len(row.parameters) for row in model.objects
        )
