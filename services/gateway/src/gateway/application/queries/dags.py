"""Pages of DAGs over all clusters, and of one DAG."""

from collections.abc import Mapping

from gateway.application.answers.clusters import ClusterAnswer
from gateway.application.answers.dags import DagAnswer, DagRunAnswer
from gateway.application.ports.read_model import DagFilter
from gateway.application.queries.base import Queries
from gateway.application.queries.clusters import command_view
from gateway.application.queries.words import bars, between, chips, path, plural, took, with_query
from gateway.application.views.dags import DagPage, DagRow, DagRunRow, DagsPage, PauseSwitch, StateCount
from gateway.application.views.parts import Action, Choice, Confidence, Fact, Seen, StateView, state_view
from gateway.application.views.shell import Person
from shared.runtime.clock import now

PER_PAGE = 50
_STATES = (("all", "All"), ("failed", "Failed"), ("running", "Running"), ("queued", "Queued"), ("success", "Success"), ("paused", "Paused"))


def seen_of(dag: DagAnswer) -> Seen:
    """Return when a DAG was last seen."""
    confidence: Confidence = "none" if dag.stale else "high"
    return Seen(at=dag.observed_at, stale=dag.stale, stale_at=dag.stale_at, source="cluster-poller", confidence=confidence)


def last_state(dag: DagAnswer) -> StateView:
    """Return the state of the newest run; while the cluster can't be seen it is unknown."""
    if not dag.runs:
        return state_view("none")
    return (
        StateView(tone="unknown", word=f"{state_view(dag.runs[0].state).word} when last seen")
        if dag.stale
        else state_view(dag.runs[0].state)
    )


def switch_of(dag: DagAnswer, refused: str = "") -> PauseSwitch:
    """Return the pause switch: what Airflow last said, and what is asked but not confirmed."""
    return PauseSwitch(
        paused=None if dag.stale else dag.is_paused,
        url=path("dags", dag.cluster_id, dag.dag_id, "pause"),
        asked=dag.asked_paused,
        refused=refused,
    )


def trigger_of(dag: DagAnswer) -> Action:
    """Return the trigger of a DAG and what it will do."""
    consequence = "Starts one run now."
    if dag.is_paused:
        consequence = "The DAG is paused: the run waits until it is unpaused."
    return Action(
        label=f"Trigger {dag.dag_id}",
        url=path("dags", dag.cluster_id, dag.dag_id, "trigger"),
        icon="play",
        confirm=f"Trigger {dag.dag_id} on {dag.cluster}?",
        consequence=consequence,
    )


def _success_share(runs: tuple[DagRunAnswer, ...]) -> float | None:
    ended = [run.state for run in runs if run.state in ("success", "failed")]
    return ended.count("success") / len(ended) if ended else None


def counts_of(run: DagRunAnswer) -> tuple[StateCount, ...] | None:
    """Return the task instances by state, None when they were not read."""
    if run.task_counts is None:
        return None
    return tuple(StateCount(state=state_view(state), count=number) for state, number in sorted(run.task_counts.items()) if number)


def run_row(run: DagRunAnswer) -> DagRunRow:
    """Return a DAG run in a list."""
    return DagRunRow(
        run_id=run.dag_run_id,
        url=path("dags", run.cluster_id, run.dag_id, "runs", run.dag_run_id),
        state=state_view(run.state),
        kind=run.run_type,
        logical=run.sort_at,
        started=run.started_at,
        ended=run.ended_at,
        took_seconds=between(run.started_at, run.ended_at or (now() if run.state == "running" else None)),
        counts=counts_of(run),
    )


def _row(dag: DagAnswer) -> DagRow:
    at = now()
    newest = dag.runs[0] if dag.runs else None
    return DagRow(
        cluster_id=dag.cluster_id,
        cluster=dag.cluster,
        cluster_url=path("clusters", dag.cluster_id),
        dag_id=dag.dag_id,
        url=path("dags", dag.cluster_id, dag.dag_id),
        owner=", ".join(dag.owners),
        tags=dag.tags,
        switch=switch_of(dag),
        last=last_state(dag),
        bars=bars(dag.runs, at=at),
        started=newest.started_at if newest else None,
        took_seconds=between(newest.started_at, newest.ended_at or (at if newest.state == "running" and not dag.stale else None))
        if newest
        else None,
        success_share=_success_share(dag.runs),
        next_run=None if dag.is_paused else dag.next_run_at,
        next_text="paused" if dag.is_paused else (dag.schedule or "not scheduled"),
        seen=seen_of(dag),
        trigger=trigger_of(dag),
        log_url=path("dags", dag.cluster_id, dag.dag_id, "runs", newest.dag_run_id) if newest else "",
    )


def _coverage(clusters: list[ClusterAnswer]) -> str:
    if not clusters:
        return "No cluster is registered"
    seen = [item for item in clusters if not item.state.stale]
    text = f"{len(seen)} of {plural(len(clusters), 'cluster')} seen now"
    stale = sorted((item for item in clusters if item.state.stale), key=lambda item: item.state.age_seconds or float("inf"), reverse=True)
    if stale:
        age = stale[0].state.age_seconds
        last = stale[0].state.last_answer_at
        word = "never seen" if last is None else f"oldest data {took((now() - last).total_seconds())}" if age is not None else "not seen"
        text += f" · {word} ({stale[0].name})"
    return text


class DagQueries(Queries):
    """The DAGs' pages."""

    async def dags(self, person: Person, asked: Mapping[str, str]) -> DagsPage:  # noqa: ARG002
        wanted = DagFilter(
            cluster_id=asked.get("cluster", "")[:100],
            state=asked.get("state", "all")[:40] or "all",
            tag=asked.get("tag", "")[:100],
            words=asked.get("q", "").strip()[:200],
        )
        clusters = await self._reads.clusters()
        page = await self._reads.dags(wanted, after=asked.get("after") or None, limit=PER_PAGE, runs=25)
        counts = await self._reads.dag_counts(wanted)
        kept = {"q": wanted.words, "cluster": wanted.cluster_id, "tag": wanted.tag}
        state = "" if wanted.state == "all" else wanted.state
        return DagsPage(
            rows=tuple(_row(dag) for dag in page.items),
            total=counts.get("all"),
            chips=chips("/dags/", ((value, label, counts.get(value)) for value, label in _STATES), wanted.state, **kept),
            search=wanted.words,
            cluster=wanted.cluster_id,
            clusters=tuple(Choice(value=item.id, label=item.name) for item in clusters),
            tag=wanted.tag,
            tags=tuple(Choice(value=tag, label=tag) for tag in await self._reads.tags()),
            coverage=_coverage(clusters),
            next_url=with_query("/dags/", **kept, state=state, after=page.next) if page.next else "",
            previous_url=with_query("/dags/", **kept, state=state) if asked.get("after") else "",
            state=wanted.state,
            trouble=self._away("cluster-poller", "Nothing new is read from any cluster."),
        )

    async def dag(self, person: Person, cluster_id: str, dag_id: str, asked: Mapping[str, str]) -> DagPage | None:  # noqa: ARG002
        dag = await self._reads.dag(cluster_id, dag_id, runs=25)
        if dag is None:
            return None
        runs = await self._reads.dag_runs(cluster_id, dag_id, after=asked.get("after") or None, limit=25)
        commands = await self._reads.commands(cluster_id=cluster_id, dag_id=dag_id, limit=10)
        newest_pause = next((item for item in commands if item.action == "pause_dag"), None)
        refused = newest_pause.reason if newest_pause and newest_pause.status == "refused" else ""
        url = path("dags", cluster_id, dag_id)
        return DagPage(
            cluster_id=cluster_id,
            cluster=dag.cluster,
            cluster_url=path("clusters", cluster_id),
            dag_id=dag_id,
            description=dag.description,
            switch=switch_of(dag, refused),
            last=last_state(dag),
            seen=seen_of(dag),
            bars=bars(dag.runs, at=now()),
            facts=_facts(dag),
            runs=tuple(run_row(run) for run in runs.items),
            next_url=with_query(url, after=runs.next) if runs.next else "",
            commands=tuple(command_view(item) for item in commands),
            actions=(trigger_of(dag),),
            trouble=self._away("cluster-poller", "Nothing new is read from this cluster."),
        )


def _facts(dag: DagAnswer) -> tuple[Fact, ...]:
    facts = [
        Fact(label="Cluster", value=dag.cluster, url=path("clusters", dag.cluster_id)),
        Fact(label="Schedule", value=dag.schedule or "none"),
    ]
    if dag.owners:
        facts.append(Fact(label="Owner", value=", ".join(dag.owners)))
    if dag.tags:
        facts.append(Fact(label="Tags", value=", ".join(dag.tags)))
    if dag.file:
        facts.append(Fact(label="File", value=dag.file, mono=True))
    if dag.next_run_at and not dag.is_paused:
        facts.append(Fact(label="Next run", value=dag.next_run_at.strftime("%Y-%m-%d %H:%M UTC")))
    share = _success_share(dag.runs)
    if share is not None:
        facts.append(Fact(label="Succeeded", value=f"{share * 100:.0f} % of the last {plural(len(dag.runs), 'run')}"))
    if dag.has_import_errors:
        facts.append(Fact(label="Import", value="Its file has import errors", tone="bad", url=path("clusters", dag.cluster_id)))
    return tuple(facts)
