"""The few Kafka requests that the tests send by hand, encoded with struct alone.

Independent of the server's codec and of any client library, so that it can also say what no client would:
wrong checksums, wrong sizes, unknown versions. Only non-flexible versions, plus ApiVersions.
"""

import socket
import struct
from collections import namedtuple

PRODUCE, FETCH, LIST_OFFSETS, METADATA, API_VERSIONS, CREATE_TOPICS, DELETE_TOPICS = 0, 1, 2, 3, 18, 19, 20

NONE = 0
OFFSET_OUT_OF_RANGE = 1
CORRUPT_MESSAGE = 2
UNKNOWN_TOPIC_OR_PARTITION = 3
MESSAGE_TOO_LARGE = 10
INVALID_TOPIC = 17
INVALID_REQUIRED_ACKS = 21
UNSUPPORTED_VERSION = 35
TOPIC_ALREADY_EXISTS = 36
INVALID_PARTITIONS = 37
INVALID_REPLICATION_FACTOR = 38
KAFKA_STORAGE_ERROR = 56
INVALID_RECORD = 87

EARLIEST, LATEST = -2, -1


class ConnectionClosed(Exception):
    """The server closed the connection where an answer was expected."""


# CRC-32C (Castagnoli), bit-reflected.
def _crc32c_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_CRC32C = _crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC32C[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283


# Encoding.


def string(value):
    if value is None:
        return struct.pack(">h", -1)
    raw = value.encode()
    return struct.pack(">h", len(raw)) + raw


def nullable_bytes(value):
    return struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value


def array(items):
    return struct.pack(">i", len(items)) + b"".join(items)


def varint(value):
    zigzag = (value << 1) ^ (value >> 63)
    out = bytearray()
    while zigzag > 0x7F:
        out.append((zigzag & 0x7F) | 0x80)
        zigzag >>= 7
    out.append(zigzag)
    return bytes(out)


def record(index, value, key=None, timestamp_delta=0):
    def sized(data):
        return varint(-1) if data is None else varint(len(data)) + data

    body = b"\0" + varint(timestamp_delta) + varint(index) + sized(key) + sized(value) + varint(0)
    return varint(len(body)) + body


def batch(values, base_offset=0, magic=2, crc=None, timestamp_ms=1_700_000_000_000, attributes=0,
          last_offset_delta=None, record_count=None):
    """A RecordBatch v2. What is given overrides what would be right."""
    records = b"".join(record(index, value) for index, value in enumerate(values))
    count = len(values) if record_count is None else record_count
    delta = len(values) - 1 if last_offset_delta is None else last_offset_delta
    tail = struct.pack(">hiqqqhii", attributes, delta, timestamp_ms, timestamp_ms, -1, -1, -1, count) + records
    if crc is None:
        crc = crc32c(tail)
    head = struct.pack(">qiibI", base_offset, 9 + len(tail), 0, magic, crc)
    return head + tail


def header(api_key, version, correlation_id=1, client_id="wire"):
    return struct.pack(">hhi", api_key, version, correlation_id) + string(client_id)


def frame(payload):
    return struct.pack(">i", len(payload)) + payload


def produce_body(topic, partition_batches, acks=-1, timeout_ms=10_000):
    """Produce v3 to v8. `partition_batches` maps a partition to its records field."""
    partitions = [struct.pack(">i", index) + nullable_bytes(data) for index, data in partition_batches.items()]
    return string(None) + struct.pack(">hi", acks, timeout_ms) + array([string(topic) + array(partitions)])


def fetch_body(topic, partition_offsets, max_wait_ms=0, min_bytes=1, max_bytes=1 << 20):
    """Fetch v4."""
    partitions = [struct.pack(">iqi", index, offset, max_bytes) for index, offset in partition_offsets.items()]
    return (struct.pack(">iiiib", -1, max_wait_ms, min_bytes, max_bytes, 0) +
            array([string(topic) + array(partitions)]))


# Decoding.


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, fields):
        values = struct.unpack_from(">" + fields, self.data, self.at)
        self.at += struct.calcsize(">" + fields)
        return values if len(values) > 1 else values[0]

    def raw(self, length):
        assert self.at + length <= len(self.data), "an answer shorter than its fields"
        value = self.data[self.at:self.at + length]
        self.at += length
        return value

    def string(self):
        length = self.take("h")
        return None if length < 0 else self.raw(length).decode()

    def bytes(self):
        length = self.take("i")
        return None if length < 0 else self.raw(length)

    def array(self, element):
        return [element() for _ in range(max(0, self.take("i")))]

    def done(self):
        assert self.at == len(self.data), f"{len(self.data) - self.at} bytes too many in an answer"


Produced = namedtuple("Produced", "error base_offset log_append_time log_start_offset")
Fetched = namedtuple("Fetched", "error high_watermark last_stable_offset records")
Listed = namedtuple("Listed", "error timestamp offset")
Topic = namedtuple("Topic", "error partitions")  # partitions: {index: (error, leader)}


class Connection:
    """One connection that sends requests and waits for each answer."""

    def __init__(self, port, timeout_s=15):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.local_port = self.socket.getsockname()[1]
        self.correlation_id = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _receive_exactly(self, length):
        data = b""
        while len(data) < length:
            try:
                part = self.socket.recv(length - len(data))
            except ConnectionResetError:
                part = b""
            if not part:
                raise ConnectionClosed(f"closed after {len(data)} of {length} bytes")
            data += part
        return data

    def receive(self):
        """The next answer: its correlation id, and what follows it."""
        size = struct.unpack(">i", self._receive_exactly(4))[0]
        payload = self._receive_exactly(size)
        return struct.unpack_from(">i", payload)[0], payload[4:]

    def request(self, api_key, version, body):
        self.correlation_id += 1
        self.send(frame(header(api_key, version, self.correlation_id) + body))
        correlation_id, answer = self.receive()
        assert correlation_id == self.correlation_id, f"answer {correlation_id} to request {self.correlation_id}"
        return answer

    def is_closed_by_server(self, timeout_s=10):
        """Waits for the server to close this connection without a word."""
        self.socket.settimeout(timeout_s)
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    # Requests.

    def api_versions(self):
        """ApiVersions v0: {api key: (min, max)}."""
        reader = Reader(self.request(API_VERSIONS, 0, b""))
        error = reader.take("h")
        assert error == NONE, f"ApiVersions: error {error}"
        ranges = {key: (low, high) for key, low, high in reader.array(lambda: reader.take("hhh"))}
        reader.done()
        return ranges

    def metadata(self, topics=None, auto_create=False):
        """Metadata v4: {name: Topic}. `topics` None = all."""
        names = struct.pack(">i", -1) if topics is None else array([string(name) for name in topics])
        reader = Reader(self.request(METADATA, 4, names + struct.pack(">b", auto_create)))
        reader.take("i")
        reader.array(lambda: (reader.take("i"), reader.string(), reader.take("i"), reader.string()))
        reader.string()
        reader.take("i")

        def partition():
            error, index, leader = reader.take("hii")
            reader.array(lambda: reader.take("i"))
            reader.array(lambda: reader.take("i"))
            return index, (error, leader)

        def topic():
            error, name, _ = reader.take("h"), reader.string(), reader.take("b")
            return name, Topic(error, dict(reader.array(partition)))

        found = dict(reader.array(topic))
        reader.done()
        return found

    def create_topic(self, name, partitions, replication_factor=1, timeout_ms=10_000, settings=None):
        """CreateTopics v2: the topic's error code."""
        configs = array([string(key) + string(value) for key, value in (settings or {}).items()])
        topic = string(name) + struct.pack(">ih", partitions, replication_factor) + array([]) + configs
        reader = Reader(self.request(CREATE_TOPICS, 2, array([topic]) + struct.pack(">ib", timeout_ms, 0)))
        reader.take("i")
        (result,) = reader.array(lambda: (reader.string(), reader.take("h"), reader.string()))
        reader.done()
        assert result[0] == name
        return result[1]

    def delete_topic(self, name, timeout_ms=10_000):
        """DeleteTopics v1: the topic's error code."""
        reader = Reader(self.request(DELETE_TOPICS, 1, array([string(name)]) + struct.pack(">i", timeout_ms)))
        reader.take("i")
        (result,) = reader.array(lambda: (reader.string(), reader.take("h")))
        reader.done()
        assert result[0] == name
        return result[1]

    def produce(self, topic, partition_batches, acks=-1):
        """Produce v7: {partition: Produced}."""
        reader = Reader(self.request(PRODUCE, 7, produce_body(topic, partition_batches, acks)))
        results = {}

        def partition():
            index, *rest = reader.take("ihqqq")
            results[index] = Produced(*rest)

        reader.array(lambda: (reader.string(), reader.array(partition)))
        reader.take("i")
        reader.done()
        return results

    def fetch(self, topic, partition_offsets, **options):
        """Fetch v4: {partition: Fetched}."""
        reader = Reader(self.request(FETCH, 4, fetch_body(topic, partition_offsets, **options)))
        reader.take("i")
        results = {}

        def partition():
            index, error, high_watermark, last_stable_offset = reader.take("ihqq")
            reader.array(lambda: reader.take("qq"))
            results[index] = Fetched(error, high_watermark, last_stable_offset, reader.bytes() or b"")

        reader.array(lambda: (reader.string(), reader.array(partition)))
        reader.done()
        return results

    def list_offset(self, topic, partition, timestamp):
        """ListOffsets v1 for one partition."""
        body = struct.pack(">i", -1) + array([string(topic) + array([struct.pack(">iq", partition, timestamp)])])
        reader = Reader(self.request(LIST_OFFSETS, 1, body))
        results = []
        reader.array(lambda: (reader.string(), results.extend(reader.array(lambda: reader.take("ihqq")))))
        reader.done()
        ((index, *rest),) = results
        assert index == partition
        return Listed(*rest)
