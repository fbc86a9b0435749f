"""A browser and its network in the words of the person who uses them."""

import re
from ipaddress import ip_address, ip_network

# The first that matches counts: most browsers also claim to be the others.
_BROWSERS = (
    ("Edge", r"\bEdg(e|A|iOS)?/"),
    ("Opera", r"\b(OPR|Opera)/"),
    ("Samsung Internet", r"\bSamsungBrowser/"),
    ("Firefox", r"\b(Firefox|FxiOS)/"),
    ("Chrome", r"\b(Chrome|CriOS|Chromium|HeadlessChrome)/"),
    ("Safari", r"\bVersion/.*\bSafari/"),
)
_SYSTEMS = (
    ("iPhone", r"\biPhone\b"),
    ("iPad", r"\biPad\b"),
    ("Android", r"\bAndroid\b"),
    ("Windows", r"\bWindows\b"),
    ("ChromeOS", r"\bCrOS\b"),
    ("macOS", r"\bMac OS X\b|\bMacintosh\b"),
    ("Linux", r"\bLinux\b"),
)


def browser_family(user_agent: str) -> str:
    """`Firefox`; nothing for what is no known browser."""
    return _first(_BROWSERS, user_agent)


def device_in_words(user_agent: str) -> str:
    """`Firefox unter Windows`."""
    browser, system = browser_family(user_agent) or "Unbekannter Browser", _first(_SYSTEMS, user_agent)
    return f"{browser} unter {system}" if system else browser


def network_of(address: str) -> str:
    """The part that all devices of one connection share: /24 of IPv4, /48 of IPv6. As it is if it is no address."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return str(ip_network(f"{ip}/{24 if ip.version == 4 else 48}", strict=False))


def network_in_words(address: str) -> str:
    """`192.0.2.x`; of IPv6 the network and …"""
    network = network_of(address)
    if network.endswith(".0/24"):
        return network.removesuffix("0/24") + "x"
    return network.replace("::/48", ":…")


def _first(table: tuple[tuple[str, str], ...], user_agent: str) -> str:
    return next((name for name, pattern in table if re.search(pattern, user_agent)), "")
