"""Ports for parts: different ones, outside of what outgoing connections get, and never one that another living process has."""

import subprocess
import sys
from pathlib import Path

from shared.testing.ports import _reserved, free_ports

OTHER = "import sys; from shared.testing.ports import free_port; print(free_port(), flush=True); sys.stdin.read()"


def test_ports_differ_and_no_outgoing_connection_can_take_them() -> None:
    found = free_ports(50) + free_ports(50)
    assert len(set(found)) == 100
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert not [port for port in found if first <= port <= last]


def test_a_port_is_kept_from_other_processes_while_the_one_that_has_it_lives() -> None:
    with subprocess.Popen([sys.executable, "-c", OTHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        port = int(other.stdout.readline())
        assert not _reserved(port)
    assert _reserved(port)
