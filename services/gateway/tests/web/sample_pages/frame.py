"""The clock, the person and the services around the sample pages. Data are invented, as rich as real ones."""

from datetime import UTC, datetime, timedelta

from gateway.application.views.parts import HistoryBar, Seen, StateView, Tone, Trouble, state_view
from gateway.application.views.shell import Person, ServiceState, Shell

NOW = datetime(2026, 11, 22, 12, 41, 0, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def seen(seconds: float, *, stale: bool = False, source: str = "") -> Seen:
    return Seen(at=ago(seconds), stale=stale, source=source)


NEVER = Seen(confidence="none", stale=True)
PERSON = Person(id="0192", name="Mira Kessler", email="mira@example.com", role="admin")


def shell(*, away: str = "") -> Shell:
    names = ("gateway", "cluster-poller", "executor", "alerter")
    return Shell(
        person=PERSON,
        services=tuple(
            ServiceState(
                name=name,
                up=name != away,
                seen=seen(130 if name == away else 3, stale=name == away),
                reason="No heartbeat for 2 min. Data of the clusters are as old as their ages say." if name == away else "",
            )
            for name in names
        ),
        open_incidents=3,
        now=NOW,
    )


def state(word: str) -> StateView:
    return state_view(word)


def tone(tone: Tone, word: str) -> StateView:
    return StateView(tone=tone, word=word)


def history(pattern: str, *, urls: str = "") -> tuple[HistoryBar, ...]:
    """Bars from a pattern: a letter is a state, its place decides the height in a fixed, uneven way."""
    words = {"s": "success", "f": "failed", "r": "running", "u": "unknown", "t": "up_for_retry", "x": "cancelled"}
    return tuple(
        HistoryBar(
            state=state(words[letter]),
            share=0.35 + ((place * 7 + len(pattern)) % 11) / 17,
            title=f"{words[letter].capitalize()}, {4 + place % 9} min",
            url=f"{urls}{place}/" if urls else "",
        )
        for place, letter in enumerate(pattern)
    )


def wave(seed: int, gap: bool = False) -> tuple[float | None, ...]:
    return tuple(None if gap and 8 < place < 13 else 10 + (place * seed) % 7 + (place % 5) for place in range(22))


AWAY = Trouble(
    title="The cluster-poller is away.",
    text="What is shown is the last known state; its ages say how old.",
    hint="It goes on by itself. make status says why it is down.",
)
