"""The part of nats-py that the documents' follower uses, for machines without it: connect, pull consumers, headers."""

import asyncio, base64, json, re, urllib.parse, uuid

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from . import errors, js
from .js import JetStream

__all__ = ["connect", "errors", "js"]


def credentials(path):
    """Returns the token and the key of a credentials file."""
    text = open(path).read()
    token, seed = (m.strip() for m in re.findall(r"-----BEGIN [^-]+-----\s(.*?)\s-+END", text, re.S))
    raw = base64.b32decode(seed + "=" * (-len(seed) % 8))
    return token, Ed25519PrivateKey.from_private_bytes(raw[2:34])


async def connect(url, user_credentials, inbox_prefix=b"_INBOX"):
    at = urllib.parse.urlsplit(url)
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    info = json.loads((await reader.readline()).split(b" ", 1)[1])
    token, key = credentials(user_credentials)
    signature = base64.urlsafe_b64encode(key.sign(info["nonce"].encode())).rstrip(b"=").decode()
    options = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True, "jwt": token, "sig": signature,
               "lang": "python", "version": "0", "protocol": 1, "echo": True}
    client = Client(reader, writer, inbox_prefix.decode())
    writer.write(b"CONNECT " + json.dumps(options).encode() + b"\r\nPING\r\n")
    client.task = asyncio.ensure_future(client.receive())
    await asyncio.wait_for(client.ready.wait(), 10)
    return client


class Raw:
    def __init__(self, subject, reply, headers, data):
        self.subject, self.reply, self.headers, self.data = subject, reply, headers, data


class Client:
    def __init__(self, reader, writer, inbox_prefix):
        self.reader, self.writer, self.prefix = reader, writer, inbox_prefix
        self.queues, self.ready = {}, asyncio.Event()

    def jetstream(self):
        return JetStream(self)

    def publish(self, subject, data=b"", reply=""):
        self.writer.write(f"PUB {subject} {reply} {len(data)}\r\n".encode() + data + b"\r\n")

    def subscribe(self):
        """Returns an inbox and a queue of its messages."""
        sid, inbox = len(self.queues) + 1, f"{self.prefix}.{uuid.uuid4().hex}"
        self.queues[str(sid)] = queue = asyncio.Queue()
        self.writer.write(f"SUB {inbox} {sid}\r\n".encode())
        return inbox, queue

    async def request(self, subject, body):
        inbox, queue = self.subscribe()
        self.publish(subject, json.dumps(body).encode() if body is not None else b"", inbox)
        answer = json.loads((await asyncio.wait_for(queue.get(), 10)).data)
        if "error" in answer:
            raise (js.errors.NotFoundError if answer["error"]["code"] == 404 else errors.Error)(answer["error"])
        return answer

    async def receive(self):
        while line := await self.reader.readline():
            parts = line.decode().split()
            if parts[0] == "PONG":
                self.ready.set()
            elif parts[0] == "PING":
                self.writer.write(b"PONG\r\n")
            elif parts[0] == "-ERR":
                raise errors.Error(line.decode())
            elif parts[0] in ("MSG", "HMSG"):
                await self.message(parts)

    async def message(self, parts):
        subject, sid, reply = parts[1], parts[2], parts[3] if len(parts) > (4 if parts[0] == "MSG" else 5) else ""
        payload = (await self.reader.readexactly(int(parts[-1]) + 2))[:-2]
        headers = {}
        if parts[0] == "HMSG":
            head, payload = payload[:int(parts[-2])].decode(), payload[int(parts[-2]):]
            status, *lines = head.strip().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines if ": " in line)
            if len(status.split()) > 1:
                headers["Status"] = status.split()[1]
        self.queues[sid].put_nowait(Raw(subject, reply, headers, payload))
