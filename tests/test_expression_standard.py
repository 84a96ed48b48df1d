"""Fleet expressions against the committed Device:2 model: right ones pass, wrong ones name the nearest path."""

from __future__ import annotations

import pytest

from cpetwin.datamodel.expression import Expression
from cpetwin.datamodel.expression.standard import Standard
from cpetwin.errors import BadInput


@pytest.mark.parametrize("text", [
    'model == "H199A" && online && Device.WiFi.Radio.[Channel==6&&Enable==true]. && age(Device.WiFi.) < 3600',
    'Device.WiFi.Radio.[OperatingFrequencyBand=="5GHz"].Channel in (36, 40)', "count(Device.NAT.PortMapping.) > 3",
    'Device.WiFi.SSID.*.LowerLayers ~= "Device.WiFi.Radio.1."', "Device.DeviceInfo.UpTime < 3600", "Device.",
    "exists(Device.Hosts.Host.*.X_ORG_Name)", 'Device.WiFi.SSID.[LowerLayers+.Enable==true].SSID like "home*"',
    "Device.ManagementServer.PeriodicInformTime > 2026-01-01",
])  # fmt: skip
def test_real_paths_pass(text: str) -> None:
    Expression.parse(text, schema=Standard())


@pytest.mark.parametrize(("text", "at", "sentence", "hint"), [
    ("Device.WiFi.Radio.*.Chanel == 6", 1, "no Device.WiFi.Radio.{i}.Chanel", "Device.WiFi.Radio.{i}.Channel"),
    ("Device.WiFi.Radoi.*.Channel == 6", 1, "no Device.WiFi.Radoi.{i}.Channel", "Device.WiFi.Radio."),
    ("Device.WiFi.Radio.[Chanel==6].", 20, "no Device.WiFi.Radio.{i}.Chanel", "Device.WiFi.Radio.{i}.Channel"),
    ('Device.WiFi.Radio.*.Channel == "six"', 32, "expected a number", ""),
    ('Device.WiFi.Radio.*.OperatingFrequencyBand == "2.4Ghz"', 47, "never", "2.4GHz"),
    ("Device.WiFi.Radio.*.Enable > 0", 30, "boolean", ""),
    ("Device.WiFi.AccessPoint.*.Security.KeyPassphrase == x", 1, "secret", ""),
    ("Device.WiFi.AccessPoint.[Security.WEPKey==\"x\"].", 26, "secret", ""),
    ("Device.WiFi.Radio.*.Channel && online", 1, "not boolean", ""),
])  # fmt: skip
def test_wrong_ones_say_what_is_near(text: str, at: int, sentence: str, hint: str) -> None:
    with pytest.raises(BadInput) as error:
        Expression.parse(text, schema=Standard())
    assert error.value.message.startswith(f"at character {at}:")
    assert sentence in error.value.message
    assert hint in error.value.hint
