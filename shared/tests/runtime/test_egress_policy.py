"""Which addresses are called: a table, so that a hole shows as a line."""

from ipaddress import ip_address

import pytest

from shared.runtime.egress import Egress, EgressPolicy, EgressRefused

REFUSED_ADDRESSES = [
    # loopback, this network, unspecified
    *("127.0.0.1", "127.0.0.53", "127.255.255.254", "0.0.0.0", "0.1.2.3", "::1", "::"),
    # private, shared, link-local
    *("10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255", "169.254.1.1"),
    *("fc00::1", "fd12:3456:789a::1", "fe80::1", "fec0::1"),
    # reserved, multicast, broadcast, documentation, benchmarks
    *("192.0.0.1", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250"),
    *("240.0.0.1", "255.255.255.255", "ff02::1", "2001:db8::1", "3fff::1", "100::1", "5f00::1"),
    # other addresses inside: mapped, compatible, NAT64, 6to4, Teredo, ISATAP
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::10.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::"),
    *("2001:0:7f00:1::", "2001:0:808:808:0:0:80ff:fffe", "2606:4700::5efe:7f00:1", "2606:4700::200:5efe:a00:1"),
]

METADATA = [
    *("169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "192.0.0.192", "168.63.129.16"),
    *("fd00:ec2::254", "fd20:ce::254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::169.254.169.254"),
]

CALLED = [
    *("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1"),
    *("169.253.255.255", "172.15.255.255", "172.32.0.1", "192.167.255.255", "193.0.0.1", "223.255.255.255"),
    *("2606:4700:4700::1111", "2a00:1450:4001:81b::200e", "64:ff9b::808:808", "2002:808:808::1", "::ffff:8.8.8.8"),
]


@pytest.mark.parametrize("address", REFUSED_ADDRESSES)
def test_addresses_inside_are_refused_with_the_way_out(address: str) -> None:
    with pytest.raises(EgressRefused) as refused:
        EgressPolicy().check_address("some.host", ip_address(address))
    assert "some.host" in str(refused.value)
    assert "FLOWTOWER_EGRESS_ALLOW" in str(refused.value) or "metadata" in str(refused.value)


@pytest.mark.parametrize("address", CALLED)
def test_public_addresses_are_called(address: str) -> None:
    EgressPolicy().check_address("some.host", ip_address(address))


@pytest.mark.parametrize("address", METADATA)
@pytest.mark.parametrize("allow", [["0.0.0.0/0", "::/0"], ["169.254.0.0/16", "some.host"], ["some.host"]])
def test_metadata_services_are_never_called(address: str, allow: list[str]) -> None:
    with pytest.raises(EgressRefused, match="never called"):
        EgressPolicy.allowing(allow).check_address("some.host", ip_address(address))


@pytest.mark.parametrize("name", ["metadata.google.internal", "METADATA.google.internal.", "metadata.goog", "instance-data"])
async def test_names_of_metadata_services_are_not_even_resolved(name: str) -> None:
    with pytest.raises(EgressRefused, match="never called"):
        await Egress(EgressPolicy.allowing(["0.0.0.0/0", name])).resolve(name, 80)


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.0.1"),
        *("①②⑦.0.0.1", "127。0。0。1", "0", "0.0.0.0", "[::1]", "::1", "::ffff:127.0.0.1", "[::ffff:7f00:1]"),
    ],
)
async def test_every_way_to_write_this_machine_is_refused(host: str) -> None:
    with pytest.raises(EgressRefused, match="not called"):
        await Egress(EgressPolicy()).resolve(host, 80)


@pytest.mark.parametrize("host", ["", "a b", "a\nb", "a\x00b", "a\r\nHost: x"])
async def test_what_is_no_host_name_is_refused(host: str) -> None:
    with pytest.raises(EgressRefused, match="no host name"):
        await Egress(EgressPolicy()).resolve(host, 80)


def test_an_operator_allows_networks_addresses_and_names() -> None:
    policy = EgressPolicy.allowing(["10.1.0.0/16", "127.0.0.1", "kafka.internal", "fd00:1::/32"])
    policy.check_address("x", ip_address("10.1.2.3"))
    policy.check_address("x", ip_address("127.0.0.1"))
    policy.check_address("x", ip_address("::ffff:10.1.2.3"))
    policy.check_address("x", ip_address("fd00:1::5"))
    policy.check_address("Kafka.Internal.", ip_address("192.168.0.7"))
    for host, address in (("x", "10.2.0.1"), ("x", "127.0.0.2"), ("other.internal", "192.168.0.7"), ("x", "2002:a02:1::1")):
        with pytest.raises(EgressRefused):
            policy.check_address(host, ip_address(address))


@pytest.mark.parametrize("entry", ["10.0.0.0/99", "a/b", "ho st/8"])
def test_an_entry_that_is_nothing_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="FLOWTOWER_EGRESS_ALLOW"):
        EgressPolicy.allowing([entry])
