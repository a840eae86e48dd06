"""What the Rust side asks of the local AWS, one JSON object a line (see helper.rs).

Every public function here is an operation; its parameters are the request's arguments.
"""

import hashlib
import io
import json
import os
import sys
import threading
import urllib.request
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

BUCKET = "postrider-code"
making_clients = threading.Lock()


class Failed(Exception):
    """Its text says it all."""


@cache
def session():
    import boto3

    return boto3.session.Session()


@cache
def client(service):
    from botocore.config import Config

    config = Config(
        # An invocation may take as long as a function may run, and is never made twice.
        read_timeout=900,
        retries={"total_max_attempts": 1},
        max_pool_connections=64,
        # Nobody alters 50 MB on the way to this very machine: checksums of it are time lost.
        s3={"payload_signing_enabled": False},
        request_checksum_calculation="when_required",
    )
    with making_clients:
        return session().client(service, config=config)


def template(path):
    """The SAM template as JSON, with the short forms of its functions (!Ref …) spelled out."""
    from samtranslator.yaml_helper import yaml_parse

    return yaml_parse(Path(path).read_text())


def deploy(stack, template, parameters, binaries):
    """Creates the stack and returns its outputs."""
    resources = template["Resources"]
    for resource in resources.values():
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]:
            use_one_metric(resource["Properties"])
    for name in [name for name, resource in resources.items() if resource["Type"] == "AWS::SQS::QueuePolicy"]:
        document = resources[name]["Properties"]["PolicyDocument"]
        document["Statement"] = [statement for statement in document["Statement"] if not is_transport(statement)]
        if not document["Statement"]:
            del resources[name]
    for resource in resources.values():
        if resource["Type"] == "AWS::Serverless::Function":
            properties = resource["Properties"]
            name = Path(properties["CodeUri"]).name
            properties["CodeUri"] = {"Bucket": BUCKET, "Key": upload(binaries[name])}
        if resource["Type"] == "AWS::Lambda::EventSourceMapping":
            make_numbers(resource["Properties"], template["Parameters"], parameters)
    formation = client("cloudformation")
    formation.create_stack(
        StackName=stack,
        TemplateURL=upload_template(template),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    state = wait(stack)
    if state["StackStatus"] != "CREATE_COMPLETE":
        raise Failed(f"{state['StackStatus']}: {failures(stack) or state.get('StackStatusReason')}")
    return {output["OutputKey"]: output["OutputValue"] for output in state.get("Outputs", [])}


def is_transport(statement):
    """What refuses plain HTTP, which is all that the local AWS speaks."""
    return statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}


def use_one_metric(alarm):
    """The local AWS does not know alarms on an expression, and looks at none of them anyway: one of the metrics will do."""
    stat = next(metric["MetricStat"] for metric in alarm.pop("Metrics") if "MetricStat" in metric)
    alarm.update(stat["Metric"], Statistic=stat["Stat"], Period=stat["Period"])


def make_numbers(mapping, declared, parameters):
    """CloudFormation turns a parameter into a number where one is wanted; the local AWS leaves it a text here."""
    scaling = mapping.get("ScalingConfig", {})
    for key, value in scaling.items():
        if isinstance(value, dict):
            name = value["Ref"]
            scaling[key] = int(parameters.get(name, declared[name]["Default"]))


def undeploy(stack):
    """Deletes the stack."""
    identity = client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackId"]
    client("cloudformation").delete_stack(StackName=stack)
    state = wait(identity)
    if state["StackStatus"] != "DELETE_COMPLETE":
        raise Failed(f"{state['StackStatus']}: {failures(identity)}")


def wait(stack):
    """The stack's description as soon as nothing is in progress any more."""
    pause = threading.Event()
    for _ in range(3000):
        state = client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        if not state["StackStatus"].endswith("_IN_PROGRESS"):
            return state
        pause.wait(0.1)
    raise Failed(f"{stack} is still {state['StackStatus']} after 5 minutes")


def failures(stack):
    """Why resources failed, the first first."""
    events = client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return "; ".join(
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("_FAILED")
    )


def upload_template(template):
    """The URL of the template in S3: a request takes 51,200 bytes at most."""
    body = json.dumps(template).encode()
    key = hashlib.sha256(body).hexdigest() + ".json"
    store = client("s3")
    store.create_bucket(Bucket=BUCKET)
    store.put_object(Bucket=BUCKET, Key=key, Body=body)
    return f"{os.environ['AWS_ENDPOINT_URL']}/{BUCKET}/{key}"


def upload(binary):
    """The key of a zip that holds the binary as `bootstrap`. An unchanged binary is not uploaded again."""
    facts = os.stat(binary)
    return uploaded(binary, facts.st_mtime_ns, facts.st_size)


@cache
def uploaded(binary, _changed, _size):
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_STORED) as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, Path(binary).read_bytes())
    body = zipped.getvalue()
    key = hashlib.sha256(body).hexdigest() + ".zip"
    store = client("s3")
    store.create_bucket(Bucket=BUCKET)
    store.put_object(Bucket=BUCKET, Key=key, Body=body)
    return key


def invoke(function, event):
    """The answer of one synchronous invocation, and the error's kind if it is one."""
    answer = client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
    return {"error": answer.get("FunctionError"), "payload": json.loads(answer["Payload"].read() or "null")}


def put_event(source, detail_type, detail):
    """Puts an event on the default event bus."""
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail)}
    answer = client("events").put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        raise Failed(json.dumps(answer["Entries"]))


def logs(function):
    """All that the function has logged, in order."""
    # The local AWS gives 10,000 lines at a time, and no token for the next: the last millisecond is asked for again.
    group, lines = f"/aws/lambda/{function}", []
    while True:
        start = lines[-1]["timestamp"] if lines else 0
        page = client("logs").filter_log_events(logGroupName=group, startTime=start)["events"]
        lines = [line for line in lines if line["timestamp"] < start] + page
        if len(page) < 10_000:
            return [{"at_millis": line["timestamp"], "message": line["message"]} for line in lines]


def weather(throttled, lost):
    """So many of a thousand calls of functions go wrong from now on; gives how many have so far (see launcher.py)."""
    url = f"{os.environ['AWS_ENDPOINT_URL']}/_weather?throttled={throttled}&lost={lost}"
    with urllib.request.urlopen(urllib.request.Request(url, method="PUT")) as answer:
        return json.load(answer)


def allowed():
    """Which permissions were used (see launcher.py)."""
    with urllib.request.urlopen(f"{os.environ['AWS_ENDPOINT_URL']}/_allowed") as answer:
        return json.load(answer)


def secret(name):
    """The text of a secret."""
    return client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]


OPERATIONS = {operation.__name__: operation for operation in (template, deploy, undeploy, invoke, put_event, logs, weather, allowed, secret)}


def serve(line, lock=threading.Lock()):
    request = json.loads(line)
    answer = {"id": request["id"]}
    try:
        answer["result"] = OPERATIONS[request["operation"]](**request["arguments"])
    except Failed as error:
        answer["error"] = str(error)
    except Exception as error:
        answer["error"] = f"{type(error).__name__}: {error}"
    with lock:
        print(json.dumps(answer), flush=True)


def main():
    with ThreadPoolExecutor(64) as pool:
        for line in sys.stdin:
            pool.submit(serve, line)
    # Whoever asked is gone: nobody waits for what is still under way.
    os._exit(0)


main()
