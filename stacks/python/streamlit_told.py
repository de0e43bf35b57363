"""Runs a script of Streamlit in this process, and takes changes in without another one.

It tells the sessions of open pages to run the script again, with the project's own modules as they are now, and runs it
once in a session of its own, as a page that is opened would: what it throws there is what the page shows.
"""

import sys
import threading
import time
import traceback

import previewd_control as control

RUN_SECONDS = 10
"""How long a run of the script is waited for. One that takes longer has no error so far."""
STARTED_SECONDS = 60
"""How long Streamlit may take until sessions can be made."""
CONFIGURES = ".streamlit/"
"""The folder of what Streamlit reads when it starts."""


def run(file, words):
    """Hands the script to Streamlit's command line. Does not return."""
    from streamlit.web.cli import main

    control.listen(answer)
    sys.argv = ["streamlit", "run", file, *words]
    sys.exit(main(prog_name="streamlit"))


def answer(changes):
    """Returns what the script makes of changes."""
    paths = [change["path"] for change in changes]
    if any(path.startswith(CONFIGURES) or "/" + CONFIGURES in path for path in paths):
        return {"ok": True, "strategy": "process"}
    try:
        runtime = started()
        if changes:
            control.forget()
            on_loop(runtime, lambda: run_again(runtime))
        lines = Trial(runtime).run()
        if lines and runtime._session_mgr.list_active_sessions():
            # Of two runs that import a module at once which throws, Python may give the second one a module without its
            # names, and not what was thrown.
            lines = Trial(runtime).run()
    except Exception:
        # Another version than those that are known here: a new process shows the change all the same.
        traceback.print_exc()
        return {"ok": True, "strategy": "process"} if changes else {"ok": True, "strategy": "hot"}
    if lines:
        return control.raised(lines)
    return {"ok": True, "strategy": "hot"}


def started():
    """Returns Streamlit's runtime once it has begun."""
    from streamlit.runtime import Runtime

    until = time.monotonic() + STARTED_SECONDS
    while not (Runtime.exists() and getattr(Runtime.instance(), "_async_objs", None)):
        if time.monotonic() > until:
            raise TimeoutError("Streamlit has not begun")
        time.sleep(0.01)
    return Runtime.instance()


def on_loop(runtime, function):
    """Calls a function in the thread of Streamlit's event loop and returns what it returns."""
    done = threading.Event()
    result = []

    def call():
        try:
            result.append((function(), None))
        except Exception as error:
            result.append((None, error))
        done.set()

    runtime._get_async_objs().eventloop.call_soon_threadsafe(call)
    if not done.wait(RUN_SECONDS):
        raise TimeoutError("Streamlit's event loop does not answer")
    value, error = result[0]
    if error:
        raise error
    return value


def run_again(runtime):
    """Lets every open page run the script again."""
    runtime._script_cache.clear()
    for info in runtime._session_mgr.list_active_sessions():
        info.session._on_source_file_changed()


class Trial:
    """One run of the script in a session that nobody sees."""

    def __init__(self, runtime):
        self.runtime = runtime
        self.lines = []
        self.finished = threading.Event()

    def write_forward_msg(self, message):
        """Takes what a page would be sent."""
        kind = message.WhichOneof("type")
        if kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            if message.delta.new_element.WhichOneof("type") == "exception":
                exception = message.delta.new_element.exception
                # What the script shows of its own accord, by `st.exception`, is no fault of it.
                if not getattr(exception, "is_warning", False) and not self.lines:
                    self.lines = as_traceback(exception)
        elif kind == "session_event" and message.session_event.WhichOneof("type") == "script_compilation_exception":
            self.lines = as_traceback(message.session_event.script_compilation_exception)
            self.finished.set()
        elif kind == "script_finished":
            self.finished.set()

    def run(self):
        """Runs the script and returns the lines of the traceback that ended it; none if it went well."""
        from streamlit.proto.BackMsg_pb2 import BackMsg
        from streamlit.runtime import SessionClient

        # What a client is checked for.
        client = type("Client", (SessionClient,), {"write_forward_msg": lambda _, message: self.write_forward_msg(message)})()
        session = on_loop(self.runtime, lambda: self.runtime.connect_session(client=client, user_info={}))
        try:
            message = BackMsg()
            message.rerun_script.query_string = ""
            on_loop(self.runtime, lambda: self.runtime.handle_backmsg(session, message))
            self.finished.wait(RUN_SECONDS)
        finally:
            on_loop(self.runtime, lambda: self.runtime.close_session(session))
        return self.lines


def as_traceback(exception):
    """Returns an exception that a page shows as Python prints it."""
    lines = ["Traceback (most recent call last):"]
    for part in exception.stack_trace:
        lines += [line.rstrip() for line in part.split("\n") if line.strip()]
    text = exception.message.strip() or "no message"
    if exception.type in ("SyntaxError", "IndentationError", "TabError"):
        # The place is in the message, which is Markdown.
        lines += [line for line in text.split("\n") if line.strip() and not line.startswith("```")]
        text = lines.pop().partition(": ")[2]
    return [*lines, f"{exception.type}: {text.splitlines()[0]}"]
