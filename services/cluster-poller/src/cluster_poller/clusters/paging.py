"""Reading lists page by page from servers that may clamp pages, move rows meanwhile, or lie about totals."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from cluster_poller.clusters.answers import Row, rows
from cluster_poller.clusters.http import Reply
from cluster_poller.domain.trouble import ClusterTrouble

PAGE = 100
"""Airflow's default maximum page; a server that allows less simply gives less, and the next page starts after what came."""


@dataclass(frozen=True, slots=True)
class Pages:
    rows: tuple[Row, ...]
    complete: bool
    next_offset: int
    first: Reply

    def require_all(self, what: str) -> None:
        """Refuse a list that was cut: what is not in it must not be taken for gone."""
        if not self.complete:
            raise ClusterTrouble(
                "bad_answer", f"This cluster has more than {self.next_offset} {what}, which is more than Flowtower follows."
            )


async def read_pages(
    fetch: Callable[[int], Awaitable[Reply]],
    *,
    name: str,
    key: Callable[[Row], Hashable],
    most_pages: int,
    offset: int = 0,
    page: int = PAGE,
) -> Pages:
    """Read until nothing more comes, or ``most_pages`` pages came (then ``complete`` is false).

    The rows that came decide, not ``total_entries``, which may be capped or wrong. A server that gives the same page again is
    told as what it is instead of being followed for ever.
    """
    start = offset
    found: list[Row] = []
    seen: set[Hashable] = set()
    first: Reply | None = None
    for _ in range(most_pages):
        reply = await fetch(offset)
        first = first or reply
        body = await reply.object()
        part = rows(body, name, reply.source)
        total = body.get("total_entries")
        total = total if isinstance(total, int) and not isinstance(total, bool) else None
        _refuse_flood(part, page, reply)
        fresh = [row for row in part if key(row) not in seen]
        if part and not fresh:
            raise ClusterTrouble("bad_answer", f"{reply.source} gives the same page again and again: it does not obey 'offset'.")
        if not part and total is not None and total > offset + page and offset == start:
            raise ClusterTrouble("bad_answer", f"{reply.source} says that there are {total} {name}, but gives none of them.")
        seen.update(key(row) for row in fresh)
        found += fresh
        offset += len(part)
        if not part or (len(part) < page and (total is None or offset >= total)):
            return Pages(tuple(found), complete=True, next_offset=offset, first=first)
    if first is None:
        raise ValueError("most_pages must be positive")
    return Pages(tuple(found), complete=False, next_offset=offset, first=first)


def _refuse_flood(part: Sequence[Any], page: int, reply: Reply) -> None:
    if len(part) > 10 * page:
        raise ClusterTrouble("bad_answer", f"{reply.source} gave {len(part)} rows where {page} were asked for.")
