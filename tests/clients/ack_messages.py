"""The messages of ack_ledger.h, made in Python: the same bytes for the same (producer, sequence, size)."""

import struct

HEAD_BYTES = 16
MAX_BYTES = 1 << 17
POOL_BYTES = 1 << 18

_MASK = (1 << 64) - 1


def _splitmix64(value):
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


_POOL = b"".join(struct.pack("<Q", _splitmix64(at)) for at in range(0, POOL_BYTES, 8))


def _mix(producer, sequence):
    return _splitmix64((producer << 40) ^ sequence)


def make_message(producer, sequence, size_bytes):
    start = _mix(producer, sequence) % (POOL_BYTES - MAX_BYTES)
    return struct.pack("<IQI", producer, sequence, size_bytes) + _POOL[start:start + size_bytes - HEAD_BYTES]


def message_size(producer, sequence, min_bytes, max_bytes):
    """Mostly small, one in a hundred up to `max_bytes`."""
    number = _splitmix64(~_mix(producer, sequence) & _MASK)
    top = max_bytes if number % 100 == 0 else min(max_bytes, 1024)
    return min_bytes if top <= min_bytes else min_bytes + (number >> 32) % (top - min_bytes + 1)


# ack_ledger_test.cc asserts the same values.
assert make_message(3, 12345, 24).hex() == "030000003930000000000000180000005c4c1b3e80807ccc"
assert message_size(3, 12345, 16, 100_000) == 763
