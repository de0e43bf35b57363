import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from previewd._generated.preview.v1 import preview_pb2 as _preview_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CommitRequest(_message.Message):
    __slots__ = ("project_id", "branch", "files", "delete_paths", "message", "expected_head")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    DELETE_PATHS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_HEAD_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    branch: str
    files: _containers.RepeatedCompositeFieldContainer[_preview_pb2.File]
    delete_paths: _containers.RepeatedScalarFieldContainer[str]
    message: str
    expected_head: str
    def __init__(self, project_id: _Optional[str] = ..., branch: _Optional[str] = ..., files: _Optional[_Iterable[_Union[_preview_pb2.File, _Mapping]]] = ..., delete_paths: _Optional[_Iterable[str]] = ..., message: _Optional[str] = ..., expected_head: _Optional[str] = ...) -> None: ...

class CommitResponse(_message.Message):
    __slots__ = ("commit_id", "parent_commit_id")
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    PARENT_COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    commit_id: str
    parent_commit_id: str
    def __init__(self, commit_id: _Optional[str] = ..., parent_commit_id: _Optional[str] = ...) -> None: ...

class ReadFileRequest(_message.Message):
    __slots__ = ("project_id", "branch", "commit_id", "path")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    branch: str
    commit_id: str
    path: str
    def __init__(self, project_id: _Optional[str] = ..., branch: _Optional[str] = ..., commit_id: _Optional[str] = ..., path: _Optional[str] = ...) -> None: ...

class ReadFileResponse(_message.Message):
    __slots__ = ("file", "commit_id")
    FILE_FIELD_NUMBER: _ClassVar[int]
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    file: _preview_pb2.File
    commit_id: str
    def __init__(self, file: _Optional[_Union[_preview_pb2.File, _Mapping]] = ..., commit_id: _Optional[str] = ...) -> None: ...

class ListFilesRequest(_message.Message):
    __slots__ = ("project_id", "branch", "commit_id", "page_size", "page_token")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    branch: str
    commit_id: str
    page_size: int
    page_token: str
    def __init__(self, project_id: _Optional[str] = ..., branch: _Optional[str] = ..., commit_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class FileInfo(_message.Message):
    __slots__ = ("path", "size_bytes", "executable")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    EXECUTABLE_FIELD_NUMBER: _ClassVar[int]
    path: str
    size_bytes: int
    executable: bool
    def __init__(self, path: _Optional[str] = ..., size_bytes: _Optional[int] = ..., executable: bool = ...) -> None: ...

class ListFilesResponse(_message.Message):
    __slots__ = ("files", "commit_id", "next_page_token")
    FILES_FIELD_NUMBER: _ClassVar[int]
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    files: _containers.RepeatedCompositeFieldContainer[FileInfo]
    commit_id: str
    next_page_token: str
    def __init__(self, files: _Optional[_Iterable[_Union[FileInfo, _Mapping]]] = ..., commit_id: _Optional[str] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListCommitsRequest(_message.Message):
    __slots__ = ("project_id", "branch", "page_size", "page_token")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    branch: str
    page_size: int
    page_token: str
    def __init__(self, project_id: _Optional[str] = ..., branch: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class Commit(_message.Message):
    __slots__ = ("commit_id", "parent_commit_id", "message", "author", "committed_at")
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    PARENT_COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_AT_FIELD_NUMBER: _ClassVar[int]
    commit_id: str
    parent_commit_id: str
    message: str
    author: str
    committed_at: _timestamp_pb2.Timestamp
    def __init__(self, commit_id: _Optional[str] = ..., parent_commit_id: _Optional[str] = ..., message: _Optional[str] = ..., author: _Optional[str] = ..., committed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListCommitsResponse(_message.Message):
    __slots__ = ("commits", "next_page_token")
    COMMITS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    commits: _containers.RepeatedCompositeFieldContainer[Commit]
    next_page_token: str
    def __init__(self, commits: _Optional[_Iterable[_Union[Commit, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DiffRequest(_message.Message):
    __slots__ = ("project_id", "base_commit_id", "commit_id")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    BASE_COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    base_commit_id: str
    commit_id: str
    def __init__(self, project_id: _Optional[str] = ..., base_commit_id: _Optional[str] = ..., commit_id: _Optional[str] = ...) -> None: ...

class DiffResponse(_message.Message):
    __slots__ = ("changed_paths",)
    CHANGED_PATHS_FIELD_NUMBER: _ClassVar[int]
    changed_paths: _containers.RepeatedCompositeFieldContainer[_preview_pb2.ChangedPath]
    def __init__(self, changed_paths: _Optional[_Iterable[_Union[_preview_pb2.ChangedPath, _Mapping]]] = ...) -> None: ...

class Branch(_message.Message):
    __slots__ = ("branch", "commit_id")
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    branch: str
    commit_id: str
    def __init__(self, branch: _Optional[str] = ..., commit_id: _Optional[str] = ...) -> None: ...

class CreateBranchRequest(_message.Message):
    __slots__ = ("project_id", "branch", "commit_id")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    branch: str
    commit_id: str
    def __init__(self, project_id: _Optional[str] = ..., branch: _Optional[str] = ..., commit_id: _Optional[str] = ...) -> None: ...

class CreateBranchResponse(_message.Message):
    __slots__ = ("branch",)
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    branch: Branch
    def __init__(self, branch: _Optional[_Union[Branch, _Mapping]] = ...) -> None: ...

class ListBranchesRequest(_message.Message):
    __slots__ = ("project_id", "page_size", "page_token")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    page_size: int
    page_token: str
    def __init__(self, project_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListBranchesResponse(_message.Message):
    __slots__ = ("branches", "next_page_token")
    BRANCHES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    branches: _containers.RepeatedCompositeFieldContainer[Branch]
    next_page_token: str
    def __init__(self, branches: _Optional[_Iterable[_Union[Branch, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RollbackRequest(_message.Message):
    __slots__ = ("project_id", "branch", "commit_id", "message", "expected_head")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_HEAD_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    branch: str
    commit_id: str
    message: str
    expected_head: str
    def __init__(self, project_id: _Optional[str] = ..., branch: _Optional[str] = ..., commit_id: _Optional[str] = ..., message: _Optional[str] = ..., expected_head: _Optional[str] = ...) -> None: ...

class RollbackResponse(_message.Message):
    __slots__ = ("commit_id", "parent_commit_id")
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    PARENT_COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    commit_id: str
    parent_commit_id: str
    def __init__(self, commit_id: _Optional[str] = ..., parent_commit_id: _Optional[str] = ...) -> None: ...
