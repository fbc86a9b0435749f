"""Browsers and networks in words."""

import pytest

from dentatool.values.device import browser_family, device_in_words, network_in_words, network_of

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0"
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36 Edg/131.0.2903.86"
)
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
SAFARI = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1"
)
ANDROID = "Mozilla/5.0 (Android 14; Mobile; rv:133.0) Gecko/133.0 Firefox/133.0"


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (FIREFOX, "Firefox unter Windows"),
        (EDGE, "Edge unter Windows"),
        (CHROME, "Chrome unter Linux"),
        (SAFARI, "Safari unter macOS"),
        (IPHONE, "Chrome unter iPhone"),
        (ANDROID, "Firefox unter Android"),
        ("curl/8.5", "Unbekannter Browser"),
        ("", "Unbekannter Browser"),
    ],
)
def test_a_device_in_words(user_agent, words):
    assert device_in_words(user_agent) == words


def test_a_new_version_is_still_the_same_family():
    assert browser_family(FIREFOX.replace("133", "140")) == browser_family(FIREFOX) == "Firefox"


@pytest.mark.parametrize(
    ("address", "network", "words"),
    [
        ("192.0.2.77", "192.0.2.0/24", "192.0.2.x"),
        ("2001:db8:1:2::5", "2001:db8:1::/48", "2001:db8:1:…"),
        ("::ffff:192.0.2.9", "192.0.2.0/24", "192.0.2.x"),
        ("", "", ""),
        ("unix", "unix", "unix"),
    ],
)
def test_an_address_and_its_network(address, network, words):
    assert (network_of(address), network_in_words(address)) == (network, words)
