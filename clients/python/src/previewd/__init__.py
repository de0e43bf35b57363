"""The client of previewd: live, isolated previews of projects, over gRPC.

`Client` has a method per call of the contract. What it returns are the contract's own messages, so their documentation
is that of `proto/preview/v1`.
"""

from previewd._generated.preview.v1 import preview_pb2, preview_service_pb2, vfs_service_pb2
from previewd._generated.preview.v1.preview_pb2 import (
    ChangeKind,
    Failure,
    FailureStage,
    File,
    Limits,
    LogEntry,
    LogSource,
    Phase,
    Preview,
    Reload,
    ReloadMode,
    ReloadStage,
    ReloadStrategy,
    Stack,
    WaitMode,
)
from previewd._generated.preview.v1.preview_service_pb2 import (
    Goodbye,
    GoodbyeReason,
    Heartbeat,
    Hello,
    LogGap,
    MemoryGiven,
    Reset,
    WatchReloadsResponse,
)
from previewd._generated.preview.v1.vfs_service_pb2 import Branch, Commit, FileInfo
from previewd.client import Client
from previewd.errors import FieldViolation, PreviewdError
from previewd.streams import LogStream, ReloadWatch

__all__ = [
    "Branch",
    "ChangeKind",
    "Client",
    "Commit",
    "Failure",
    "FailureStage",
    "FieldViolation",
    "File",
    "FileInfo",
    "Goodbye",
    "GoodbyeReason",
    "Heartbeat",
    "Hello",
    "Limits",
    "LogEntry",
    "LogGap",
    "LogSource",
    "LogStream",
    "MemoryGiven",
    "Phase",
    "Preview",
    "PreviewdError",
    "Reload",
    "ReloadMode",
    "ReloadStage",
    "ReloadStrategy",
    "ReloadWatch",
    "Reset",
    "Stack",
    "WaitMode",
    "WatchReloadsResponse",
    "preview_pb2",
    "preview_service_pb2",
    "vfs_service_pb2",
]
