"""Wi-Fi facts that TR-098 spreads over several parameters: the band, the standards, the security mode.

Security (TR-098 WLANConfiguration.BeaconType and its companions): the beacon type says which of the three
pairs of authentication and encryption count; Device:2 has one word for the whole.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .instances import InstanceMap
from .native import Idx, NativeTree, path_of
from .table import ROOT

WLAN = ROOT + "LANDevice.{i}.WLANConfiguration.{i}."
_BAND_LEAF = re.compile(r"X_.*(Band|Frequency|RFBand|Radio)\Z", re.IGNORECASE)
_BAND_TEXT = (("2.4", "2.4GHz"), ("2_4", "2.4GHz"), ("2g", "2.4GHz"), ("5", "5GHz"), ("6", "6GHz"))


def _said_band(tree: NativeTree, prefix: str) -> str:
    for one in tree.children(prefix):
        if _BAND_LEAF.match(one.path[len(prefix) :]):
            text = tree.text(one.path).strip().lower()
            for mark, band in _BAND_TEXT:
                if text.startswith(mark) and (len(text) > 1 or not text.isdigit() or len(mark) == len(text)):
                    return band
    return ""


def _band_of_channels(text: str) -> str:
    numbers = [int(c) for part in text.split(",") for c in part.split("-") if c.strip().isdigit()]
    numbers = [n for n in numbers if n]
    if not numbers:
        return ""
    return "5GHz" if max(numbers) > 14 else "2.4GHz"


def _band_of_standard(text: str) -> str:
    words = set(standards(text))
    if words & {"b", "g"}:
        return "2.4GHz"
    return "5GHz" if words & {"a", "ac"} else ""


def band_of(tree: NativeTree, idx: Idx, instances: InstanceMap) -> str:
    """The band of a WLANConfiguration: what a vendor parameter says, then channel, channels, standard; a device
    that says nothing now (radio off, automatic channel) keeps what it once said, else the usual layout."""
    prefix = path_of(WLAN, idx)
    key = f"band:{idx[0]}.{idx[1]}"
    band = (
        _said_band(tree, prefix)
        or _band_of_channels(tree.text(prefix + "Channel"))
        or _band_of_channels(tree.text(prefix + "PossibleChannels"))
        or _band_of_standard(tree.text(prefix + "Standard"))
    )
    if band:
        instances.remember(key, band)
        return band
    return instances.fact(key) or ("5GHz" if idx[1] > 4 else "2.4GHz")


_STANDARD = re.compile(r"ac|ax|be|[abgn]")
_KNOWN = {
    "a": "a",
    "b": "b",
    "g": "b,g",
    "g-only": "g",
    "bg": "b,g",
    "b/g": "b,g",
    "bgn": "b,g,n",
    "b/g/n": "b,g,n",
    "an": "a,n",
    "a/n": "a,n",
}


def standards(text: str) -> list[str]:
    """The single standards a native word names: ``b/g/n``, ``11bgn``, ``802.11ac`` -> b, g, n / ac."""
    return _STANDARD.findall(re.sub(r"802\.11|11", "", text.lower().replace("mixed", "").replace("only", "")))


def read_standards(text: str, band: str) -> str | None:
    """Device:2 OperatingStandards of a TR-098 Standard (vendors also send ac and ax)."""
    word = re.sub(r"\A(?:802\.11|11)", "", text.strip().lower())
    if not word:
        return None
    if word == "n":
        return "b,g,n" if band == "2.4GHz" else "a,n"
    if word == "ac":
        return "a,n,ac"
    if word == "ax":
        return "b,g,n,ax" if band == "2.4GHz" else "a,n,ac,ax"
    if word in _KNOWN:
        return _KNOWN[word]
    found = list(dict.fromkeys(standards(word)))
    return ",".join(found) if found else None


# -- security -------------------------------------------------------------------------------------------------------

TUPLE = (
    "BeaconType",
    "BasicEncryptionModes",
    "BasicAuthenticationMode",
    "WPAEncryptionModes",
    "WPAAuthenticationMode",
    "IEEE11iEncryptionModes",
    "IEEE11iAuthenticationMode",
)
"""The parameters that make up a security mode."""

_CIPHER_WORDS = {"TKIP": "TKIPEncryption", "AES": "AESEncryption", "TKIP,AES": "TKIPandAESEncryption"}


class Security(NamedTuple):
    """What a WLANConfiguration says about its security; empty strings where it does not have the parameter."""

    beacon: str
    basic_encryption: str
    wpa_encryption: str
    wpa_authentication: str
    rsn_encryption: str
    rsn_authentication: str

    @property
    def family(self) -> str:
        """none, basic, wpa, 11i, both, wpa3, transition; empty when the device says nothing we know.

        The words are those of TR-098 (``WPAand11i``) and of vendors (``WPA2``, ``WPA/WPA2-PSK``, ``OPEN``).
        """
        word = self.beacon.strip().lower()
        sae = "wpa3" in word or "sae" in word
        rsn = "11i" in word or "wpa2" in word or "rsn" in word
        wpa = "wpa" in word.replace("wpa2", "").replace("wpa3", "")
        if sae:
            return "transition" if rsn else "wpa3"
        if rsn or wpa:
            return "both" if rsn and wpa else "11i" if rsn else "wpa"
        if word in ("basic", "open", "opensystem", "wep"):
            return "basic"
        return "none" if word == "none" else ""

    @property
    def mode(self) -> str | None:
        """Device:2 Security.ModeEnabled without the WEP length (``WEP``); None when it cannot be told."""
        family = self.family
        if family == "none":
            return "None"
        if family == "basic":
            wep = "wep" in self.basic_encryption.lower() or "wep" in self.beacon.lower()
            return "WEP" if wep else "None"
        if family in ("wpa3", "transition"):
            return "WPA3-Personal" if family == "wpa3" else "WPA3-Personal-Transition"
        if family not in ("wpa", "11i", "both"):
            return None
        said = self.wpa_authentication if family == "wpa" else self.rsn_authentication
        said = (said or self.wpa_authentication or self.rsn_authentication).lower()
        kind = "Enterprise" if "eap" in said or "radius" in said else "Personal"
        return {"wpa": "WPA-", "11i": "WPA2-", "both": "WPA-WPA2-"}[family] + kind

    @property
    def encryption(self) -> str:
        """Device:2 Security.EncryptionMode, the ciphers used when the mode is one of WPA; empty when there are none."""
        words = (self.wpa_encryption, self.rsn_encryption)
        for word in words if self.family == "wpa" else reversed(words):
            found = ciphers(word)
            if found:
                return found
        return ""


def ciphers(word: str) -> str:
    """``TKIPandAESEncryption`` -> ``TKIP,AES``; empty for WEP and none."""
    folded = word.lower()
    return ",".join(c for c, mark in (("TKIP", "tkip"), ("AES", "aes"), ("AES", "ccmp")) if mark in folded)


def security_of(tree: NativeTree, prefix: str) -> Security:
    """Read the tuple of the WLANConfiguration at ``prefix``."""
    text = tree.text
    return Security(
        text(prefix + "BeaconType"),
        text(prefix + "BasicEncryptionModes"),
        text(prefix + "WPAEncryptionModes"),
        text(prefix + "WPAAuthenticationMode"),
        text(prefix + "IEEE11iEncryptionModes"),
        text(prefix + "IEEE11iAuthenticationMode"),
    )


def wep_length(tree: NativeTree, prefix: str) -> str:
    """WEP-64 or WEP-128 by the length of the current key; WEP-128 when it cannot be read."""
    index = tree.text(prefix + "WEPKeyIndex").strip() or "1"
    key = tree.text(f"{prefix}WEPKey.{index}.WEPKey").strip()
    return "WEP-64" if len(key) in (5, 10) else "WEP-128"


def read_mode(tree: NativeTree, prefix: str) -> str | None:
    """Device:2 Security.ModeEnabled of the WLANConfiguration at ``prefix``."""
    mode = security_of(tree, prefix).mode
    return wep_length(tree, prefix) if mode == "WEP" else mode


def modes_supported(tree: NativeTree, prefix: str) -> list[str]:
    """The modes the device's own parameters can express (WEP by the lengths it names)."""
    values = tree.values
    modes = ["None"]
    lengths = tree.text(prefix + "WEPEncryptionLevel")
    if prefix + "BasicEncryptionModes" in values:
        modes += [m for mark, m in (("40", "WEP-64"), ("104", "WEP-128")) if mark in lengths or not lengths]
    wpa, rsn = prefix + "WPAAuthenticationMode" in values, prefix + "IEEE11iAuthenticationMode" in values
    pairs = (("WPA", wpa), ("WPA2", rsn), ("WPA-WPA2", wpa and rsn))
    modes += [name + "-Personal" for name, there in pairs if there]
    modes += [name + "-Enterprise" for name, there in pairs if there]
    return modes


def tuple_for(mode: str, now: Security) -> dict[str, str]:
    """The native words that make up a Device:2 mode; ciphers that fit already are kept."""
    if mode == "None":
        return {"BeaconType": "Basic", "BasicEncryptionModes": "None", "BasicAuthenticationMode": "None"}
    if mode.startswith("WEP-"):
        return {"BeaconType": "Basic", "BasicEncryptionModes": "WEPEncryption", "BasicAuthenticationMode": "None"}
    name, _, kind = mode.rpartition("-")
    authentication = "PSKAuthentication" if kind == "Personal" else "EAPAuthentication"
    wpa = {"WPAAuthenticationMode": authentication, "WPAEncryptionModes": _cipher(now.wpa_encryption, "TKIPEncryption")}
    rsn = {
        "IEEE11iAuthenticationMode": authentication,
        "IEEE11iEncryptionModes": _cipher(now.rsn_encryption, "AESEncryption"),
    }
    if name == "WPA":
        return {"BeaconType": "WPA", **wpa}
    if name == "WPA2":
        if "AES" not in rsn["IEEE11iEncryptionModes"]:
            rsn["IEEE11iEncryptionModes"] = "AESEncryption"
        return {"BeaconType": "11i", **rsn}
    mixed = "TKIPandAESEncryption"
    return {"BeaconType": "WPAand11i", **wpa, **rsn, "WPAEncryptionModes": mixed, "IEEE11iEncryptionModes": mixed}


def _cipher(now: str, default: str) -> str:
    return now if ciphers(now) and "wep" not in now.lower() else default


def cipher_places(now: Security) -> tuple[str, ...]:
    """Which native parameters carry the cipher of the present mode; all when no WPA mode is on."""
    both = ("WPAEncryptionModes", "IEEE11iEncryptionModes")
    return {"wpa": both[:1], "11i": both[1:]}.get(now.family, both)


def cipher_word(text: str) -> str | None:
    """The native word of a Device:2 cipher list, None when TR-098 has none."""
    items = sorted({item.strip() for item in text.split(",") if item.strip()}, reverse=True)
    return _CIPHER_WORDS.get(",".join(items))
