"""What a connection counts: `ws.stats`. Knows no connection, only its numbers."""

from .values import Value

__all__ = ["Stats"]


class Stats(Value):
    """The counters of a connection, as they were at one moment.

    Attributes:
        messages_received: Whole messages that have arrived, whether they have been handed out, wait
            or were dropped.
        messages_sent: Whole messages that have been sent, or wait in the output.
        bytes_received: Bytes in the messages received: of text, those of its UTF-8.
        bytes_sent: Bytes in the messages sent.
        wire_bytes_received: Bytes of all frames read, control frames and headers too; not TLS's.
        wire_bytes_sent: Bytes of all frames written.
        compression_ratio_received: Bytes of messages for each byte of payload on the wire
            (RFC 7692): 1.0 without compression.
        compression_ratio_sent: The same for messages sent.
        queued_messages: Messages that wait to be received.
        queued_bytes: What these count against `max_buffered`: their bytes, 32 for each, and for
            each fragment but the last as many as its length takes: one for less than 128.
        dropped_messages: Messages that were not kept, as `overflow` says.
        write_backlog: Bytes of output that the network has not taken.
        latency: Seconds that the last answered ping took for its round trip; 0 before the first.
        min_latency: The least of these.
        mean_latency: Their mean.
        idle_seconds: Seconds since the last byte arrived; None before the first behind the opening
            handshake.
        takeovers: How often the engine has stood in for an event loop that had stalled.
    """

    messages_received: int
    messages_sent: int
    bytes_received: int
    bytes_sent: int
    wire_bytes_received: int
    wire_bytes_sent: int
    compression_ratio_received: float
    compression_ratio_sent: float
    queued_messages: int
    queued_bytes: int
    dropped_messages: int
    write_backlog: int
    latency: float
    min_latency: float
    mean_latency: float
    idle_seconds: float | None
    takeovers: int

    __slots__ = __match_args__ = (
        "messages_received",
        "messages_sent",
        "bytes_received",
        "bytes_sent",
        "wire_bytes_received",
        "wire_bytes_sent",
        "compression_ratio_received",
        "compression_ratio_sent",
        "queued_messages",
        "queued_bytes",
        "dropped_messages",
        "write_backlog",
        "latency",
        "min_latency",
        "mean_latency",
        "idle_seconds",
        "takeovers",
    )
