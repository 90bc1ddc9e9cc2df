import asyncio, json, types

from . import errors
from ..errors import TimeoutError

__all__ = ["JetStream", "errors"]


class JetStream:
    def __init__(self, client):
        self.client = client

    async def pull_subscribe(self, subject, durable, stream, config=None, inbox_prefix=b"_INBOX."):
        self.client.prefix = inbox_prefix.decode().rstrip(".")
        wanted = {**(config.fields if config else {}), "durable_name": durable, "filter_subject": subject, "ack_policy": "explicit"}
        await self.client.request(f"$JS.API.CONSUMER.CREATE.{stream}.{durable}.{subject}",
                                  {"stream_name": stream, "config": wanted})
        return Subscription(self.client, stream, durable)

    async def delete_consumer(self, stream, name):
        await self.client.request(f"$JS.API.CONSUMER.DELETE.{stream}.{name}", None)


class Subscription:
    def __init__(self, client, stream, durable):
        self.client, self.name = client, f"{stream}.{durable}"

    async def fetch(self, batch, timeout=5):
        inbox, queue = self.client.subscribe()
        self.client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{self.name}",
                            json.dumps({"batch": batch, "expires": int(timeout * 1e9)}).encode(), inbox)
        messages = []
        while len(messages) < batch:
            raw = await asyncio.wait_for(queue.get(), timeout + 10)
            if "Status" in raw.headers:
                break
            messages.append(Message(self.client, raw))
            if messages[-1].metadata.num_pending == 0:
                break
        if not messages:
            raise TimeoutError()
        return messages


class Message:
    def __init__(self, client, raw):
        self.client, self.reply, self.subject, self.headers, self.data = client, raw.reply, raw.subject, raw.headers, raw.data
        stream_seq, consumer_seq, _, pending = map(int, raw.reply.split(".")[-4:])
        self.metadata = types.SimpleNamespace(
            num_pending=pending, sequence=types.SimpleNamespace(stream=stream_seq, consumer=consumer_seq))

    async def ack(self):
        self.client.publish(self.reply, b"+ACK")
