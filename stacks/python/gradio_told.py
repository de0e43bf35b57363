"""Runs a script of Gradio, and takes changes in without another process: Gradio alone takes seconds to import.

A change runs the script again, with the project's own modules as they are now; what it launches takes the place of what the
server has shown so far, as with Gradio's own reload mode. A script that throws leaves that as it is.
"""

import runpy
import sys
import threading
import traceback

import previewd_control as control


class Launched(BaseException):
    """Ends a script where it launches: there it would wait for as long as the server runs."""


class Script:
    """The script, and what it has launched."""

    def __init__(self, file):
        self.file = file
        self.running = None
        self.options = None
        """What it was launched with, which is fixed from then on."""
        self.again = threading.local()
        self.launched = None

    def run(self):
        """Runs it as what it is. Returns when it ends."""
        from gradio.blocks import Blocks

        launch = Blocks.launch
        script = self

        def told(blocks, *arguments, **options):
            if getattr(script.again, "running", False):
                script.launched = (blocks, arguments, options)
                raise Launched
            script.running, script.options = blocks, (arguments, options)
            return launch(blocks, *arguments, **options)

        Blocks.launch = told
        control.listen(self.answer)
        sys.argv = [self.file]
        runpy.run_path(self.file, run_name="__main__")

    def answer(self, changes):
        """Returns what the script makes of changes."""
        if not changes:
            return {"ok": True, "strategy": "full"}
        try:
            lines = self.run_again()
            if lines:
                return control.raised(lines)
            blocks, *options = self.launched
            if self.running is None or tuple(options) != self.options:
                return {"ok": True, "strategy": "process"}
            swap(self.running.app, blocks)
        except Exception:
            # Another version than those that are known here, or a script that has to be in the first thread.
            traceback.print_exc()
            return {"ok": True, "strategy": "process"}
        return {"ok": True, "strategy": "full"}

    def run_again(self):
        """Runs the script up to where it launches, and returns the lines of the traceback that ended it before."""
        from gradio.context import Context

        control.forget()
        Context.id = 0
        Context.root_block = Context.block = None
        self.launched = None
        self.again.running = True
        try:
            runpy.run_path(self.file, run_name="__main__")
        except Launched:
            return []
        except ValueError as error:
            if "main thread" in str(error):
                raise
            return printed(error)
        except Exception as error:
            return printed(error)
        except SystemExit:
            pass
        raise RuntimeError("the script has launched nothing")


def printed(error):
    """Returns the lines of an exception as Python prints it."""
    return "".join(traceback.format_exception(type(error), error, error.__traceback__)).rstrip().split("\n")


def swap(app, blocks):
    """Has a server show other blocks."""
    from gradio import utils

    class Reloader(utils.BaseReloader):
        running_app = app

    before = app.blocks
    Reloader().swap_blocks(blocks)
    getattr(utils, "reassign_keys", lambda *_: None)(before, blocks)
    blocks.config = blocks.get_config_file()


def run(file):
    """Runs a script of Gradio until it ends."""
    Script(file).run()
