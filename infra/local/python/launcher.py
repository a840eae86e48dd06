"""Runs the local AWS, and takes everything down with it when its standard input ends.

The pipe on the standard input is held by the process that started this one. However that process ends, the kernel
closes the pipe: so nothing is left running, not even after a SIGKILL. Functions are started by the local AWS into this
process's group, and die with the group.

Usage: launcher.py <folder for temporary files>; the rest is in the environment (see emulator.rs).
"""

import os
import shutil
import signal
import socketserver
import sys
import threading
import traceback


TEMPORARY = sys.argv[1]


def end() -> None:
    # The group is killed below in any case, but it is tidy to have reaped the functions.
    runtime = sys.modules.get("ministack.core.lambda_runtime")
    for process in [worker._proc for pool in list(runtime._workers.values()) for worker in pool] if runtime else []:
        if process:
            process.kill()
            process.wait(1)
    shutil.rmtree(TEMPORARY, ignore_errors=True)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    end()


def hurry() -> None:
    """As shipped, a warm invocation of a function that logs nothing takes 60 ms longer, all of it waiting."""
    # The two parts of a Runtime API answer are two writes, and Nagle's algorithm holds the second for 40 ms.
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True
    # After an invocation it waits 50 ms for a first line in the log. A later one is read after the next invocation.
    from ministack.core.lambda_runtime import Worker

    first_line_wait, *others = Worker._drain_stderr_bounded.__defaults__
    assert first_line_wait == 0.05, "another version of ministack: look at Worker._drain_stderr_bounded again"
    Worker._drain_stderr_bounded.__defaults__ = (0.01, *others)


def authorize_batches() -> None:
    """AWS has no permissions of their own for the batch calls of SQS: SendMessage covers SendMessageBatch. Here they
    would need names in the policies that do not exist there."""
    from ministack.core import iam_actions

    asked = iam_actions._action_from_target

    def action(headers: dict) -> str | None:
        name = asked(headers)
        batches = ("SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch")
        return name.removesuffix("Batch") if name in batches else name

    iam_actions._action_from_target = action


def authorize_as_aws_does() -> None:
    """There is no permission such as sqs:SendMessageBatch on AWS: sqs:SendMessage allows that call as well."""
    from ministack.core import iam_actions

    extract = iam_actions.extract_iam_action

    def without_batch(service, *request):
        action = extract(service, *request)
        return action.removesuffix("Batch") if service == "sqs" and action else action

    iam_actions.extract_iam_action = without_batch


def main() -> None:
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        hurry()
        authorize_batches()
        from ministack.app import main as serve

        sys.argv[1:] = []
        serve()
    except BaseException:
        traceback.print_exc()
    finally:
        end()


main()
