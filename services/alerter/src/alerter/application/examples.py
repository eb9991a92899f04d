"""Rules to start from. They are data: the gateway may offer them, and nothing happens until somebody saves one."""

from dataclasses import dataclass

from shared.contracts.alerts import RuleSubject, Severity


@dataclass(frozen=True)
class Example:
    name: str
    about: str
    subject: RuleSubject
    expression: str
    hold: float = 0.0
    severity: Severity = Severity.WARNING
    summary: str = ""


EXAMPLES: tuple[Example, ...] = (
    Example(
        name="scheduler-heartbeat",
        about="No heartbeat of the scheduler for 30 s",
        subject=RuleSubject.CLUSTER,
        expression="answered && scheduler.heartbeat_age > 30.0",
        severity=Severity.CRITICAL,
        summary="The scheduler of {name} gave no heartbeat for 30 s",
    ),
    Example(
        name="cluster-away",
        about="A cluster does not answer for 30 s",
        subject=RuleSubject.CLUSTER,
        expression="!answered",
        hold=30.0,
        severity=Severity.CRITICAL,
        summary="{name} does not answer: {reach}",
    ),
    Example(
        name="dag-run-failed",
        about="A DAG's run failed",
        subject=RuleSubject.DAG_RUN,
        expression='state == "failed"',
        summary="{dag_id} failed on {cluster}",
    ),
    Example(
        name="workflow-failed",
        about="A workflow failed",
        subject=RuleSubject.WORKFLOW_RUN,
        expression='status == "failed"',
        summary="{workflow} failed at {component}",
    ),
)
