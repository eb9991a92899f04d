"""What all page queries stand on."""

from gateway.application.ports.read_model import ReadModel
from gateway.application.ports.services import OnDemand, Services, ServiceSeen
from gateway.application.views.parts import Trouble


class Queries:
    """Base of the page queries."""

    def __init__(self, reads: ReadModel, services: Services, on_demand: OnDemand) -> None:
        self._reads = reads
        self._services = services
        self._on_demand = on_demand

    def _service(self, name: str) -> ServiceSeen | None:
        return next((service for service in self._services.seen() if service.name == name), None)

    def _away(self, name: str, what: str) -> Trouble | None:
        """Return what a page says while a service that feeds it is away."""
        service = self._service(name)
        if service is None or service.up is not False:
            return None
        return Trouble(
            title=f"The {name} is away",
            text=f"{what} What is shown is what was known before. ({service.reason})",
            hint="It goes on by itself.",
        )
