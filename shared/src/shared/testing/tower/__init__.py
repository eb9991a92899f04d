"""The whole of Flowtower as a test sees it: the four services as real processes over real Kafka and PostgreSQL."""

from shared.testing.tower.api import Api
from shared.testing.tower.part import SERVICES, Tower
from shared.testing.tower.people import Person

__all__ = ["SERVICES", "Api", "Person", "Tower"]
