"""The one way out: every address that people can type is checked here before anything connects to it."""

from shared.runtime.egress.client import Egress
from shared.runtime.egress.policy import EgressPolicy, EgressRefused

__all__ = ["Egress", "EgressPolicy", "EgressRefused"]
