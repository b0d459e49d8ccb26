"""TensorBoard's event file, written by the loop itself: the usual writer's thread takes turns with training."""

import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from runners.growing import GrowingFile

__all__ = ["EventFile"]

BARS = 30  # of a histogram


class EventFile:
    """One file of events; `purge` is the first step that TensorBoard shall forget from the files before.

    The file is made with its first event, and tensorboard is imported then.
    """

    def __init__(self, folder: Path, purge: int, report: Callable[[str], None]) -> None:
        self.purge = purge
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}"
        self._file = GrowingFile(folder / name, report)

    def scalars(self, step: int, values: Iterable[tuple[str, float]]) -> None:
        """Numbers by tag, all in one event."""
        summary = self._protocol.summary
        made = [summary.Summary.Value(tag=tag, simple_value=value) for tag, value in values]
        self._write(step, summary.Summary(value=made))

    def picture(self, step: int, tag: str, png: bytes, size: tuple[int, int]) -> None:
        """A PNG of `size` (width, height)."""
        summary = self._protocol.summary
        image = summary.Summary.Image(encoded_image_string=png, width=size[0], height=size[1], colorspace=3)
        self._write(step, summary.Summary(value=[summary.Summary.Value(tag=tag, image=image)]))

    def text(self, step: int, tag: str, markdown: str) -> None:
        """A text, in Markdown."""
        summary, tensor = self._protocol.summary, self._protocol.tensor
        plugin = summary.SummaryMetadata.PluginData(plugin_name="text")
        held = tensor.TensorProto(dtype="DT_STRING", string_val=[markdown.encode()])
        held.tensor_shape.dim.add(size=1)
        metadata = summary.SummaryMetadata(plugin_data=plugin)
        value = summary.Summary.Value(tag=f"{tag}/text_summary", metadata=metadata, tensor=held)
        self._write(step, summary.Summary(value=[value]))

    def settings(self, settings: Mapping[str, float | int | bool | str]) -> None:
        """The hyper-parameters of the run, by which TensorBoard tells runs apart."""
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb  # on use, as all of it

        self._write(0, hparams_pb(dict(settings)))

    def histogram(self, step: int, tag: str, values: Sequence[float]) -> None:
        """How values lie: `BARS` bars of one width between the lowest and the highest."""
        low, high = min(values), max(values)
        width = (high - low) / BARS or 1.0
        counts = [0.0] * BARS
        for value in values:
            counts[min(int((value - low) / width), BARS - 1)] += 1
        summary = self._protocol.summary
        held = summary.HistogramProto(
            min=low, max=high, num=len(values), sum=sum(values), sum_squares=sum(value * value for value in values),
            bucket_limit=[low + width * (at + 1) for at in range(BARS)], bucket=counts,
        )  # fmt: skip
        self._write(step, summary.Summary(value=[summary.Summary.Value(tag=tag, histo=held)]))

    def close(self) -> None:
        """Close the file, if there is one."""
        self._file.close()

    def _write(self, step: int, summary: Any) -> None:  # noqa: ANN401  a protocol buffer
        event = self._protocol.event.Event(wall_time=time.time(), step=step, summary=summary)
        self._records.write(event.SerializeToString())

    @cached_property
    def _protocol(self) -> "_Protocol":
        return _Protocol()

    @cached_property
    def _records(self) -> Any:  # noqa: ANN401  tensorboard's RecordWriter, imported on use
        from tensorboard.summary.writer.record_writer import RecordWriter

        records = RecordWriter(self._file)
        event = self._protocol.event
        start = event.SessionLog(status=event.SessionLog.START)
        for first in (
            event.Event(wall_time=time.time(), file_version="brain.Event:2"),
            event.Event(wall_time=time.time(), step=self.purge, session_log=start),
        ):
            records.write(first.SerializeToString())
        return records


class _Protocol:
    """TensorBoard's messages, imported when the first event is written."""

    def __init__(self) -> None:
        from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2

        self.event: Any = event_pb2
        self.summary: Any = summary_pb2
        self.tensor: Any = tensor_pb2
