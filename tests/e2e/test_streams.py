"""Streams: what comes first, what comes once, what is said of a gap, how they end (acceptance 11)."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone

import pytest
from harness import projects, web
from harness.waiting import eventually
from harness.watching import COMMITTED, READY, Watcher

from previewd import ChangeKind, GoodbyeReason, LogSource, Phase

STDOUT, STDERR = LogSource.LOG_SOURCE_STDOUT, LogSource.LOG_SOURCE_STDERR
LIFECYCLE, INSTALL = LogSource.LOG_SOURCE_LIFECYCLE, LogSource.LOG_SOURCE_INSTALL


# Reloads


def test_watch_begins_with_a_hello_that_says_how_things_are(client, create):
    preview = create(projects.STATIC)
    with client.watch_reloads(preview.preview_id) as watch:
        hello = next(watch).hello
    assert hello.preview_id == preview.preview_id
    assert hello.head_commit_id == hello.applied_commit_id == preview.commit_id
    assert hello.phase == Phase.PHASE_RUNNING
    assert hello.heartbeat_interval.ToSeconds() == 1


def test_resumed_watch_brings_each_of_thirty_missed_commits_once_in_order(client, create, project_id):
    preview = create(projects.STATIC)
    with Watcher(client, preview.preview_id) as watcher:
        seen = client.commit(project_id, projects.STATIC.change(1))
        watcher.wait_stage(READY, seen, within=5)
    missed = [client.commit(project_id, projects.STATIC.change(n)) for n in range(2, 32)]
    eventually(lambda: client.get(preview.preview_id).commit_id == missed[-1], within=10)
    with Watcher(client, preview.preview_id, after_commit_id=seen) as watcher:
        watcher.wait_stage(COMMITTED, missed[-1], within=5)
        watcher.wait_stage(READY, missed[-1], within=5)
        later = client.commit(project_id, projects.STATIC.change(40))
        watcher.wait_stage(READY, later, within=5)
        kinds = [message.WhichOneof("event") for _, message in watcher.messages]
        assert kinds[0] == "hello"
        assert "reset" not in kinds
        committed = watcher.reloads(COMMITTED)
    assert [reload.commit_id for reload in committed] == [*missed, later]
    assert [reload.parent_commit_id for reload in committed] == [seen, *missed]


def test_watch_that_resumes_at_the_head_brings_only_what_is_new(client, create, project_id):
    preview = create(projects.STATIC)
    with Watcher(client, preview.preview_id, after_commit_id=preview.head_commit_id) as watcher:
        commit = client.commit(project_id, projects.STATIC.change(1))
        watcher.wait_stage(READY, commit, within=5)
        assert [reload.commit_id for reload in watcher.reloads(COMMITTED)] == [commit]


@pytest.mark.parametrize("cursor", ["a commit that nobody made", "a commit of another branch"])
def test_cursor_that_is_not_on_the_branch_gets_a_reset_and_the_watch_goes_on(cursor, client, create, project_id):
    preview = create(projects.STATIC)
    client.create_branch(project_id, "other")
    elsewhere = client.commit(project_id, {"a.txt": "a"}, branch="other")
    after = elsewhere if cursor == "a commit of another branch" else "0123456789abcdef" * 2 + "01234567"
    with Watcher(client, preview.preview_id, after_commit_id=after) as watcher:
        _, reset = watcher.wait("reset", within=5)
        assert reset.head_commit_id == reset.applied_commit_id == preview.commit_id
        assert reset.message
        commit = client.commit(project_id, projects.STATIC.change(1))
        watcher.wait_stage(READY, commit, within=5)
        assert [reload.commit_id for reload in watcher.reloads(COMMITTED)] == [commit]
        assert [message.WhichOneof("event") for _, message in watcher.messages[:2]] == ["hello", "reset"]


def test_commit_comes_with_its_parent_its_paths_and_the_time_of_each_stage(client, create, project_id):
    preview = create(projects.STATIC)
    with Watcher(client, preview.preview_id) as watcher:
        files = {**projects.STATIC.change(1), "new.txt": "new"}
        commit = client.commit(project_id, files, delete_paths=["js/main.js"])
        _, ready = watcher.wait_stage(READY, commit, within=5)
        stages = [m.reload.stage for _, m in watcher.messages if m.WhichOneof("event") == "reload"]
        committed = watcher.reloads(COMMITTED)[0]
    assert stages == [1, 2, 3], "COMMITTED, SYNCED, READY"
    assert committed.parent_commit_id == preview.commit_id
    assert [(path.path, path.kind) for path in committed.changed_paths] == [
        ("index.html", ChangeKind.CHANGE_KIND_MODIFIED),
        ("js/main.js", ChangeKind.CHANGE_KIND_DELETED),
        ("new.txt", ChangeKind.CHANGE_KIND_ADDED),
    ]
    spans = [
        it.ToTimedelta().total_seconds() for it in (ready.durations.sync, ready.durations.ready, ready.durations.total)
    ]
    assert all(0 <= span < 5 for span in spans)
    assert spans[2] >= max(spans[:2])
    assert not ready.HasField("failure")


def test_paths_beyond_a_thousand_are_counted_and_left_out(client, create, project_id):
    preview = create(projects.STATIC)
    with Watcher(client, preview.preview_id) as watcher:
        commit = client.commit(project_id, {f"many/{n:04d}.txt": str(n) for n in range(1203)})
        _, reload = watcher.wait_stage(READY, commit, within=20)
        committed = watcher.reloads(COMMITTED)[0]
    for message in (committed, reload):
        assert (len(message.changed_paths), message.changed_paths_omitted) == (1000, 203)
    assert web.get(preview.url, "/many/1202.txt").text == "1202"


def test_heartbeats_come_while_nothing_happens(client, create):
    preview = create(projects.STATIC)
    with Watcher(client, preview.preview_id) as watcher:
        eventually(lambda: len(watcher.messages) >= 4, within=6)
        beats = [(moment, m.heartbeat) for moment, m in watcher.messages if m.WhichOneof("event") == "heartbeat"]
    assert len(beats) >= 3
    gaps = [later - earlier for (earlier, _), (later, _) in zip(beats, beats[1:])]
    assert all(0.7 < gap < 1.5 for gap in gaps), gaps
    assert {beat.head_commit_id for _, beat in beats} == {preview.commit_id}
    assert {beat.applied_commit_id for _, beat in beats} == {preview.commit_id}


def test_watch_and_logs_end_with_a_goodbye_when_the_preview_is_deleted(client, create):
    preview = create(projects.STATIC)
    logs = client.logs(preview.preview_id, follow=True)
    reading = threading.Thread(target=lambda: [None for _ in logs])
    reading.start()
    with Watcher(client, preview.preview_id) as watcher:
        client.delete(preview.preview_id)
        _, goodbye = watcher.wait("goodbye", within=5)
        assert watcher.ended.wait(5)
        assert watcher.messages[-1][1].WhichOneof("event") == "goodbye", "the goodbye is always the last"
    reading.join(5)
    assert goodbye.reason == GoodbyeReason.GOODBYE_REASON_DELETED
    assert logs.goodbye is not None
    assert logs.goodbye.reason == GoodbyeReason.GOODBYE_REASON_DELETED


def test_reader_that_is_slow_loses_no_commit_and_does_not_slow_others(client, create, project_id):
    preview = create(projects.STATIC)
    with client.watch_reloads(preview.preview_id) as slow, Watcher(client, preview.preview_id) as watcher:
        next(slow)
        commits = [client.commit(project_id, projects.STATIC.change(n)) for n in range(1, 301)]
        watcher.wait_stage(READY, commits[-1], within=20)
        seen = []
        for message in slow:
            if message.WhichOneof("event") == "reload" and message.reload.stage == COMMITTED:
                seen.append(message.reload.commit_id)
                if message.reload.commit_id == commits[-1]:
                    break
    assert seen == commits


# Logs


def lines_of(client, preview, **query) -> list[str]:
    return [entry.line for entry in client.logs(preview.preview_id, **query)]


def ask(preview, path: str) -> None:
    assert web.get(preview.url, path).status == 200


def printed(client, preview, last: str, source: int = STDOUT):
    """Returns the entries of a source once its last line is there."""
    return eventually(
        lambda: (it := list(client.logs(preview.preview_id, sources=[source]))) and it[-1].line == last and it,
        within=10,
        what=f"{last} is in the log",
    )


def test_reading_on_from_a_cursor_gives_every_later_line_once(client, create):
    preview = create(projects.PLAIN_NODE)
    ask(preview, "/lines?count=50")
    entries = printed(client, preview, "line 49")
    middle = next(entry for entry in entries if entry.line == "line 19")
    assert lines_of(client, preview, sources=[STDOUT], after_cursor=middle.cursor) == [
        f"line {n}" for n in range(20, 50)
    ]
    cursors = [entry.cursor for entry in client.logs(preview.preview_id)]
    assert cursors == sorted(set(cursors)), "cursors are not ordered"
    assert lines_of(client, preview, after_cursor=cursors[-1]) == []

    followed: list[str] = []
    logs = client.logs(preview.preview_id, sources=[STDOUT], follow=True, after_cursor=middle.cursor)
    reading = threading.Thread(target=lambda: followed.extend(entry.line for entry in logs))
    reading.start()
    for start in range(50, 100, 10):
        ask(preview, f"/lines?from={start}&count=10")
    eventually(lambda: "line 99" in followed, within=10)
    logs.close()
    reading.join(5)
    assert followed == [f"line {n}" for n in range(20, 100)]


def test_line_over_16_kib_is_split_and_marked(client, create):
    preview = create(projects.PLAIN_NODE)
    ask(preview, "/print?bytes=40000")
    ask(preview, "/lines")
    entries = [entry for entry in printed(client, preview, "line 0") if set(entry.line) == {"x"}]
    assert [(len(entry.line), entry.partial) for entry in entries] == [(16384, True), (16384, True), (7232, False)]


def test_line_of_exactly_16_kib_is_whole(client, create):
    preview = create(projects.PLAIN_NODE)
    ask(preview, "/print?bytes=16384")
    ask(preview, "/lines")
    entries = [entry for entry in printed(client, preview, "line 0") if set(entry.line) == {"x"}]
    assert [(len(entry.line), entry.partial) for entry in entries] == [(16384, False)]


def test_tail_gives_the_last_of_the_selected_lines(client, create):
    preview = create(projects.PLAIN_NODE)
    ask(preview, "/lines?count=30")
    ask(preview, "/lines?count=30&stderr")
    printed(client, preview, "line 29", STDERR)
    printed(client, preview, "line 29", STDOUT)
    assert lines_of(client, preview, sources=[STDOUT], tail_lines=3) == ["line 27", "line 28", "line 29"]
    assert lines_of(client, preview, tail_lines=0) == []


def test_tail_of_nothing_follows_new_lines_alone(client, create):
    preview = create(projects.PLAIN_NODE)
    ask(preview, "/lines?count=5")
    printed(client, preview, "line 4")
    followed: list[str] = []
    logs = client.logs(preview.preview_id, sources=[STDOUT], follow=True, tail_lines=0)
    reading = threading.Thread(target=lambda: followed.extend(entry.line for entry in logs))
    reading.start()

    def new_line_is_there() -> bool:
        # The stream may have been opened after the first of these.
        ask(preview, "/lines?from=90&count=1")
        return "line 90" in followed

    eventually(new_line_is_there, within=10, every=0.1)
    logs.close()
    reading.join(5)
    assert set(followed) == {"line 90"}


def test_since_leaves_older_lines_out(client, create):
    preview = create(projects.PLAIN_NODE)
    ask(preview, "/lines?count=5")
    last = printed(client, preview, "line 4")[-1].timestamp.ToDatetime(timezone.utc)
    moment = last + timedelta(microseconds=1)
    ask(preview, "/lines?from=10&count=2")
    printed(client, preview, "line 11")
    assert lines_of(client, preview, sources=[STDOUT], since=moment) == ["line 10", "line 11"]


def test_entries_carry_time_and_source(client, create):
    before = datetime.now(timezone.utc)
    preview = create(projects.PLAIN_NODE)
    ask(preview, "/lines?count=1")
    ask(preview, "/lines?count=1&stderr")
    out = printed(client, preview, "line 0", STDOUT)[-1]
    error = printed(client, preview, "line 0", STDERR)[-1]
    assert (out.source, error.source) == (STDOUT, STDERR)
    for entry in (out, error):
        assert before <= entry.timestamp.ToDatetime(timezone.utc) <= datetime.now(timezone.utc)
    lifecycle = list(client.logs(preview.preview_id, sources=[LIFECYCLE]))
    assert lifecycle
    assert {entry.source for entry in lifecycle} == {LIFECYCLE}


@pytest.mark.timeout(240)
def test_installation_is_in_the_log(client, create):
    files = projects.flask(0)
    # A set of its own, so that it is installed here and now.
    preview = create({**files, "requirements.txt": "flask\ncolorama\n"}, timeout=180)
    installed = lines_of(client, preview, sources=[INSTALL])
    assert any("colorama" in line for line in installed), installed[-5:]


def test_bytes_that_are_not_utf_8_are_replaced(client, create):
    files = projects.plain_node(0)
    files["server.js"] += "process.stdout.write(Buffer.from([0x61, 0xff, 0x62, 0x0a]));\n"
    preview = create(files)
    eventually(lambda: "a\ufffdb" in lines_of(client, preview, sources=[STDOUT]), within=5)


def test_crash_ends_with_its_last_lines_and_the_stream_goes_on(client, create):
    preview = create(projects.PLAIN_NODE, version=3)
    followed: list[tuple[int, str]] = []
    logs = client.logs(preview.preview_id, follow=True)
    reading = threading.Thread(target=lambda: followed.extend((entry.source, entry.line) for entry in logs))
    reading.start()
    try:
        web.get(preview.url, "/crash?code=5")
    except OSError:
        pass  # the answer is cut off, or is the gateway's own
    eventually(lambda: (STDERR, "the last words") in followed, within=5)
    assert (STDOUT, "one before the last") in followed
    eventually(lambda: followed.count((STDOUT, "plain server 003 listens")) == 2, within=20, what="it runs again")
    eventually(
        lambda: any(source == LIFECYCLE and "5" in line for source, line in followed),
        within=5,
        what="the lifecycle log has the exit status",
    )
    assert reading.is_alive(), "the crash ended the stream"
    logs.close()
    reading.join(5)


def test_flood_of_lines_is_kept_within_bounds_and_the_gap_is_said(client, create):
    preview = create(projects.PLAIN_NODE)
    ask(preview, "/lines?count=1")
    first = printed(client, preview, "line 0")[-1]
    ask(preview, "/lines?count=30000")
    eventually(lambda: lines_of(client, preview, sources=[STDOUT], tail_lines=1) == ["line 29999"], within=30)
    items = list(client.logs(preview.preview_id, sources=[STDOUT], after_cursor=first.cursor))
    entries = [item for item in items if hasattr(item, "line")]
    gaps = [item for item in items if not hasattr(item, "line")]
    assert 1000 <= len(entries) <= 10_000
    assert gaps and gaps[0].message
    numbers = [int(entry.line.split()[1]) for entry in entries]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 29_999
    assert web.get(preview.url).status == 200
