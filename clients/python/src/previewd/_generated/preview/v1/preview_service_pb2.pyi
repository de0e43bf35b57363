import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from previewd._generated.preview.v1 import preview_pb2 as _preview_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GoodbyeReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GOODBYE_REASON_UNSPECIFIED: _ClassVar[GoodbyeReason]
    GOODBYE_REASON_DELETED: _ClassVar[GoodbyeReason]
    GOODBYE_REASON_EXPIRED: _ClassVar[GoodbyeReason]
    GOODBYE_REASON_SHUTTING_DOWN: _ClassVar[GoodbyeReason]
GOODBYE_REASON_UNSPECIFIED: GoodbyeReason
GOODBYE_REASON_DELETED: GoodbyeReason
GOODBYE_REASON_EXPIRED: GoodbyeReason
GOODBYE_REASON_SHUTTING_DOWN: GoodbyeReason

class CreateRequest(_message.Message):
    __slots__ = ("project_id", "branch", "files", "request_id", "stack", "start_command", "app_port", "environment", "limits", "time_to_live", "idle_timeout", "reload", "wait", "replace", "message", "ready_path")
    class EnvironmentEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    STACK_FIELD_NUMBER: _ClassVar[int]
    START_COMMAND_FIELD_NUMBER: _ClassVar[int]
    APP_PORT_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    TIME_TO_LIVE_FIELD_NUMBER: _ClassVar[int]
    IDLE_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    RELOAD_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    REPLACE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    READY_PATH_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    branch: str
    files: _containers.RepeatedCompositeFieldContainer[_preview_pb2.File]
    request_id: str
    stack: _preview_pb2.Stack
    start_command: str
    app_port: int
    environment: _containers.ScalarMap[str, str]
    limits: _preview_pb2.Limits
    time_to_live: _duration_pb2.Duration
    idle_timeout: _duration_pb2.Duration
    reload: _preview_pb2.ReloadMode
    wait: _preview_pb2.WaitMode
    replace: bool
    message: str
    ready_path: str
    def __init__(self, project_id: _Optional[str] = ..., branch: _Optional[str] = ..., files: _Optional[_Iterable[_Union[_preview_pb2.File, _Mapping]]] = ..., request_id: _Optional[str] = ..., stack: _Optional[_Union[_preview_pb2.Stack, str]] = ..., start_command: _Optional[str] = ..., app_port: _Optional[int] = ..., environment: _Optional[_Mapping[str, str]] = ..., limits: _Optional[_Union[_preview_pb2.Limits, _Mapping]] = ..., time_to_live: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., idle_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., reload: _Optional[_Union[_preview_pb2.ReloadMode, str]] = ..., wait: _Optional[_Union[_preview_pb2.WaitMode, str]] = ..., replace: bool = ..., message: _Optional[str] = ..., ready_path: _Optional[str] = ...) -> None: ...

class CreateResponse(_message.Message):
    __slots__ = ("preview", "created")
    PREVIEW_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    preview: _preview_pb2.Preview
    created: bool
    def __init__(self, preview: _Optional[_Union[_preview_pb2.Preview, _Mapping]] = ..., created: bool = ...) -> None: ...

class GetRequest(_message.Message):
    __slots__ = ("preview_id", "project_id", "branch")
    PREVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    preview_id: str
    project_id: str
    branch: str
    def __init__(self, preview_id: _Optional[str] = ..., project_id: _Optional[str] = ..., branch: _Optional[str] = ...) -> None: ...

class GetResponse(_message.Message):
    __slots__ = ("preview",)
    PREVIEW_FIELD_NUMBER: _ClassVar[int]
    preview: _preview_pb2.Preview
    def __init__(self, preview: _Optional[_Union[_preview_pb2.Preview, _Mapping]] = ...) -> None: ...

class UpdateRequest(_message.Message):
    __slots__ = ("preview_id", "project_id", "branch", "files", "delete_paths", "message", "expected_head", "wait")
    PREVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    DELETE_PATHS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_HEAD_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    preview_id: str
    project_id: str
    branch: str
    files: _containers.RepeatedCompositeFieldContainer[_preview_pb2.File]
    delete_paths: _containers.RepeatedScalarFieldContainer[str]
    message: str
    expected_head: str
    wait: _preview_pb2.WaitMode
    def __init__(self, preview_id: _Optional[str] = ..., project_id: _Optional[str] = ..., branch: _Optional[str] = ..., files: _Optional[_Iterable[_Union[_preview_pb2.File, _Mapping]]] = ..., delete_paths: _Optional[_Iterable[str]] = ..., message: _Optional[str] = ..., expected_head: _Optional[str] = ..., wait: _Optional[_Union[_preview_pb2.WaitMode, str]] = ...) -> None: ...

class UpdateResponse(_message.Message):
    __slots__ = ("preview", "commit_id")
    PREVIEW_FIELD_NUMBER: _ClassVar[int]
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    preview: _preview_pb2.Preview
    commit_id: str
    def __init__(self, preview: _Optional[_Union[_preview_pb2.Preview, _Mapping]] = ..., commit_id: _Optional[str] = ...) -> None: ...

class DeleteRequest(_message.Message):
    __slots__ = ("preview_id", "project_id", "branch")
    PREVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    preview_id: str
    project_id: str
    branch: str
    def __init__(self, preview_id: _Optional[str] = ..., project_id: _Optional[str] = ..., branch: _Optional[str] = ...) -> None: ...

class DeleteResponse(_message.Message):
    __slots__ = ("preview",)
    PREVIEW_FIELD_NUMBER: _ClassVar[int]
    preview: _preview_pb2.Preview
    def __init__(self, preview: _Optional[_Union[_preview_pb2.Preview, _Mapping]] = ...) -> None: ...

class ListRequest(_message.Message):
    __slots__ = ("project_id", "phases", "page_size", "page_token")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    PHASES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    phases: _containers.RepeatedScalarFieldContainer[_preview_pb2.Phase]
    page_size: int
    page_token: str
    def __init__(self, project_id: _Optional[str] = ..., phases: _Optional[_Iterable[_Union[_preview_pb2.Phase, str]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListResponse(_message.Message):
    __slots__ = ("previews", "next_page_token")
    PREVIEWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    previews: _containers.RepeatedCompositeFieldContainer[_preview_pb2.Preview]
    next_page_token: str
    def __init__(self, previews: _Optional[_Iterable[_Union[_preview_pb2.Preview, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class StreamLogsRequest(_message.Message):
    __slots__ = ("preview_id", "project_id", "branch", "sources", "follow", "tail_lines", "since", "after_cursor")
    PREVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    TAIL_LINES_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    AFTER_CURSOR_FIELD_NUMBER: _ClassVar[int]
    preview_id: str
    project_id: str
    branch: str
    sources: _containers.RepeatedScalarFieldContainer[_preview_pb2.LogSource]
    follow: bool
    tail_lines: int
    since: _timestamp_pb2.Timestamp
    after_cursor: str
    def __init__(self, preview_id: _Optional[str] = ..., project_id: _Optional[str] = ..., branch: _Optional[str] = ..., sources: _Optional[_Iterable[_Union[_preview_pb2.LogSource, str]]] = ..., follow: bool = ..., tail_lines: _Optional[int] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., after_cursor: _Optional[str] = ...) -> None: ...

class LogGap(_message.Message):
    __slots__ = ("dropped_lines", "message")
    DROPPED_LINES_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    dropped_lines: int
    message: str
    def __init__(self, dropped_lines: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...

class StreamLogsResponse(_message.Message):
    __slots__ = ("entry", "gap", "goodbye")
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    entry: _preview_pb2.LogEntry
    gap: LogGap
    goodbye: Goodbye
    def __init__(self, entry: _Optional[_Union[_preview_pb2.LogEntry, _Mapping]] = ..., gap: _Optional[_Union[LogGap, _Mapping]] = ..., goodbye: _Optional[_Union[Goodbye, _Mapping]] = ...) -> None: ...

class WatchReloadsRequest(_message.Message):
    __slots__ = ("preview_id", "project_id", "branch", "after_commit_id")
    PREVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    AFTER_COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    preview_id: str
    project_id: str
    branch: str
    after_commit_id: str
    def __init__(self, preview_id: _Optional[str] = ..., project_id: _Optional[str] = ..., branch: _Optional[str] = ..., after_commit_id: _Optional[str] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("preview_id", "head_commit_id", "applied_commit_id", "phase", "failure", "heartbeat_interval")
    PREVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    HEAD_COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    APPLIED_COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    preview_id: str
    head_commit_id: str
    applied_commit_id: str
    phase: _preview_pb2.Phase
    failure: _preview_pb2.Failure
    heartbeat_interval: _duration_pb2.Duration
    def __init__(self, preview_id: _Optional[str] = ..., head_commit_id: _Optional[str] = ..., applied_commit_id: _Optional[str] = ..., phase: _Optional[_Union[_preview_pb2.Phase, str]] = ..., failure: _Optional[_Union[_preview_pb2.Failure, _Mapping]] = ..., heartbeat_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("head_commit_id", "applied_commit_id", "timestamp")
    HEAD_COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    APPLIED_COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    head_commit_id: str
    applied_commit_id: str
    timestamp: _timestamp_pb2.Timestamp
    def __init__(self, head_commit_id: _Optional[str] = ..., applied_commit_id: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Reset(_message.Message):
    __slots__ = ("head_commit_id", "applied_commit_id", "message")
    HEAD_COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    APPLIED_COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    head_commit_id: str
    applied_commit_id: str
    message: str
    def __init__(self, head_commit_id: _Optional[str] = ..., applied_commit_id: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class Goodbye(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: GoodbyeReason
    def __init__(self, reason: _Optional[_Union[GoodbyeReason, str]] = ...) -> None: ...

class MemoryGiven(_message.Message):
    __slots__ = ("memory_bytes", "before_bytes")
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    BEFORE_BYTES_FIELD_NUMBER: _ClassVar[int]
    memory_bytes: int
    before_bytes: int
    def __init__(self, memory_bytes: _Optional[int] = ..., before_bytes: _Optional[int] = ...) -> None: ...

class WatchReloadsResponse(_message.Message):
    __slots__ = ("hello", "reload", "heartbeat", "reset", "goodbye", "memory_given")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    RELOAD_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    RESET_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    MEMORY_GIVEN_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    reload: _preview_pb2.Reload
    heartbeat: Heartbeat
    reset: Reset
    goodbye: Goodbye
    memory_given: MemoryGiven
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., reload: _Optional[_Union[_preview_pb2.Reload, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., reset: _Optional[_Union[Reset, _Mapping]] = ..., goodbye: _Optional[_Union[Goodbye, _Mapping]] = ..., memory_given: _Optional[_Union[MemoryGiven, _Mapping]] = ...) -> None: ...
