"""Which runs a list asks for, checked: a misspelt state would otherwise just find nothing."""

from gateway.application.ports.read_model import STATES, RunFilter
from gateway.domain.nearest import meant
from gateway.domain.problems import FieldProblem, Invalid


def check_states(wanted: RunFilter) -> None:
    """Raise Invalid for a state that no run is ever in."""
    for state in wanted.statuses:
        if state not in STATES:
            raise Invalid(FieldProblem("status", f"No run is ever '{state}'.", meant(state, STATES)))
    if wanted.since and wanted.until and wanted.since >= wanted.until:
        raise Invalid(FieldProblem("until", "The time ends before it begins.", "Give an 'until' behind 'since'."))
