#!/usr/bin/python3
"""The producer of ack_recorder, on python3-kafka: sends until SIGTERM, records what was acknowledged.

    ack_producer.py BROKER TOPIC PARTITIONS PRODUCER ACKS_FILE

It never retries, so a duplicate in the log is the server's. The file has the format of ack_ledger.h.
"""

import logging
import signal
import sys
import time

from ack_messages import HEAD_BYTES, make_message, message_size
from kafka import KafkaProducer
from kafka.errors import KafkaError

MAX_MESSAGE_BYTES = 20_000
MAX_IN_FLIGHT = 2_000


def main():
    broker, topic, partitions, producer_number, acks_path = sys.argv[1:]
    partitions, producer_number = int(partitions), int(producer_number)
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    logging.disable(logging.CRITICAL)  # broken connections are what its tests make on purpose

    with open(acks_path, "w", buffering=1) as acks:
        acks.write(f"producer {producer_number}\n")
        producer = KafkaProducer(bootstrap_servers=broker, acks=1, retries=0, linger_ms=2, compression_type="gzip",
                                 reconnect_backoff_ms=20, reconnect_backoff_max_ms=100, max_block_ms=2_000)
        in_flight = set()

        def acknowledged(sequence, size, metadata):
            in_flight.discard(sequence)
            acks.write(f"{metadata.partition} {metadata.offset} {sequence} {size}\n")

        sequence = 0
        while not stopped:
            if len(in_flight) >= MAX_IN_FLIGHT:
                time.sleep(0.001)
                continue
            size = message_size(producer_number, sequence, HEAD_BYTES, MAX_MESSAGE_BYTES)
            in_flight.add(sequence)
            try:
                sent = producer.send(topic, make_message(producer_number, sequence, size),
                                     partition=sequence % partitions)
            except KafkaError:  # the server is away
                in_flight.discard(sequence)
            else:
                sent.add_callback(lambda metadata, number=sequence, bytes_=size: acknowledged(number, bytes_, metadata))
                sent.add_errback(lambda _, number=sequence: in_flight.discard(number))
            sequence += 1
        producer.close(timeout=0)


if __name__ == "__main__":
    sys.exit(main())
