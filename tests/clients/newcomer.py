"""What a newcomer writes after reading the README: publish 200 events, receive and verify each, look at the record.

Needs POSTRIDER_URL and POSTRIDER_TOKEN, and the packages in requirements.txt. Exits non-zero if anything is amiss.
"""

import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook
from svix.api import (
    ApplicationIn,
    EndpointIn,
    MessageAttemptListByEndpointOptions,
    MessageCreateOptions,
    MessageIn,
    Svix,
    SvixOptions,
)

EVENTS = 200
PAGE = 30
PATIENCE = 60
requests = []


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        requests.append((dict(self.headers.items()), body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def eventually(what, ask):
    end = time.monotonic() + PATIENCE
    while not ask():
        assert time.monotonic() < end, f"not within {PATIENCE} s: {what}"
        time.sleep(0.1)


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()

svix = Svix(os.environ["POSTRIDER_TOKEN"], SvixOptions(server_url=os.environ["POSTRIDER_URL"]))
app = svix.application.create(ApplicationIn(name="Newcomer"))
endpoint = svix.endpoint.create(app.id, EndpointIn(url=f"http://127.0.0.1:{server.server_port}/hook"))
secret = svix.endpoint.get_secret(app.id, endpoint.id).key

published = [
    svix.message.create(
        app.id,
        MessageIn(event_type="order.paid", payload={"order": n}),
        MessageCreateOptions(idempotency_key=f"newcomer-{app.id}-{n}"),
    ).id
    for n in range(EVENTS)
]
assert len(set(published)) == EVENTS

eventually("every event", lambda: len({headers["webhook-id"] for headers, _ in requests}) == EVENTS)
for headers, body in requests:
    Webhook(secret).verify(body, headers)
assert {headers["webhook-id"] for headers, _ in requests} == set(published)


def page(iterator=None):
    options = MessageAttemptListByEndpointOptions(limit=PAGE, iterator=iterator)
    return svix.message_attempt.list_by_endpoint(app.id, endpoint.id, options)


def forwards():
    pages = [page()]
    while not pages[-1].done:
        pages.append(page(pages[-1].iterator))
    return pages


def backwards(last):
    pages = [last]
    while not (pages[0].done and len(pages) > 1) and pages[0].prev_iterator:
        pages.insert(0, page(pages[0].prev_iterator))
    return pages


eventually("every record", lambda: sum(len(one.data) for one in forwards()) >= EVENTS)
pages = forwards()
attempts = [attempt for one in pages for attempt in one.data]
assert len({attempt.id for attempt in attempts}) == len(attempts)
assert all(attempt.status == 0 for attempt in attempts)
assert {attempt.msg_id for attempt in attempts} == set(published)
again = [attempt.id for one in backwards(pages[-1]) for attempt in one.data]
assert again == [attempt.id for attempt in attempts]

print(
    f"published {EVENTS}, received {len(requests)}, verified {len(requests)}, "
    f"recorded as succeeded {len(attempts)}, in {len(pages)} pages both ways"
)
