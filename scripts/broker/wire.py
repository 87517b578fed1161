"""Protobuf and the native door's frames by hand: as much as it takes to drive a broker with nothing but Python.

Field numbers are those of proto/tailrace/v1. Encoding and decoding are so plain that a load generator's own work stays
small, and a benchmark needs neither protoc nor protobuf's package.
"""

import struct
from typing import Iterator, Mapping, NamedTuple, Union

PREFACE = b"TRPC\x01\0\0\0"

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
FIXED_BYTES = {FIXED64: 8, FIXED32: 4}


class Malformed(Exception):
    """Bytes that are no message, or no frame."""


def varint(value: int) -> bytes:
    """A number of 0 to 2^64 - 1."""
    result = bytearray()
    while value > 0x7F:
        result.append(value & 0x7F | 0x80)
        value >>= 7
    result.append(value)
    return bytes(result)


def number(field: int, value: int) -> bytes:
    """A field of an integer type other than sint and fixed, not negative."""
    return varint(field << 3 | VARINT) + varint(value)


def numbers(values: Mapping[int, int]) -> bytes:
    """Fields of such types, by number; one of 0 is left out."""
    return b"".join(number(field, value) for field, value in values.items() if value)


def data(field: int, value: Union[bytes, str]) -> bytes:
    """A field with a string, bytes or a message."""
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | BYTES) + varint(len(value)) + value


def take_varint(message: bytes, at: int) -> tuple[int, int]:
    """A number, and where what follows begins. Throws Malformed."""
    value = 0
    for shift in range(0, 64, 7):
        if at >= len(message):
            raise Malformed("a message ends within a number")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise Malformed("a number of more than ten bytes")


def fields(message: bytes) -> Iterator[tuple[int, Union[int, bytes]]]:
    """Each field's number and value; fixed ones as their bytes. A view gives views. Throws Malformed."""
    at = 0
    while at < len(message):
        tag, at = take_varint(message, at)
        if tag & 7 == VARINT:
            value, at = take_varint(message, at)
            yield tag >> 3, value
            continue
        if tag & 7 == BYTES:
            length, at = take_varint(message, at)
        elif tag & 7 in FIXED_BYTES:
            length = FIXED_BYTES[tag & 7]
        else:
            raise Malformed(f"there is no wire type {tag & 7}")
        if length > len(message) - at:
            raise Malformed("a message ends within a field")
        yield tag >> 3, message[at : at + length]
        at += length


class Answer(NamedTuple):
    """A response."""

    call: int
    # What went wrong, in the broker's words; None: nothing.
    error: Union[str, None]
    message: bytes
    # The ErrorCode of what went wrong; 0: none is told.
    code: int = 0


def frame(header: bytes, message: bytes = b"") -> bytes:
    """A frame around any header and message."""
    return struct.pack(">IH", 2 + len(header) + len(message), len(header)) + header + message


def request_header(call_id: int, method: str) -> bytes:
    """`call_id` is not 0, `method` such as LogService/Produce."""
    return number(1, call_id) + data(2, "tailrace.v1." + method)


def call(call_id: int, method: str, message: bytes = b"") -> bytes:
    """A frame that makes a call."""
    return frame(request_header(call_id, method), message)


def calls(count: int, method: str, message: bytes = b"", first_id: int = 1) -> bytes:
    """Frames that make so many calls, numbered from `first_id`."""
    return b"".join(call(first_id + index, method, message) for index in range(count))


def cancel(call_id: int) -> bytes:
    """A frame that cancels a call."""
    return frame(number(1, call_id) + number(5, 1))


def answer(header: bytes, message: bytes) -> Answer:
    """From a frame's two parts. Throws Malformed."""
    call, error, code = 0, None, 0
    for field, value in fields(header):
        if field == 1:
            call = value
        elif field == 2:
            status = dict(fields(value))
            if status.get(1, 0):
                error = bytes(status.get(2, b"")).decode("utf-8", "replace") or f"status {status[1]}"
                code = status.get(3, 0)
    return Answer(call, error, message, code)


def take_frames(received: bytearray) -> Iterator[tuple[bytes, bytes]]:
    """Takes all whole frames off the front of what was received: header and message of each. Throws Malformed."""
    at = 0
    while len(received) - at >= 6:
        length, header_length = struct.unpack_from(">IH", received, at)
        if header_length + 2 > length:
            raise Malformed(f"a frame of {length} bytes has a header of {header_length}")
        end = at + 4 + length
        if end > len(received):
            break
        yield bytes(received[at + 6 : at + 6 + header_length]), bytes(received[at + 6 + header_length : end])
        at = end
    del received[:at]


def take_answers(received: bytearray) -> Iterator[Answer]:
    """Takes all whole responses off the front of what was received. Throws Malformed."""
    for header, message in take_frames(received):
        yield answer(header, message)
