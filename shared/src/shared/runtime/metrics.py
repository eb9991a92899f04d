"""Every metric that the services share. Base units, few labels; names begin with ``flowtower_``."""

from prometheus_client import Counter, Gauge, Histogram

BUILD = Gauge("flowtower_build_info", "Always 1; the labels tell what runs.", ["service", "version"])
READY = Gauge("flowtower_ready", "1 while the service is ready.", ["service"])
LOOP_LAG = Gauge("flowtower_event_loop_lag_seconds", "How late the event loop ran a timer, at the last look.")

CONSUMED = Counter(
    "flowtower_messages_consumed_total", "Messages taken from a topic, by what became of them.", ["topic", "group", "result"]
)
BATCH_SECONDS = Histogram(
    "flowtower_batch_seconds",
    "From a batch in hand to its offsets committed.",
    ["group"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
)
COMMIT_FAILURES = Counter("flowtower_offset_commit_failures_total", "Offset commits that Kafka refused or did not answer.", ["group"])
LAG = Gauge("flowtower_consumer_lag_messages", "Messages behind the end of the topic, over the partitions of this replica.", ["group"])
WAITING = Gauge("flowtower_consumer_waiting", "1 while a consumer waits for a dependency that is away.", ["group"])

PUBLISHED = Counter("flowtower_messages_published_total", "Messages that a broker acknowledged.", ["topic", "way"])
SEND_UNKNOWN = Counter("flowtower_sends_unknown_total", "Sends without a clear answer; they are sent again with the same id.", ["topic"])
PRODUCER_REBUILDS = Counter("flowtower_producer_rebuilds_total", "Producers replaced after an error that they do not recover from.")
OUTBOX_PENDING = Gauge("flowtower_outbox_pending_messages", "Committed messages whose acknowledgement is still missing, in this process.")
RELAYED = Counter("flowtower_outbox_relayed_total", "Messages that the relay sent because the direct hand-over did not.")
DEAD_LETTERS = Counter("flowtower_dead_letters_total", "Messages that were set aside.", ["topic", "group", "kind"])
EGRESS_REFUSED = Counter("flowtower_egress_refused_total", "Calls to the outside that the egress policy refused.")
RETENTION_REMOVED = Counter("flowtower_retention_removed_total", "Rows removed because their time was over.", ["what"])
