"""The egress policy as a question: may this host be called? Names are resolved by whoever calls; here only what is plain is refused."""

import socket
from ipaddress import ip_address

from shared.runtime.egress import EgressPolicy, EgressRefused


class PolicyAddresses:
    """The port Addresses over the runtime's policy."""

    def __init__(self, policy: EgressPolicy) -> None:
        self._policy = policy

    def refusal(self, host: str) -> str | None:
        """Return why a host must not be called, or None. Every way of writing an address is understood, as the resolver would."""
        name = host.strip().strip("[]").rstrip(".").lower()
        try:
            self._policy.check_name(name)
            address = _literal(name)
            if address is not None:
                self._policy.check_address(host, ip_address(address))
        except EgressRefused as refused:
            return f"{refused}."
        return None


def _literal(host: str) -> str | None:
    """Return the address that is written in ``host`` (also 2130706433, 0x7f.1 or full-width digits), without asking a name server."""
    if host == "localhost" or host.endswith(".localhost"):
        return "127.0.0.1"
    try:
        found = socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return None
    return str(found[0][4][0]).partition("%")[0] if found else None
