"""The addresses of this machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator


def own_addresses() -> Iterator[str]:
    """Yield the addresses of all network cards, IPv4 and IPv6, the machine's own among them."""
    import psutil

    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            try:
                yield str(ipaddress.ip_address(address.address.split("%")[0]))
            except ValueError:      # a hardware address
                continue
