"""The address behind a proxy of our own: what our proxies wrote is a fact, what the client wrote is not."""

import pytest

from dentatool.values.proxies import client_address, trusted_networks

NGINX, OURS = "10.0.0.5", trusted_networks(["10.0.0.0/24", "2001:db8:5::/64"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        (NGINX, "192.0.2.7", "192.0.2.7"),
        (NGINX, "203.0.113.1, 192.0.2.7", "192.0.2.7"),  # the left one the client itself has written
        (NGINX, "192.0.2.7, 10.0.0.9", "192.0.2.7"),  # two proxies of ours, one behind the other
        (NGINX, "1.1.1.1, 10.0.0.1, 192.0.2.7,10.0.0.9", "192.0.2.7"),
        (NGINX, "2001:DB8:0:1::7", "2001:db8:0:1::7"),
        (NGINX, "::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:10.0.0.5", "192.0.2.7", "192.0.2.7"),
        ("2001:db8:5::1", "192.0.2.7", "192.0.2.7"),
        (NGINX, "10.0.0.9, 10.0.0.8", NGINX),  # nobody but ourselves
        (NGINX, "", NGINX),
        ("192.0.2.99", "203.0.113.1", "192.0.2.99"),  # no proxy of ours: a claim
        ("192.0.2.99", "10.0.0.5", "192.0.2.99"),
    ],
)
def test_whose_request_it_is(peer, forwarded, address):
    assert client_address(peer, forwarded, OURS) == address


@pytest.mark.parametrize(
    "forwarded",
    [
        "unknown", "192.0.2.7, ", ",", "192.0.2.7:4711", "[2001:db8::7]", "fe80::1%eth0", "192.0.2.700", "192.0.2.07",
        "192.0.2.7, böse", "for=192.0.2.7", "localhost", "3221225991", "0x7f.1", "192.0.2.7;", "x" * 60_000,
        ", ".join(["10.0.0.9"] * 5_000),
    ],
)  # fmt: skip
def test_what_is_malformed_leaves_the_address_of_the_proxy(forwarded):
    assert client_address(NGINX, forwarded, OURS) == NGINX


def test_without_proxies_of_our_own_no_header_is_believed():
    assert client_address("127.0.0.1", "192.0.2.7", ()) == "127.0.0.1"
    assert client_address("", "192.0.2.7", OURS) == ""


@pytest.mark.parametrize("named", ["nginx", "10.0.0.1/24", "0.0.0.0/0", "::/0", "10.0.0.0/33", "10.0.0.0/7"])
def test_what_is_no_network_or_nearly_the_whole_world_is_refused(named):
    with pytest.raises(ValueError, match=r"Netz|groß"):
        trusted_networks([named])
