"""Runs the local AWS, and takes everything down with it when its standard input ends.

The pipe on the standard input is held by the process that started this one. However that process ends, the kernel
closes the pipe: so nothing is left running, not even after a SIGKILL. Functions are started by the local AWS into this
process's group, and die with the group.

Usage: launcher.py <folder for temporary files>; the rest is in the environment (see emulator.rs).
"""

import json
import os
import random
import resource
import shutil
import signal
import socketserver
import sys
import threading
import time
import traceback
import urllib.parse


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


def open_many_files() -> None:
    """Each process of a function takes several: its log, its Runtime API, its connections. The customary 1,024 are soon used
    up, and then calls fail here and there."""
    enough = 10_240
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = enough if most == resource.RLIM_INFINITY else min(most, enough)
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def close_what_is_closed() -> None:
    """As shipped, a connection that its client has closed stays open for 75 s, until nothing has come over it for so long: at
    twenty new ones a second, 1,500 files."""
    from hypercorn.asyncio.tcp_server import TCPServer

    read = TCPServer._read_data

    async def read_to_the_end(self) -> None:
        await read(self)
        await self.idle_task.stop()

    TCPServer._read_data = read_to_the_end


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


def move_messages() -> None:
    """It has no StartMessageMoveTask and ListMessageMoveTasks. Here a move is over at once, and takes what is visible."""
    from ministack.services import sqs

    tasks: dict[str, list[dict]] = {}

    def queue(arn: str) -> dict:
        found = sqs._queue_by_arn(arn)
        if found is None:
            raise sqs._Err("ResourceNotFoundException", f"there is no queue {arn}")
        return found

    def start(data: dict, _url: str) -> dict:
        source, destination = queue(data["SourceArn"]), queue(data["DestinationArn"])
        now = time.time()
        moved = [message for message in source["messages"] if message["visible_at"] <= now]
        source["messages"] = [message for message in source["messages"] if message["visible_at"] > now]
        for message in moved:
            message.update(receive_count=0, first_receive_at=None, receipt_handle=None)
        destination["messages"].extend(moved)
        task = {
            "Status": "COMPLETED",
            "SourceArn": data["SourceArn"],
            "DestinationArn": data["DestinationArn"],
            "ApproximateNumberOfMessagesMoved": len(moved),
            "ApproximateNumberOfMessagesToMove": len(moved),
            "StartedTimestamp": int(now * 1000),
        }
        tasks.setdefault(data["SourceArn"], []).insert(0, task)
        return {"TaskHandle": f"{data['SourceArn']}/{len(tasks[data['SourceArn']])}"}

    def listed(data: dict, _url: str) -> dict:
        queue(data["SourceArn"])
        return {"Results": tasks.get(data["SourceArn"], [])[: data.get("MaxResults", 1)]}

    sqs._HANDLERS.update({"StartMessageMoveTask": start, "ListMessageMoveTasks": listed})


def watch_permissions() -> list[dict]:
    """Which permissions are used: the answer grows by an entry for each role, statement, action and resource that was
    allowed, and `GET /_allowed` gives it."""
    from ministack.core import iam_evaluator

    evaluate, seen, allowed = iam_evaluator.evaluate, set(), []

    def watched(context, policies, *limits):
        result = evaluate(context, policies, *limits)
        use = (context.principal_arn, result.matched_sid, context.action, context.resource_arn)
        if result.decision == "Allow" and use not in seen:
            seen.add(use)
            allowed.append(dict(zip(("principal", "statement", "action", "resource"), use)))
        return result

    iam_evaluator.evaluate = watched
    return allowed


class Weather:
    """The local AWS as it is on a bad day: of the calls that functions make, some are throttled and do nothing, and of
    some the answer is lost. How many of a thousand, `PUT /_weather?throttled=…&lost=…` says; the answer is how many there
    have been so far."""

    THROTTLED = (400, "ThrottlingException", "Rate exceeded")
    LOST = (500, "InternalServerError", "the answer was lost")

    def __init__(self, app, allowed: list[dict]) -> None:
        self.app = app
        self.allowed = allowed
        self.often = {"throttled": 0, "lost": 0}
        self.counts = dict.fromkeys(self.often, 0)

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] == "http" and scope["path"] == "/_weather":
            return await self.change(scope, send)
        if scope["type"] == "http" and scope["path"] == "/_allowed":
            return await self.answer(send, 200, self.allowed)
        fault = self.draw(scope) if any(self.often.values()) else None
        if fault == "throttled":
            return await self.fail(send, *self.THROTTLED)
        if fault == "lost":
            await self.app(scope, receive, self.nowhere)
            return await self.fail(send, *self.LOST)
        await self.app(scope, receive, send)

    def draw(self, scope) -> str | None:
        headers = dict(scope.get("headers", []))
        # Root is the one who looks at what comes of it.
        if b"x-amz-target" not in headers or b"Credential=test/" in headers.get(b"authorization", b""):
            return None
        dice = random.randrange(1000)
        fault = "throttled" if dice < self.often["throttled"] else "lost"
        if dice >= sum(self.often.values()):
            return None
        self.counts[fault] += 1
        return fault

    async def change(self, scope, send) -> None:
        wanted = urllib.parse.parse_qs(scope["query_string"].decode())
        self.often = {name: int(wanted.get(name, ["0"])[0]) for name in self.often}
        await self.answer(send, 200, self.counts)

    async def fail(self, send, status, kind, message) -> None:
        await self.answer(send, status, {"__type": kind, "message": message})

    @staticmethod
    async def answer(send, status, body) -> None:
        headers = [(b"content-type", b"application/x-amz-json-1.0")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})

    @staticmethod
    async def nowhere(_event) -> None:
        pass


def main() -> None:
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        open_many_files()
        close_what_is_closed()
        hurry()
        authorize_batches()
        move_messages()
        allowed = watch_permissions()
        import ministack.app as local_aws

        local_aws.app = Weather(local_aws.app, allowed)
        sys.argv[1:] = []
        local_aws.main()
    except BaseException:
        traceback.print_exc()
    finally:
        end()


main()
