"""Every operation of the contract, by the published client.

Needs POSTRIDER_URL, POSTRIDER_TOKEN and POSTRIDER_HOOK, a URL that answers 200. Exits non-zero if anything is amiss.
"""

import os
import time

from svix.api import (
    AppPortalAccessIn,
    ApplicationIn,
    ApplicationPatch,
    EndpointHeadersIn,
    EndpointHeadersPatchIn,
    EndpointIn,
    EndpointPatch,
    EndpointSecretRotateIn,
    EndpointUpsertIn,
    EventExampleIn,
    EventTypeDeleteOptions,
    EventTypeIn,
    EventTypePatch,
    EventTypeUpsertIn,
    MessageAttemptListAttemptedMessagesOptions,
    MessageAttemptListByEndpointOptions,
    MessageGetOptions,
    MessageIn,
    RecoverIn,
    Svix,
    SvixOptions,
)
from svix.exceptions import HttpError

PATIENCE = 60
HOOK = os.environ["POSTRIDER_HOOK"]


def client(token):
    return Svix(token, SvixOptions(server_url=os.environ["POSTRIDER_URL"]))


def eventually(what, ask):
    end = time.monotonic() + PATIENCE
    while not (answer := ask()):
        assert time.monotonic() < end, f"not within {PATIENCE} s: {what}"
        time.sleep(0.1)
    return answer


def is_refused(status, call, *arguments):
    try:
        call(*arguments)
    except HttpError as error:
        return error.status_code == status
    return False


def ids(page):
    return [one.id for one in page.data]


def applications(svix):
    app = svix.application.create(ApplicationIn(name="Shop", uid="shop", metadata={"plan": "a"}))
    assert (app.name, app.uid, app.metadata) == ("Shop", "shop", {"plan": "a"})
    assert svix.application.get_or_create(ApplicationIn(name="Other", uid="shop")).id == app.id
    assert app.id in ids(svix.application.list())
    assert svix.application.get("shop").id == app.id
    put = svix.application.upsert(app.id, ApplicationIn(name="Store", uid="shop"))
    assert (put.name, put.metadata) == ("Store", {})
    patched = svix.application.patch(app.id, ApplicationPatch(metadata={"plan": "b"}))
    assert (patched.name, patched.metadata) == ("Store", {"plan": "b"})
    return app.id


def event_types(svix):
    kinds = svix.event_type
    kind = kinds.create(EventTypeIn(name="invoice.paid", description="Paid"))
    assert (kind.name, kind.description, kind.archived) == ("invoice.paid", "Paid", False)
    assert [one.name for one in kinds.list().data] == ["invoice.paid"]
    assert kinds.upsert("invoice.paid", EventTypeUpsertIn(description="Was paid")).description == "Was paid"
    assert kinds.patch("invoice.paid", EventTypePatch(archived=True)).archived
    assert kinds.get("invoice.paid").description == "Was paid"
    kinds.delete("invoice.paid", EventTypeDeleteOptions(expunge=True))
    assert is_refused(404, kinds.get, "invoice.paid")


def endpoints(svix, app):
    endpoint = svix.endpoint.create(app, EndpointIn(url=HOOK, description="First", uid="hook"))
    assert (endpoint.url, endpoint.description) == (HOOK, "First")
    assert ids(svix.endpoint.list(app)) == [endpoint.id]
    assert svix.endpoint.get(app, "hook").id == endpoint.id
    put = svix.endpoint.upsert(app, endpoint.id, EndpointUpsertIn(url=HOOK, description="Second", uid="hook"))
    assert put.description == "Second"
    patched = svix.endpoint.patch(app, endpoint.id, EndpointPatch(metadata={"team": "a"}))
    assert (patched.description, patched.metadata) == ("Second", {"team": "a"})

    secret = svix.endpoint.get_secret(app, endpoint.id).key
    rotated = svix.endpoint.rotate_secret(app, endpoint.id, EndpointSecretRotateIn()).key
    assert rotated.startswith("whsec_") and rotated != secret
    assert svix.endpoint.get_secret(app, endpoint.id).key == rotated

    svix.endpoint.set_headers(app, endpoint.id, EndpointHeadersIn(headers={"x-shop": "1", "authorization": "me"}))
    headers = svix.endpoint.get_headers(app, endpoint.id)
    assert (headers.headers, headers.sensitive) == ({"x-shop": "1"}, ["authorization"])
    svix.endpoint.patch_headers(app, endpoint.id, EndpointHeadersPatchIn(headers={"x-more": "2"}))
    assert svix.endpoint.get_headers(app, endpoint.id).headers == {"x-shop": "1", "x-more": "2"}
    return endpoint.id


def messages(svix, app, endpoint):
    message = svix.message.create(app, MessageIn(event_type="order.paid", payload={"total": 2}, event_id="order-1"))
    assert (message.event_type, message.event_id) == ("order.paid", "order-1")
    assert ids(svix.message.list(app)) == [message.id]
    # The client asks for messages without their content, unless it is told to.
    whole = MessageGetOptions(with_content=True)
    assert svix.message.get(app, "order-1", whole).payload == {"total": 2}

    attempts = svix.message_attempt
    first = eventually("an attempt", lambda: attempts.list_by_msg(app, message.id).data)[0]
    assert (first.msg_id, first.endpoint_id, first.status, first.response_status_code) == (message.id, endpoint, 0, 200)
    page = attempts.list_by_endpoint(app, endpoint, MessageAttemptListByEndpointOptions(limit=1))
    assert ids(page) == [first.id]
    assert attempts.get(app, message.id, first.id).trigger_type == 0
    [attempted] = attempts.list_attempted_messages(
        app, endpoint, MessageAttemptListAttemptedMessagesOptions(with_content=True)
    ).data
    assert (attempted.id, attempted.payload) == (message.id, {"total": 2})
    [destination] = attempts.list_attempted_destinations(app, message.id).data
    assert (destination.id, destination.url) == (endpoint, HOOK)

    attempts.resend(app, message.id, endpoint)
    both = eventually("it is sent again", lambda: (all := attempts.list_by_msg(app, message.id).data)[1:] and all)
    assert [one.trigger_type for one in both] == [1, 0]
    attempts.expunge_content(app, message.id, first.id)
    assert attempts.get(app, message.id, first.id).response == "EXPUNGED"
    svix.message.expunge_content(app, message.id)
    assert svix.message.get(app, message.id, whole).payload == {"expired": True}
    return message


def tools(svix, app, endpoint, message):
    example = svix.endpoint.send_example(app, endpoint, EventExampleIn(event_type="svix.ping"))
    assert example.event_type == "svix.ping"
    eventually("the example arrives", lambda: svix.message_attempt.list_by_msg(app, example.id).data)
    eventually("both are counted", lambda: svix.endpoint.get_stats(app, endpoint).success == 2)
    task = svix.endpoint.recover(app, endpoint, RecoverIn(since=message.timestamp))
    assert task.id.startswith("qtask_") and task.task == "endpoint.recover"


def authentication(svix, app):
    access = svix.authentication.app_portal_access(app, AppPortalAccessIn())
    assert access.url.endswith(access.token)
    portal = client(access.token)
    assert portal.application.get(app).id == app
    portal.authentication.logout()
    eventually("the token is refused", lambda: is_refused(401, portal.application.get, app))


svix = client(os.environ["POSTRIDER_TOKEN"])
svix.health.get()
app = applications(svix)
event_types(svix)
endpoint = endpoints(svix, app)
message = messages(svix, app, endpoint)
tools(svix, app, endpoint, message)
authentication(svix, app)
svix.endpoint.delete(app, endpoint)
assert is_refused(404, svix.endpoint.get, app, endpoint)
svix.application.delete(app)
assert is_refused(404, svix.application.get, app)
