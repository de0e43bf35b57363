"""A typed, thin client: one method per call of the contract."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Union

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from previewd._generated.preview.v1 import preview_pb2, preview_service_pb2, vfs_service_pb2
from previewd._generated.preview.v1.preview_service_pb2_grpc import PreviewServiceStub
from previewd._generated.preview.v1.vfs_service_pb2_grpc import VfsServiceStub
from previewd.errors import translated
from previewd.streams import LogStream, ReloadWatch

#: The content of a file, or a whole `File` for one that is executable.
Content = Union[str, bytes, preview_pb2.File]
#: A span of time: a timedelta, or seconds.
Span = Union[timedelta, float]

# A file may have 10 MiB and a request 32; the envelope comes on top.
_MESSAGE_BYTES = 64 * 1024 * 1024


class Client:
    """Speaks to one previewd.

    A preview is named by its `preview_id`, or by `project_id` with `branch` (default `main`). Every method raises
    `PreviewdError`; `timeout` is in seconds, and `None` waits as long as it takes. Threads may share a client. The
    generated stubs are there as `preview_service` and `vfs_service`.
    """

    def __init__(
        self,
        address: str = "127.0.0.1:50051",
        *,
        credentials: grpc.ChannelCredentials | None = None,
        metadata: Sequence[tuple[str, str]] = (),
        timeout: float | None = None,
    ) -> None:
        options = [
            ("grpc.max_receive_message_length", _MESSAGE_BYTES),
            ("grpc.max_send_message_length", _MESSAGE_BYTES),
            # A peer that is gone without a word is noticed within half a minute.
            ("grpc.keepalive_time_ms", 20_000),
            ("grpc.keepalive_timeout_ms", 10_000),
        ]
        if credentials is None:
            self.channel = grpc.insecure_channel(address, options)
        else:
            self.channel = grpc.secure_channel(address, credentials, options)
        self.preview_service = PreviewServiceStub(self.channel)  # type: ignore[no-untyped-call]
        self.vfs_service = VfsServiceStub(self.channel)  # type: ignore[no-untyped-call]
        self._metadata = tuple(metadata)
        self._timeout = timeout

    def close(self) -> None:
        """Ends every call and closes the connection; a repeat does nothing."""
        self.channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Previews

    def create(
        self,
        project_id: str,
        files: Mapping[str, Content] | None = None,
        *,
        branch: str = "",
        request_id: str = "",
        stack: preview_pb2.Stack | int = preview_pb2.STACK_UNSPECIFIED,
        start_command: str = "",
        app_port: int = 0,
        ready_path: str = "",
        environment: Mapping[str, str] | None = None,
        limits: preview_pb2.Limits | None = None,
        time_to_live: Span | None = None,
        idle_timeout: Span | None = None,
        reload: preview_pb2.ReloadMode | int = preview_pb2.RELOAD_MODE_UNSPECIFIED,
        wait: bool = True,
        replace: bool = False,
        message: str = "",
        timeout: float | None = None,
    ) -> preview_pb2.Preview:
        """Commits the files, if any, and returns the live preview of the branch, made if there is none.

        With `wait` it answers once the code answers or has failed: look at `phase` and `failure`.
        """
        request = preview_service_pb2.CreateRequest(
            project_id=project_id,
            branch=branch,
            files=_files(files),
            request_id=request_id,
            stack=stack,  # type: ignore[arg-type]
            start_command=start_command,
            app_port=app_port,
            ready_path=ready_path,
            environment=environment,
            limits=limits,
            time_to_live=_duration(time_to_live),
            idle_timeout=_duration(idle_timeout),
            reload=reload,  # type: ignore[arg-type]
            wait=_wait(wait),
            replace=replace,
            message=message,
        )
        response: preview_service_pb2.CreateResponse = self._call(self.preview_service.Create, request, timeout)
        return response.preview

    def get(
        self, preview_id: str = "", *, project_id: str = "", branch: str = "", timeout: float | None = None
    ) -> preview_pb2.Preview:
        """Returns one preview, and counts as a use of it."""
        request = preview_service_pb2.GetRequest(preview_id=preview_id, project_id=project_id, branch=branch)
        response: preview_service_pb2.GetResponse = self._call(self.preview_service.Get, request, timeout)
        return response.preview

    def update(
        self,
        preview_id: str = "",
        files: Mapping[str, Content] | None = None,
        *,
        project_id: str = "",
        branch: str = "",
        delete_paths: Sequence[str] = (),
        message: str = "",
        expected_head: str = "",
        wait: bool = True,
        timeout: float | None = None,
    ) -> preview_service_pb2.UpdateResponse:
        """Commits the changes, if any, and brings the branch's head into the preview."""
        request = preview_service_pb2.UpdateRequest(
            preview_id=preview_id,
            project_id=project_id,
            branch=branch,
            files=_files(files),
            delete_paths=delete_paths,
            message=message,
            expected_head=expected_head,
            wait=_wait(wait),
        )
        response: preview_service_pb2.UpdateResponse = self._call(self.preview_service.Update, request, timeout)
        return response

    def delete(
        self, preview_id: str = "", *, project_id: str = "", branch: str = "", timeout: float | None = None
    ) -> preview_pb2.Preview:
        """Stops the preview and removes all it held; a repeat is fine."""
        request = preview_service_pb2.DeleteRequest(preview_id=preview_id, project_id=project_id, branch=branch)
        response: preview_service_pb2.DeleteResponse = self._call(self.preview_service.Delete, request, timeout)
        return response.preview

    def list(
        self,
        *,
        project_id: str = "",
        phases: Iterable[preview_pb2.Phase | int] = (),
        page_size: int = 0,
        timeout: float | None = None,
    ) -> Iterator[preview_pb2.Preview]:
        """Returns previews, ordered by creation, page after page; `timeout` is for each page.

        Those that have stopped are left out unless asked for by phase.
        """
        request = preview_service_pb2.ListRequest(
            project_id=project_id,
            phases=list(phases),  # type: ignore[arg-type]
            page_size=page_size,
        )
        for response in self._pages(self.preview_service.List, request, timeout):
            yield from response.previews

    def logs(
        self,
        preview_id: str = "",
        *,
        project_id: str = "",
        branch: str = "",
        sources: Iterable[preview_pb2.LogSource | int] = (),
        follow: bool = False,
        tail_lines: int | None = None,
        since: datetime | None = None,
        after_cursor: str = "",
        timeout: float | None = None,
    ) -> LogStream:
        """Returns the preview's log, oldest first; with `follow` it goes on until the preview ends."""
        request = preview_service_pb2.StreamLogsRequest(
            preview_id=preview_id,
            project_id=project_id,
            branch=branch,
            sources=list(sources),  # type: ignore[arg-type]
            follow=follow,
            tail_lines=tail_lines,
            since=_timestamp(since),
            after_cursor=after_cursor,
        )
        return LogStream(lambda: self.preview_service.StreamLogs(request, timeout=timeout, metadata=self._metadata))

    def watch_reloads(
        self,
        preview_id: str = "",
        *,
        project_id: str = "",
        branch: str = "",
        after_commit_id: str = "",
        reconnect: bool = True,
        give_up_after: float | None = None,
    ) -> ReloadWatch:
        """Returns what happens to the preview's commits, after the given one or from now on."""

        def start(cursor: str) -> Any:
            request = preview_service_pb2.WatchReloadsRequest(
                preview_id=preview_id, project_id=project_id, branch=branch, after_commit_id=cursor
            )
            return self.preview_service.WatchReloads(request, metadata=self._metadata)

        return ReloadWatch(start, after_commit_id=after_commit_id, reconnect=reconnect, give_up_after=give_up_after)

    # Files

    def commit(
        self,
        project_id: str,
        files: Mapping[str, Content] | None = None,
        *,
        branch: str = "",
        delete_paths: Sequence[str] = (),
        message: str = "",
        expected_head: str = "",
        timeout: float | None = None,
    ) -> str:
        """Writes and deletes files in one commit, and returns its id."""
        request = vfs_service_pb2.CommitRequest(
            project_id=project_id,
            branch=branch,
            files=_files(files),
            delete_paths=delete_paths,
            message=message,
            expected_head=expected_head,
        )
        response: vfs_service_pb2.CommitResponse = self._call(self.vfs_service.Commit, request, timeout)
        return response.commit_id

    def read_file(
        self, project_id: str, path: str, *, branch: str = "", commit_id: str = "", timeout: float | None = None
    ) -> bytes:
        """Returns the content of one file of a commit."""
        request = vfs_service_pb2.ReadFileRequest(project_id=project_id, branch=branch, commit_id=commit_id, path=path)
        response: vfs_service_pb2.ReadFileResponse = self._call(self.vfs_service.ReadFile, request, timeout)
        if response.file.WhichOneof("content") == "data":
            return response.file.data
        return response.file.text.encode()

    def list_files(
        self,
        project_id: str,
        *,
        branch: str = "",
        commit_id: str = "",
        page_size: int = 0,
        timeout: float | None = None,
    ) -> Iterator[vfs_service_pb2.FileInfo]:
        """Returns the files of one commit without their content, ordered by path."""
        request = vfs_service_pb2.ListFilesRequest(
            project_id=project_id, branch=branch, commit_id=commit_id, page_size=page_size
        )
        for response in self._pages(self.vfs_service.ListFiles, request, timeout):
            yield from response.files

    def list_commits(
        self, project_id: str, *, branch: str = "", page_size: int = 0, timeout: float | None = None
    ) -> Iterator[vfs_service_pb2.Commit]:
        """Returns a branch's commits, newest first."""
        request = vfs_service_pb2.ListCommitsRequest(project_id=project_id, branch=branch, page_size=page_size)
        for response in self._pages(self.vfs_service.ListCommits, request, timeout):
            yield from response.commits

    def diff(
        self, project_id: str, commit_id: str, *, base_commit_id: str = "", timeout: float | None = None
    ) -> Sequence[preview_pb2.ChangedPath]:
        """Returns the paths that differ between a commit and its first parent, or another commit."""
        request = vfs_service_pb2.DiffRequest(project_id=project_id, base_commit_id=base_commit_id, commit_id=commit_id)
        response: vfs_service_pb2.DiffResponse = self._call(self.vfs_service.Diff, request, timeout)
        return response.changed_paths

    def create_branch(
        self, project_id: str, branch: str, *, commit_id: str = "", timeout: float | None = None
    ) -> vfs_service_pb2.Branch:
        """Makes a branch at a commit, or at the head of `main`."""
        request = vfs_service_pb2.CreateBranchRequest(project_id=project_id, branch=branch, commit_id=commit_id)
        response: vfs_service_pb2.CreateBranchResponse = self._call(self.vfs_service.CreateBranch, request, timeout)
        return response.branch

    def list_branches(
        self, project_id: str, *, page_size: int = 0, timeout: float | None = None
    ) -> Iterator[vfs_service_pb2.Branch]:
        """Returns the project's branches, ordered by name."""
        request = vfs_service_pb2.ListBranchesRequest(project_id=project_id, page_size=page_size)
        for response in self._pages(self.vfs_service.ListBranches, request, timeout):
            yield from response.branches

    def rollback(
        self,
        project_id: str,
        commit_id: str,
        *,
        branch: str = "",
        message: str = "",
        expected_head: str = "",
        timeout: float | None = None,
    ) -> str:
        """Makes a new commit that has the tree of an older one, and returns its id."""
        request = vfs_service_pb2.RollbackRequest(
            project_id=project_id, branch=branch, commit_id=commit_id, message=message, expected_head=expected_head
        )
        response: vfs_service_pb2.RollbackResponse = self._call(self.vfs_service.Rollback, request, timeout)
        return response.commit_id

    # What the methods share

    def _call(self, method: Any, request: Any, timeout: float | None) -> Any:
        with translated():
            return method(request, timeout=self._timeout if timeout is None else timeout, metadata=self._metadata)

    def _pages(self, method: Any, request: Any, timeout: float | None) -> Iterator[Any]:
        while True:
            response = self._call(method, request, timeout)
            yield response
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token


def _files(files: Mapping[str, Content] | None) -> list[preview_pb2.File]:
    result = []
    for path, content in (files or {}).items():
        if isinstance(content, str):
            file = preview_pb2.File(path=path, text=content)
        elif isinstance(content, bytes):
            file = preview_pb2.File(path=path, data=content)
        else:
            file = preview_pb2.File()
            file.CopyFrom(content)
            file.path = path
        result.append(file)
    return result


def _duration(span: Span | None) -> Duration | None:
    if span is None:
        return None
    result = Duration()
    result.FromTimedelta(span if isinstance(span, timedelta) else timedelta(seconds=span))
    return result


def _timestamp(time: datetime | None) -> Timestamp | None:
    if time is None:
        return None
    result = Timestamp()
    result.FromDatetime(time)
    return result


def _wait(wait: bool) -> preview_pb2.WaitMode:
    return preview_pb2.WAIT_MODE_READY if wait else preview_pb2.WAIT_MODE_NONE
