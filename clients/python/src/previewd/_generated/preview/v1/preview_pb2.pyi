import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Phase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PHASE_UNSPECIFIED: _ClassVar[Phase]
    PHASE_PENDING: _ClassVar[Phase]
    PHASE_INSTALLING: _ClassVar[Phase]
    PHASE_STARTING: _ClassVar[Phase]
    PHASE_RUNNING: _ClassVar[Phase]
    PHASE_PAUSED: _ClassVar[Phase]
    PHASE_STOPPING: _ClassVar[Phase]
    PHASE_STOPPED: _ClassVar[Phase]
    PHASE_FAILED: _ClassVar[Phase]

class Stack(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STACK_UNSPECIFIED: _ClassVar[Stack]
    STACK_PYTHON: _ClassVar[Stack]
    STACK_NODE: _ClassVar[Stack]
    STACK_REACT: _ClassVar[Stack]
    STACK_STATIC: _ClassVar[Stack]
    STACK_DOCKERFILE: _ClassVar[Stack]

class ReloadMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RELOAD_MODE_UNSPECIFIED: _ClassVar[ReloadMode]
    RELOAD_MODE_AUTO: _ClassVar[ReloadMode]
    RELOAD_MODE_MANUAL: _ClassVar[ReloadMode]

class WaitMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WAIT_MODE_UNSPECIFIED: _ClassVar[WaitMode]
    WAIT_MODE_READY: _ClassVar[WaitMode]
    WAIT_MODE_NONE: _ClassVar[WaitMode]

class FailureStage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FAILURE_STAGE_UNSPECIFIED: _ClassVar[FailureStage]
    FAILURE_STAGE_DETECT: _ClassVar[FailureStage]
    FAILURE_STAGE_IMAGE: _ClassVar[FailureStage]
    FAILURE_STAGE_INSTALL: _ClassVar[FailureStage]
    FAILURE_STAGE_BUILD: _ClassVar[FailureStage]
    FAILURE_STAGE_SYNC: _ClassVar[FailureStage]
    FAILURE_STAGE_START: _ClassVar[FailureStage]
    FAILURE_STAGE_RUN: _ClassVar[FailureStage]

class LogSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LOG_SOURCE_UNSPECIFIED: _ClassVar[LogSource]
    LOG_SOURCE_LIFECYCLE: _ClassVar[LogSource]
    LOG_SOURCE_INSTALL: _ClassVar[LogSource]
    LOG_SOURCE_STDOUT: _ClassVar[LogSource]
    LOG_SOURCE_STDERR: _ClassVar[LogSource]

class ReloadStage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RELOAD_STAGE_UNSPECIFIED: _ClassVar[ReloadStage]
    RELOAD_STAGE_COMMITTED: _ClassVar[ReloadStage]
    RELOAD_STAGE_SYNCED: _ClassVar[ReloadStage]
    RELOAD_STAGE_READY: _ClassVar[ReloadStage]
    RELOAD_STAGE_FAILED: _ClassVar[ReloadStage]

class ReloadStrategy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RELOAD_STRATEGY_UNSPECIFIED: _ClassVar[ReloadStrategy]
    RELOAD_STRATEGY_SWAP_STYLES: _ClassVar[ReloadStrategy]
    RELOAD_STRATEGY_HOT_UPDATE: _ClassVar[ReloadStrategy]
    RELOAD_STRATEGY_FULL_PAGE: _ClassVar[ReloadStrategy]
    RELOAD_STRATEGY_RESTART: _ClassVar[ReloadStrategy]
    RELOAD_STRATEGY_REINSTALL: _ClassVar[ReloadStrategy]
    RELOAD_STRATEGY_REBUILD: _ClassVar[ReloadStrategy]

class ChangeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANGE_KIND_UNSPECIFIED: _ClassVar[ChangeKind]
    CHANGE_KIND_ADDED: _ClassVar[ChangeKind]
    CHANGE_KIND_MODIFIED: _ClassVar[ChangeKind]
    CHANGE_KIND_DELETED: _ClassVar[ChangeKind]
PHASE_UNSPECIFIED: Phase
PHASE_PENDING: Phase
PHASE_INSTALLING: Phase
PHASE_STARTING: Phase
PHASE_RUNNING: Phase
PHASE_PAUSED: Phase
PHASE_STOPPING: Phase
PHASE_STOPPED: Phase
PHASE_FAILED: Phase
STACK_UNSPECIFIED: Stack
STACK_PYTHON: Stack
STACK_NODE: Stack
STACK_REACT: Stack
STACK_STATIC: Stack
STACK_DOCKERFILE: Stack
RELOAD_MODE_UNSPECIFIED: ReloadMode
RELOAD_MODE_AUTO: ReloadMode
RELOAD_MODE_MANUAL: ReloadMode
WAIT_MODE_UNSPECIFIED: WaitMode
WAIT_MODE_READY: WaitMode
WAIT_MODE_NONE: WaitMode
FAILURE_STAGE_UNSPECIFIED: FailureStage
FAILURE_STAGE_DETECT: FailureStage
FAILURE_STAGE_IMAGE: FailureStage
FAILURE_STAGE_INSTALL: FailureStage
FAILURE_STAGE_BUILD: FailureStage
FAILURE_STAGE_SYNC: FailureStage
FAILURE_STAGE_START: FailureStage
FAILURE_STAGE_RUN: FailureStage
LOG_SOURCE_UNSPECIFIED: LogSource
LOG_SOURCE_LIFECYCLE: LogSource
LOG_SOURCE_INSTALL: LogSource
LOG_SOURCE_STDOUT: LogSource
LOG_SOURCE_STDERR: LogSource
RELOAD_STAGE_UNSPECIFIED: ReloadStage
RELOAD_STAGE_COMMITTED: ReloadStage
RELOAD_STAGE_SYNCED: ReloadStage
RELOAD_STAGE_READY: ReloadStage
RELOAD_STAGE_FAILED: ReloadStage
RELOAD_STRATEGY_UNSPECIFIED: ReloadStrategy
RELOAD_STRATEGY_SWAP_STYLES: ReloadStrategy
RELOAD_STRATEGY_HOT_UPDATE: ReloadStrategy
RELOAD_STRATEGY_FULL_PAGE: ReloadStrategy
RELOAD_STRATEGY_RESTART: ReloadStrategy
RELOAD_STRATEGY_REINSTALL: ReloadStrategy
RELOAD_STRATEGY_REBUILD: ReloadStrategy
CHANGE_KIND_UNSPECIFIED: ChangeKind
CHANGE_KIND_ADDED: ChangeKind
CHANGE_KIND_MODIFIED: ChangeKind
CHANGE_KIND_DELETED: ChangeKind

class File(_message.Message):
    __slots__ = ("path", "text", "data", "executable")
    PATH_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    EXECUTABLE_FIELD_NUMBER: _ClassVar[int]
    path: str
    text: str
    data: bytes
    executable: bool
    def __init__(self, path: _Optional[str] = ..., text: _Optional[str] = ..., data: _Optional[bytes] = ..., executable: bool = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("memory_bytes", "cpus", "pids")
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    CPUS_FIELD_NUMBER: _ClassVar[int]
    PIDS_FIELD_NUMBER: _ClassVar[int]
    memory_bytes: int
    cpus: float
    pids: int
    def __init__(self, memory_bytes: _Optional[int] = ..., cpus: _Optional[float] = ..., pids: _Optional[int] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("stage", "reason", "message", "file", "line", "log_excerpt", "exit_code", "commit_id")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    LOG_EXCERPT_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    stage: FailureStage
    reason: str
    message: str
    file: str
    line: int
    log_excerpt: _containers.RepeatedScalarFieldContainer[str]
    exit_code: int
    commit_id: str
    def __init__(self, stage: _Optional[_Union[FailureStage, str]] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., file: _Optional[str] = ..., line: _Optional[int] = ..., log_excerpt: _Optional[_Iterable[str]] = ..., exit_code: _Optional[int] = ..., commit_id: _Optional[str] = ...) -> None: ...

class Preview(_message.Message):
    __slots__ = ("preview_id", "project_id", "branch", "stack", "phase", "url", "port", "container_id", "container_name", "commit_id", "created_at", "last_accessed_at", "expires_at", "failure", "limits", "reload", "head_commit_id", "idle_timeout", "notes", "http_status", "ports")
    PREVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    STACK_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_ID_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_NAME_FIELD_NUMBER: _ClassVar[int]
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_ACCESSED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    RELOAD_FIELD_NUMBER: _ClassVar[int]
    HEAD_COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    IDLE_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    HTTP_STATUS_FIELD_NUMBER: _ClassVar[int]
    PORTS_FIELD_NUMBER: _ClassVar[int]
    preview_id: str
    project_id: str
    branch: str
    stack: Stack
    phase: Phase
    url: str
    port: int
    container_id: str
    container_name: str
    commit_id: str
    created_at: _timestamp_pb2.Timestamp
    last_accessed_at: _timestamp_pb2.Timestamp
    expires_at: _timestamp_pb2.Timestamp
    failure: Failure
    limits: Limits
    reload: ReloadMode
    head_commit_id: str
    idle_timeout: _duration_pb2.Duration
    notes: _containers.RepeatedScalarFieldContainer[str]
    http_status: int
    ports: _containers.RepeatedCompositeFieldContainer[AppPort]
    def __init__(self, preview_id: _Optional[str] = ..., project_id: _Optional[str] = ..., branch: _Optional[str] = ..., stack: _Optional[_Union[Stack, str]] = ..., phase: _Optional[_Union[Phase, str]] = ..., url: _Optional[str] = ..., port: _Optional[int] = ..., container_id: _Optional[str] = ..., container_name: _Optional[str] = ..., commit_id: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_accessed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., reload: _Optional[_Union[ReloadMode, str]] = ..., head_commit_id: _Optional[str] = ..., idle_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., notes: _Optional[_Iterable[str]] = ..., http_status: _Optional[int] = ..., ports: _Optional[_Iterable[_Union[AppPort, _Mapping]]] = ...) -> None: ...

class AppPort(_message.Message):
    __slots__ = ("number", "http_status", "content_type", "tls")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    HTTP_STATUS_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    TLS_FIELD_NUMBER: _ClassVar[int]
    number: int
    http_status: int
    content_type: str
    tls: bool
    def __init__(self, number: _Optional[int] = ..., http_status: _Optional[int] = ..., content_type: _Optional[str] = ..., tls: bool = ...) -> None: ...

class LogEntry(_message.Message):
    __slots__ = ("cursor", "timestamp", "source", "line", "partial")
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_FIELD_NUMBER: _ClassVar[int]
    cursor: str
    timestamp: _timestamp_pb2.Timestamp
    source: LogSource
    line: str
    partial: bool
    def __init__(self, cursor: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., source: _Optional[_Union[LogSource, str]] = ..., line: _Optional[str] = ..., partial: bool = ...) -> None: ...

class ChangedPath(_message.Message):
    __slots__ = ("path", "kind")
    PATH_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    path: str
    kind: ChangeKind
    def __init__(self, path: _Optional[str] = ..., kind: _Optional[_Union[ChangeKind, str]] = ...) -> None: ...

class ReloadDurations(_message.Message):
    __slots__ = ("sync", "ready", "total")
    SYNC_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    sync: _duration_pb2.Duration
    ready: _duration_pb2.Duration
    total: _duration_pb2.Duration
    def __init__(self, sync: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., ready: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., total: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Reload(_message.Message):
    __slots__ = ("commit_id", "parent_commit_id", "stage", "strategy", "changed_paths", "changed_paths_omitted", "failure", "durations", "timestamp", "http_status")
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    PARENT_COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    CHANGED_PATHS_FIELD_NUMBER: _ClassVar[int]
    CHANGED_PATHS_OMITTED_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    DURATIONS_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    HTTP_STATUS_FIELD_NUMBER: _ClassVar[int]
    commit_id: str
    parent_commit_id: str
    stage: ReloadStage
    strategy: ReloadStrategy
    changed_paths: _containers.RepeatedCompositeFieldContainer[ChangedPath]
    changed_paths_omitted: int
    failure: Failure
    durations: ReloadDurations
    timestamp: _timestamp_pb2.Timestamp
    http_status: int
    def __init__(self, commit_id: _Optional[str] = ..., parent_commit_id: _Optional[str] = ..., stage: _Optional[_Union[ReloadStage, str]] = ..., strategy: _Optional[_Union[ReloadStrategy, str]] = ..., changed_paths: _Optional[_Iterable[_Union[ChangedPath, _Mapping]]] = ..., changed_paths_omitted: _Optional[int] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., durations: _Optional[_Union[ReloadDurations, _Mapping]] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., http_status: _Optional[int] = ...) -> None: ...
