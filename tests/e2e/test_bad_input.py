"""Wrong requests: each gets its code and the fields that are wrong, and nothing changes (acceptance 9)."""

from __future__ import annotations

from dataclasses import dataclass, field

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from harness import daemon, projects

from previewd import Client, File, Limits, Phase, PreviewdError
from previewd._generated.preview.v1.preview_service_pb2 import (
    CreateRequest,
    DeleteRequest,
    GetRequest,
    ListRequest,
    StreamLogsRequest,
    UpdateRequest,
    WatchReloadsRequest,
)
from previewd._generated.preview.v1.vfs_service_pb2 import (
    CommitRequest,
    CreateBranchRequest,
    DiffRequest,
    ListBranchesRequest,
    ListCommitsRequest,
    ListFilesRequest,
    ReadFileRequest,
    RollbackRequest,
)
from previewd.errors import translated

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
EXISTS = grpc.StatusCode.ALREADY_EXISTS
#: The project that is there, with `index.html` and `css/style.css`, and a preview.
THERE = "bad-input"
#: Commit ids: the project's first, one that nobody has, and one that is none.
HEAD, UNKNOWN = "HEAD", "0123456789abcdef0123456789abcdef01234567"
PREVIEW = "PREVIEW"


@dataclass(frozen=True)
class Case:
    """A wrong request: what it is, the code, the fields of its violations, and the request."""

    name: str
    code: grpc.StatusCode
    fields: tuple[str, ...]
    request: object
    reason: str = field(default="")


def commit(path: str, **more) -> CommitRequest:
    return CommitRequest(project_id=THERE, files=[File(path=path, text="x")], **more)


def create(**fields) -> CreateRequest:
    fields.setdefault("project_id", "bad-input-new")
    fields.setdefault("files", [File(path="index.html", text="x")])
    return CreateRequest(**fields)


BAD_PATHS = {
    "an empty path": "",
    "an absolute path": "/etc/passwd",
    "a parent": "../escape",
    "a parent in the middle": "a/../../b",
    "a parent at the end": "a/..",
    "a dot": "./a",
    "a dot in the middle": "a/./b",
    "an empty part": "a//b",
    "a slash at the end": "a/",
    "git's own folder": ".git/config",
    "git's own folder in capitals": ".GIT/config",
    "git's own folder below another": "a/.Git/hooks/x",
    "git's own folder by its short name": "git~1/config",
    "git's own folder with a trailing dot": ".git./config",
    "git's own folder with a trailing space": ".git /config",
    "git's own folder as a stream": ".git::$INDEX_ALLOCATION/config",
    "git's own folder with an ignorable character": ".g\u200cit/config",
    "a backslash": "a\\b",
    "a NUL": "a\0b",
    "a line feed": "a\nb",
    "a delete character": "a\x7fb",
    "a control character of the second block": "a\u0085b",
    "1025 bytes": "a" * 1025,
    "1026 bytes in 513 characters": "ä" * 513,
}

BAD_PROJECTS = {
    "an empty project": "",
    "a project that begins with a dot": ".a",
    "a project that begins with a hyphen": "-a",
    "a project with a slash": "a/b",
    "a project that is a parent": "..",
    "a project with a space": "a b",
    "a project with an umlaut": "ä",
    "a project of 64 characters": "a" * 64,
}

BAD_BRANCHES = {
    "a branch with two dots": "a..b",
    "a branch that begins with a hyphen": "-a",
    "a branch that ends with .lock": "a.lock",
    "a branch with a space": "a b",
    "a branch with a tilde": "a~1",
    "a branch with a colon": "a:b",
    "a branch with @{": "a@{1}",
    "a branch with two slashes": "a//b",
    "a branch that ends with a slash": "a/",
    "a branch named HEAD": "HEAD",
    "a branch of 256 bytes": "a" * 256,
}

# fmt: off
CASES = [
    *(Case(f"Commit: {name}", INVALID, ("files[0].path",), commit(path)) for name, path in BAD_PATHS.items()),
    *(Case(f"Commit: {n}", INVALID, ("project_id",), CommitRequest(project_id=p, files=[File(path="a")])) for n, p in BAD_PROJECTS.items()),
    *(Case(f"Commit: {name}", INVALID, ("branch",), commit("a", branch=branch)) for name, branch in BAD_BRANCHES.items()),
    # Trees
    Case("Commit: a .gitmodules that git refuses", INVALID, ("files[0]",), CommitRequest(project_id=THERE, files=[File(path="a/.gitmodules", text='[submodule "../x"]\n')])),
    Case("Commit: a .gitattributes that git refuses", INVALID, ("files[0]",), CommitRequest(project_id=THERE, files=[File(path=".gitattributes", text="x" * 2048)])),
    Case("Commit: a path twice", INVALID, ("files[1].path",), CommitRequest(project_id=THERE, files=[File(path="a"), File(path="a")])),
    Case("Commit: a file below a file of the request", INVALID, ("files[1].path",), CommitRequest(project_id=THERE, files=[File(path="a"), File(path="a/b")])),
    Case("Commit: a file below a file that is there", INVALID, ("files[0].path",), commit("index.html/a")),
    Case("Commit: a file where a folder is", INVALID, ("files[0].path",), commit("css")),
    Case("Commit: a path written and deleted", INVALID, ("delete_paths[0]",), commit("index.html", delete_paths=["index.html"])),
    Case("Commit: a path deleted that is not there", INVALID, ("delete_paths[0]",), CommitRequest(project_id=THERE, delete_paths=["not-there"])),
    Case("Commit: a path deleted twice", INVALID, ("delete_paths[1]",), CommitRequest(project_id=THERE, delete_paths=["index.html", "index.html"])),
    Case("Commit: a folder deleted", INVALID, ("delete_paths[0]",), CommitRequest(project_id=THERE, delete_paths=["css"])),
    Case("Commit: a bad path deleted", INVALID, ("delete_paths[0]",), CommitRequest(project_id=THERE, delete_paths=["../x"])),
    # Sizes
    Case("Commit: a file over 10 MiB", INVALID, ("files[0]",), CommitRequest(project_id=THERE, files=[File(path="a", data=bytes(10 * 2**20 + 1))])),
    Case("Commit: over 32 MiB in all", INVALID, ("files",), CommitRequest(project_id=THERE, files=[File(path=f"f{n}", data=bytes(9 * 2**20)) for n in range(4)])),
    Case("Commit: over 20,000 files", INVALID, ("files",), CommitRequest(project_id=THERE, files=[File(path=f"d/{n}") for n in range(20_001)])),
    Case("Commit: a message over 64 KiB", INVALID, ("message",), commit("a", message="x" * (64 * 1024 + 1))),
    Case("Commit: a message with a NUL", INVALID, ("message",), commit("a", message="a\0b")),
    Case("Commit: an expected head that is no commit id", INVALID, ("expected_head",), commit("a", expected_head="main")),
    Case("Commit: an expected head in capitals", INVALID, ("expected_head",), commit("a", expected_head="A" * 40)),
    Case("Commit: an expected head that is not the head", grpc.StatusCode.ABORTED, (), commit("a", expected_head=UNKNOWN), "STALE_HEAD"),
    Case("Commit: several fields at once", INVALID, ("project_id", "branch", "files[0].path", "files[1].path", "delete_paths[0]", "expected_head"), CommitRequest(project_id="-", branch="a..b", files=[File(path="/"), File(path="..")], delete_paths=["a//b"], expected_head="x")),
    # Create
    Case("Create: no project", INVALID, ("project_id",), CreateRequest()),
    Case("Create: a bad branch", INVALID, ("branch",), create(branch="a..b")),
    Case("Create: a bad path", INVALID, ("files[0].path",), create(files=[File(path="../x", text="x")])),
    Case("Create: a port over 65535", INVALID, ("app_port",), create(app_port=65536)),
    Case("Create: a ready path without its slash", INVALID, ("ready_path",), create(ready_path="up")),
    Case("Create: a ready path with a space", INVALID, ("ready_path",), create(ready_path="/a b")),
    Case("Create: an unknown stack", INVALID, ("stack",), create(stack=99)),
    Case("Create: an unknown reload mode", INVALID, ("reload",), create(reload=99)),
    Case("Create: an unknown wait mode", INVALID, ("wait",), create(wait=99)),
    Case("Create: a start command over 4096 bytes", INVALID, ("start_command",), create(start_command="x" * 4097)),
    Case("Create: a start command with a NUL", INVALID, ("start_command",), create(start_command="a\0b")),
    Case("Create: a variable that begins with a digit", INVALID, ('environment["1A"]',), create(environment={"1A": "x"})),
    Case("Create: a variable with a hyphen", INVALID, ('environment["A-B"]',), create(environment={"A-B": "x"})),
    Case("Create: a variable without a name", INVALID, ('environment[""]',), create(environment={"": "x"})),
    Case("Create: a variable with a NUL in its value", INVALID, ('environment["A"]',), create(environment={"A": "x\0y"})),
    Case("Create: a value over 32 KiB", INVALID, ('environment["A"]',), create(environment={"A": "x" * (32 * 1024 + 1)})),
    Case("Create: over 100 variables", INVALID, ("environment",), create(environment={f"A{n}": "x" for n in range(101)})),
    Case("Create: memory below 16 MiB", INVALID, ("limits.memory_bytes",), create(limits=Limits(memory_bytes=1))),
    Case("Create: memory over 64 GiB", INVALID, ("limits.memory_bytes",), create(limits=Limits(memory_bytes=2**63))),
    Case("Create: a negative CPU share", INVALID, ("limits.cpus",), create(limits=Limits(cpus=-1))),
    Case("Create: a CPU share that is no number", INVALID, ("limits.cpus",), create(limits=Limits(cpus=float("nan")))),
    Case("Create: an infinite CPU share", INVALID, ("limits.cpus",), create(limits=Limits(cpus=float("inf")))),
    Case("Create: pids below 16", INVALID, ("limits.pids",), create(limits=Limits(pids=1))),
    Case("Create: pids over 32768", INVALID, ("limits.pids",), create(limits=Limits(pids=40_000))),
    Case("Create: a negative time to live", INVALID, ("time_to_live",), create(time_to_live=Duration(seconds=-1))),
    Case("Create: a time to live of nothing", INVALID, ("time_to_live",), create(time_to_live=Duration())),
    Case("Create: a time to live of 31 days", INVALID, ("time_to_live",), create(time_to_live=Duration(seconds=31 * 86_400))),
    Case("Create: a time to live that is no duration", INVALID, ("time_to_live",), create(time_to_live=Duration(seconds=5, nanos=-5))),
    Case("Create: a time to live beyond all bounds", INVALID, ("time_to_live",), create(time_to_live=Duration(seconds=2**62))),
    Case("Create: a negative idle timeout", INVALID, ("idle_timeout",), create(idle_timeout=Duration(nanos=-1))),
    Case("Create: a request id over 128 bytes", INVALID, ("request_id",), create(request_id="x" * 129)),
    Case("Create: a message over 64 KiB", INVALID, ("message",), create(message="x" * (64 * 1024 + 1))),
    # One target
    Case("Get: neither target", INVALID, ("preview_id", "project_id"), GetRequest()),
    Case("Get: both targets", INVALID, ("preview_id", "project_id"), GetRequest(preview_id=PREVIEW, project_id=THERE)),
    Case("Get: a branch alone", INVALID, ("preview_id", "project_id"), GetRequest(branch="main")),
    Case("Get: a branch of a preview", INVALID, ("branch",), GetRequest(preview_id=PREVIEW, branch="main")),
    Case("Get: a preview id in capitals", INVALID, ("preview_id",), GetRequest(preview_id="ABCDEFGHIJKL")),
    Case("Get: a preview id that is too short", INVALID, ("preview_id",), GetRequest(preview_id="abc")),
    Case("Get: a preview that is not there", NOT_FOUND, (), GetRequest(preview_id="aaaaaaaaaaaa"), "PREVIEW_NOT_FOUND"),
    Case("Get: a project without a preview", NOT_FOUND, (), GetRequest(project_id="nobody"), "PREVIEW_NOT_FOUND"),
    Case("Get: a branch without a preview", NOT_FOUND, (), GetRequest(project_id=THERE, branch="other"), "PREVIEW_NOT_FOUND"),
    Case("Update: neither target", INVALID, ("preview_id", "project_id"), UpdateRequest()),
    Case("Update: both targets", INVALID, ("preview_id", "project_id"), UpdateRequest(preview_id=PREVIEW, project_id=THERE)),
    Case("Update: a bad path", INVALID, ("files[0].path",), UpdateRequest(preview_id=PREVIEW, files=[File(path="..")])),
    Case("Update: an unknown wait mode", INVALID, ("wait",), UpdateRequest(preview_id=PREVIEW, wait=7)),
    Case("Update: a preview that is not there", NOT_FOUND, (), UpdateRequest(preview_id="aaaaaaaaaaaa"), "PREVIEW_NOT_FOUND"),
    Case("Delete: neither target", INVALID, ("preview_id", "project_id"), DeleteRequest()),
    Case("Delete: both targets", INVALID, ("preview_id", "project_id"), DeleteRequest(preview_id=PREVIEW, project_id=THERE)),
    Case("Delete: a preview that is not there", NOT_FOUND, (), DeleteRequest(preview_id="aaaaaaaaaaaa"), "PREVIEW_NOT_FOUND"),
    # Pages
    Case("List: a negative page size", INVALID, ("page_size",), ListRequest(page_size=-1)),
    Case("List: a huge page", INVALID, ("page_size",), ListRequest(page_size=2**31 - 1)),
    Case("List: a page token that nobody gave out", INVALID, ("page_token",), ListRequest(page_token="no token")),
    Case("List: a huge page token", INVALID, ("page_token",), ListRequest(page_token="A" * 100_000)),
    Case("List: an unknown phase", INVALID, ("phases[0]",), ListRequest(phases=[99])),
    Case("List: a bad project", INVALID, ("project_id",), ListRequest(project_id="a/b")),
    Case("ListFiles: a huge page", INVALID, ("page_size",), ListFilesRequest(project_id=THERE, page_size=100_001)),
    Case("ListFiles: a negative page size", INVALID, ("page_size",), ListFilesRequest(project_id=THERE, page_size=-2**31)),
    Case("ListFiles: a page token that nobody gave out", INVALID, ("page_token",), ListFilesRequest(project_id=THERE, page_token="%%%")),
    Case("ListFiles: a branch and a commit", INVALID, ("commit_id",), ListFilesRequest(project_id=THERE, branch="main", commit_id=UNKNOWN)),
    Case("ListFiles: a project that is not there", NOT_FOUND, (), ListFilesRequest(project_id="nobody"), "PROJECT_NOT_FOUND"),
    Case("ListFiles: a branch that is not there", NOT_FOUND, (), ListFilesRequest(project_id=THERE, branch="other"), "BRANCH_NOT_FOUND"),
    Case("ListCommits: a negative page size", INVALID, ("page_size",), ListCommitsRequest(project_id=THERE, page_size=-1)),
    Case("ListCommits: a page token that nobody gave out", INVALID, ("page_token",), ListCommitsRequest(project_id=THERE, page_token="-")),
    Case("ListCommits: a branch that is not there", NOT_FOUND, (), ListCommitsRequest(project_id=THERE, branch="other"), "BRANCH_NOT_FOUND"),
    Case("ListBranches: a negative page size", INVALID, ("page_size",), ListBranchesRequest(project_id=THERE, page_size=-1)),
    Case("ListBranches: a project that is not there", NOT_FOUND, (), ListBranchesRequest(project_id="nobody"), "PROJECT_NOT_FOUND"),
    # Commits and files
    Case("ReadFile: no path", INVALID, ("path",), ReadFileRequest(project_id=THERE)),
    Case("ReadFile: a bad path", INVALID, ("path",), ReadFileRequest(project_id=THERE, path="../index.html")),
    Case("ReadFile: a bad commit id", INVALID, ("commit_id",), ReadFileRequest(project_id=THERE, path="a", commit_id="HEAD~1")),
    Case("ReadFile: a file that is not there", NOT_FOUND, (), ReadFileRequest(project_id=THERE, path="not-there"), "FILE_NOT_FOUND"),
    Case("ReadFile: a folder", NOT_FOUND, (), ReadFileRequest(project_id=THERE, path="css"), "FILE_NOT_FOUND"),
    Case("ReadFile: a commit that is not there", NOT_FOUND, (), ReadFileRequest(project_id=THERE, path="a", commit_id=UNKNOWN), "COMMIT_NOT_FOUND"),
    Case("Diff: no commit", INVALID, ("commit_id",), DiffRequest(project_id=THERE)),
    Case("Diff: a bad base", INVALID, ("base_commit_id",), DiffRequest(project_id=THERE, commit_id=UNKNOWN, base_commit_id="x")),
    Case("Diff: a commit that is not there", NOT_FOUND, (), DiffRequest(project_id=THERE, commit_id=UNKNOWN), "COMMIT_NOT_FOUND"),
    Case("CreateBranch: no branch", INVALID, ("branch",), CreateBranchRequest(project_id=THERE)),
    Case("CreateBranch: a bad branch", INVALID, ("branch",), CreateBranchRequest(project_id=THERE, branch="a b")),
    Case("CreateBranch: a commit that is not there", NOT_FOUND, (), CreateBranchRequest(project_id=THERE, branch="new", commit_id=UNKNOWN), "COMMIT_NOT_FOUND"),
    Case("CreateBranch: a branch that is elsewhere", EXISTS, (), CreateBranchRequest(project_id=THERE, branch="main", commit_id=HEAD + "^"), "BRANCH_EXISTS"),
    Case("Rollback: no commit", INVALID, ("commit_id",), RollbackRequest(project_id=THERE)),
    Case("Rollback: a commit that is not there", NOT_FOUND, (), RollbackRequest(project_id=THERE, commit_id=UNKNOWN), "COMMIT_NOT_FOUND"),
    # Streams
    Case("StreamLogs: neither target", INVALID, ("preview_id", "project_id"), StreamLogsRequest()),
    Case("StreamLogs: too many lines", INVALID, ("tail_lines",), StreamLogsRequest(preview_id=PREVIEW, tail_lines=10_001)),
    Case("StreamLogs: a tail after a cursor", INVALID, ("tail_lines",), StreamLogsRequest(preview_id=PREVIEW, tail_lines=1, after_cursor="0" * 32)),
    Case("StreamLogs: a cursor that nobody gave out", INVALID, ("after_cursor",), StreamLogsRequest(preview_id=PREVIEW, after_cursor="no cursor")),
    Case("StreamLogs: an unknown source", INVALID, ("sources[0]",), StreamLogsRequest(preview_id=PREVIEW, sources=[99])),
    Case("StreamLogs: a time beyond all bounds", INVALID, ("since",), StreamLogsRequest(preview_id=PREVIEW, since=Timestamp(seconds=2**62))),
    Case("StreamLogs: a preview that is not there", NOT_FOUND, (), StreamLogsRequest(preview_id="aaaaaaaaaaaa"), "PREVIEW_NOT_FOUND"),
    Case("WatchReloads: both targets", INVALID, ("preview_id", "project_id"), WatchReloadsRequest(preview_id=PREVIEW, project_id=THERE)),
    Case("WatchReloads: a bad commit id", INVALID, ("after_commit_id",), WatchReloadsRequest(preview_id=PREVIEW, after_commit_id="main")),
    Case("WatchReloads: a preview that is not there", NOT_FOUND, (), WatchReloadsRequest(preview_id="aaaaaaaaaaaa"), "PREVIEW_NOT_FOUND"),
]


# fmt: on


@pytest.fixture(scope="module")
def there(client: Client):
    """The preview that the requests name, of a project with two commits."""
    client.commit(THERE, {"first.txt": "1"})
    client.create(THERE, projects.static(0))
    preview = client.get(project_id=THERE)
    yield preview
    client.delete(preview.preview_id)


def state(client: Client) -> object:
    """Returns all that a wrong request might have changed."""
    previews = [(it.preview_id, it.phase, it.commit_id, it.port, it.container_id) for it in client.list()]
    branches = [(it.branch, it.commit_id) for it in client.list_branches(THERE)]
    commits = [it.commit_id for it in client.list_commits(THERE)]
    return previews, branches, commits


def send(client: Client, request) -> None:
    """Sends a request to the call that takes it."""
    name = type(request).__name__.removesuffix("Request")
    service = client.preview_service if hasattr(client.preview_service, name) else client.vfs_service
    with translated():
        answer = getattr(service, name)(request, timeout=60)
        if name in ("StreamLogs", "WatchReloads"):
            next(iter(answer))
            answer.cancel()


def filled(request, there, client: Client):
    """Returns the request with the ids that are known only now."""
    copy = type(request)()
    copy.CopyFrom(request)
    if getattr(copy, "preview_id", "") == PREVIEW:
        copy.preview_id = there.preview_id
    if getattr(copy, "commit_id", "") == HEAD + "^":
        copy.commit_id = list(client.list_commits(THERE))[1].commit_id
    return copy


def test_table_has_at_least_sixty_requests():
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_wrong_request_gets_its_code_and_fields_and_changes_nothing(case: Case, client, there):
    before = state(client)
    with pytest.raises(PreviewdError) as caught:
        send(client, filled(case.request, there, client))
    error = caught.value
    assert error.code == case.code, str(error)[:500]
    if case.code == INVALID:
        assert error.reason == "INVALID_ARGUMENT"
        assert {violation.field for violation in error.violations} == set(case.fields), str(error)[:500]
        assert all(violation.description for violation in error.violations)
    else:
        assert error.reason == case.reason
    assert state(client) == before


def field_bytes(number: int, content: bytes) -> bytes:
    """Returns a length-delimited protobuf field of at most 127 bytes."""
    return bytes([number << 3 | 2, len(content)]) + content


RAW = {
    "Get: a project id that is not UTF-8": ("PreviewService/Get", field_bytes(2, b"bad-\xff\xfe")),
    "Create: a path that is not UTF-8": (
        "PreviewService/Create",
        field_bytes(1, b"bad-new") + field_bytes(3, field_bytes(1, b"a\xc3\x28")),
    ),
    "Create: text that is not UTF-8": (
        "PreviewService/Create",
        field_bytes(1, b"bad-new") + field_bytes(3, field_bytes(1, b"a") + field_bytes(2, b"\xed\xa0\x80")),
    ),
    "Commit: a message that is not UTF-8": (
        "VfsService/Commit",
        field_bytes(1, THERE.encode()) + field_bytes(5, b"\x80"),
    ),
    "Commit: a path to delete that is not UTF-8": (
        "VfsService/Commit",
        field_bytes(1, THERE.encode()) + field_bytes(4, b"\xf5"),
    ),
    "ReadFile: a path that is not UTF-8": (
        "VfsService/ReadFile",
        field_bytes(1, THERE.encode()) + field_bytes(4, b"\xc0\xaf"),
    ),
    "Update: a message that is cut off": ("PreviewService/Update", b"\x0a\x20short"),
    "Get: bytes that are no message": ("PreviewService/Get", b"\xff\xff\xff\xff\xff"),
}


@pytest.mark.parametrize("name", RAW)
def test_bytes_that_are_no_message_are_invalid_and_change_nothing(name, client, there):
    method, body = RAW[name]
    call = client.channel.unary_unary(
        f"/preview.v1.{method}", request_serializer=lambda it: it, response_deserializer=lambda it: it
    )
    before = state(client)
    with pytest.raises(PreviewdError) as caught, translated():
        call(body, timeout=10)
    assert caught.value.code == INVALID, str(caught.value)
    if "not UTF-8" in name:
        assert len(caught.value.violations) == 1
        assert "UTF-8" in caught.value.violations[0].description
    assert state(client) == before


def test_unknown_call_is_unimplemented(client):
    call = client.channel.unary_unary("/preview.v1.PreviewService/Explode")
    with pytest.raises(grpc.RpcError) as caught:
        call(b"", timeout=10)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_request_over_every_bound_is_refused_and_the_service_goes_on(client, there):
    request = CommitRequest(project_id=THERE, files=[File(path="a", data=bytes(60 * 2**20))])
    with pytest.raises(PreviewdError) as caught:
        send(client, request)
    assert caught.value.code == INVALID
    assert [violation.field for violation in caught.value.violations] == ["files"]
    assert client.get(there.preview_id).phase == Phase.PHASE_RUNNING


def test_large_page_is_taken_for_the_largest_one(client, there):
    pages = client.vfs_service.ListFiles(ListFilesRequest(project_id=THERE, page_size=100_000), timeout=10)
    assert [file.path for file in pages.files] == sorted(projects.static(0))
    assert len(client.preview_service.List(ListRequest(page_size=100_000), timeout=10).previews) >= 1


def test_largest_request_that_is_allowed_is_taken(client, project_id):
    files = {f"f{n}.bin": bytes([n]) * (10 * 2**20) for n in range(3)}
    commit_id = client.commit(project_id, files, timeout=60)
    assert client.read_file(project_id, "f2.bin") == files["f2.bin"]
    assert [file.size_bytes for file in client.list_files(project_id, commit_id=commit_id)] == [10 * 2**20] * 3


def test_wrong_requests_make_no_container(client, service, there):
    with daemon.Events(service.instance) as events:
        for case in CASES:
            if case.name.startswith("Create:"):
                with pytest.raises(PreviewdError):
                    send(client, case.request)
    assert events.work() == []
