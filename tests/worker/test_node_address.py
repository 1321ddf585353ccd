"""The address by which a cluster's machines reach each other."""

from __future__ import annotations

import argparse
import socket
from types import SimpleNamespace

import psutil
import pytest

from modules.commands.worker import ray_arguments, worker_parser
from modules.settings.flag_types import ipv4_address
from modules.worker.cluster import node_address as module
from modules.worker.cluster.node_address import address_towards, is_reachable, node_address


@pytest.fixture
def network(monkeypatch):
    """Sets the address towards a host, and those of the machine's cards."""

    def has(towards, *cards):
        monkeypatch.setattr(module, "address_towards", lambda host: towards.get(host, ""))
        told = {f"eth{n}": [SimpleNamespace(family=socket.AF_INET, address=card)] for n, card in enumerate(cards)}
        monkeypatch.setattr(psutil, "net_if_addrs", lambda: told)

    return has


def test_a_machine_that_joins_is_known_by_the_network_of_the_first(network):
    network({"10.0.0.1": "10.0.0.7", module.OUTSIDE_ADDRESS: "192.168.1.7"}, "127.0.0.1", "192.168.1.7", "10.0.0.7")
    assert node_address("10.0.0.1:6379") == "10.0.0.7"
    assert node_address() == "192.168.1.7"


def test_a_network_that_leads_nowhere_else_has_an_address_too(network):
    network({}, "127.0.0.1", "169.254.3.4", "192.168.77.1")
    assert node_address() == node_address("nobody:6379") == "192.168.77.1"


def test_a_machine_without_a_network_leaves_it_to_ray(network):
    network({module.OUTSIDE_ADDRESS: "127.0.0.1"}, "127.0.0.1")
    assert node_address() == ""
    chosen = worker_parser().parse_args(["--head"])
    assert not any(each.startswith("--node-ip-address") for each in ray_arguments("", chosen))


def test_the_address_reaches_ray():
    chosen = worker_parser().parse_args(["--node-ip-address", "10.0.0.5"])
    assert "--node-ip-address=10.0.0.5" in ray_arguments("10.0.0.1:6379", chosen)
    with pytest.raises(argparse.ArgumentTypeError, match="10.0.0"):
        ipv4_address("10.0.0")


def test_what_is_asked_of_the_system_is_an_address_of_this_machine():
    assert address_towards("127.0.0.1") == "127.0.0.1" and address_towards("no-such-host.invalid") == ""
    assert [is_reachable(each) for each in ("", "0.0.0.0", "127.0.0.1", "fe80::1", "10.1.2.3")] == [False] * 4 + [True]
