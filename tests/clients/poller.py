"""What a customer writes who cannot receive requests: asks for messages with the published client.

Needs POSTRIDER_URL and POSTRIDER_TOKEN (of the application), POSTRIDER_APP and POSTRIDER_POLLER, and the packages in
requirements.txt. Prints the number in each payload as it is handled, and acknowledges a page once all of it is.
With an argument it ends after that many; otherwise it goes on until it is killed.
"""

import os
import sys
from datetime import datetime, timedelta, timezone

from svix.api import (
    MessagePollerConsumerPollOptions,
    MessagePollerPollOptions,
    PollingEndpointConsumerSeekIn,
    Svix,
    SvixOptions,
)

PAGE = 7
app, poller = os.environ["POSTRIDER_APP"], os.environ["POSTRIDER_POLLER"]
api = Svix(os.environ["POSTRIDER_TOKEN"], SvixOptions(server_url=os.environ["POSTRIDER_URL"])).message.poller


def consume(consumer, most=None):
    iterator, handled = None, 0
    while most is None or handled < most:
        options = MessagePollerConsumerPollOptions(limit=PAGE, iterator=iterator)
        page = api.consumer_poll(app, poller, consumer, options)
        for message in page.data:
            print(message.payload["n"], flush=True)
        handled += len(page.data)
        iterator = page.iterator


def poll_all():
    page = api.poll(app, poller, MessagePollerPollOptions(limit=PAGE))
    messages = page.data
    while not page.done:
        page = api.poll(app, poller, MessagePollerPollOptions(limit=PAGE, iterator=page.iterator))
        messages += page.data
    return messages


def newcomer():
    messages = poll_all()
    assert all(message.id.startswith("msg_") and message.event_type for message in messages)
    assert messages == sorted(messages, key=lambda message: message.timestamp)
    late = api.poll(app, poller, MessagePollerPollOptions(after=messages[-1].timestamp))
    assert [message.id for message in late.data] == [messages[-1].id], late
    past, future = (datetime.now(timezone.utc) + timedelta(hours=hours) for hours in (-1, 1))
    for after, expected in [(past, len(messages)), (future, 0), (past, len(messages))]:
        seek = api.consumer_seek(app, poller, "newcomer", PollingEndpointConsumerSeekIn(after=after))
        assert seek.iterator
        page = api.consumer_poll(app, poller, "newcomer", MessagePollerConsumerPollOptions(limit=250))
        assert len(page.data) == expected, (after, page)
    print(f"polled {len(messages)}, by consumer {expected}")


if sys.argv[1:] == ["newcomer"]:
    newcomer()
else:
    consume("tests", int(sys.argv[1]) if sys.argv[1:] else None)
