"""Whose request it is where a proxy of our own stands in front: the one thing that may be read off a header."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
_MOST_HOPS = 20


def trusted_networks(named: Iterable[str]) -> tuple[Network, ...]:
    """The networks of our own proxies. Raises ValueError, for people, for what is no network or is the whole world."""
    found = []
    for name in named:
        try:
            network = ip_network(name.strip())
        except ValueError:
            raise ValueError(f"{name!r} ist kein Netz; gemeint ist etwa 10.0.0.5 oder 10.0.0.0/24.") from None
        if network.prefixlen < 8:
            raise ValueError(f"{name} ist viel zu groß: Wer darin ist, könnte jede Adresse vortäuschen.")
        found.append(network)
    return tuple(found)


def client_address(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """The address that is counted and noted: the peer's, or what our own proxies say was theirs.

    Each proxy adds whom it talked to at the right end of X-Forwarded-For. So from the right, the first that is none of
    ours is a fact; all that stands left of it was written by whoever likes. Whatever is malformed leaves the peer's.
    """
    if not trusted or not forwarded_for or not _is_in(_parsed(peer), trusted):
        return peer
    for said in reversed(forwarded_for.rsplit(",", _MOST_HOPS)):
        address = _parsed(said.strip())
        if address is None:
            return peer
        if not _is_in(address, trusted):
            return str(address)
    return peer


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or (None if address.scope_id else address)
    return address


def _is_in(address: IPv4Address | IPv6Address | None, networks: Sequence[Network]) -> bool:
    return address is not None and any(address in network for network in networks)
