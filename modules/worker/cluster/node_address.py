"""The address by which a cluster's other machines reach this one, also on a network that leads nowhere else."""

from __future__ import annotations

import ipaddress
import socket

from modules.base.own_addresses import own_addresses

OUTSIDE_ADDRESS = "192.0.2.1"      # a documentation address (RFC 5737): the way there is the way out, nothing is sent


def node_address(head: str = "") -> str:
    """Return this machine's address as the others see it, IPv4; "" if it has none but its own.

    head: `HOST:PORT` of the machine where the cluster began; "" where it begins here
    """
    host = head.rpartition(":")[0] or head
    found = [address_towards(host or OUTSIDE_ADDRESS), *own_addresses()]
    return next((address for address in found if is_reachable(address)), "")


def address_towards(host: str) -> str:
    """Return the address that packets to a host would come from; "" if there is no way, or no such host."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 9))      # of a datagram: no packet goes
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def is_reachable(address: str) -> bool:
    """Return whether others may reach an IPv4 address, unlike one of this machine alone."""
    found = ipaddress.ip_address(address) if address else None
    return found is not None and found.version == 4 and not (
        found.is_loopback or found.is_link_local or found.is_unspecified
    )
