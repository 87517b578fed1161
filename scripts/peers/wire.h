// Protobuf's wire format, as much of it as proto_tailrace.c needs.
#ifndef PEERS_WIRE_H
#define PEERS_WIRE_H

#include "buffer.h"

#include <endian.h>
#include <stdbool.h>

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

static inline size_t varint_length(uint64_t value) {
  size_t length = 1;
  for (; value >= 0x80; value >>= 7) length++;
  return length;
}

static inline void put_varint(buffer *b, uint64_t value) {
  uint8_t bytes[10];
  size_t length = 0;
  for (; value >= 0x80; value >>= 7) bytes[length++] = (uint8_t)(value | 0x80);
  bytes[length++] = (uint8_t)value;
  put_bytes(b, bytes, length);
}

static inline void put_number(buffer *b, uint32_t field, uint64_t value) {
  put_varint(b, field << 3 | VARINT);
  put_varint(b, value);
}

static inline void put_fixed32(buffer *b, uint32_t field, uint32_t value) {
  value = htole32(value);
  put_varint(b, field << 3 | FIXED32);
  put_bytes(b, &value, sizeof value);
}

static inline void put_fixed64(buffer *b, uint32_t field, uint64_t value) {
  value = htole64(value);
  put_varint(b, field << 3 | FIXED64);
  put_bytes(b, &value, sizeof value);
}

// The tag and length in front of a field of `length` bytes.
static inline void put_head(buffer *b, uint32_t field, size_t length) {
  put_varint(b, field << 3 | BYTES);
  put_varint(b, length);
}

static inline void put_string(buffer *b, uint32_t field, const char *text) {
  put_head(b, field, strlen(text));
  put_text(b, text);
}

// How many bytes a field of `length` bytes takes with its tag, which is of `tag_length` bytes, and its length.
static inline size_t field_length(size_t tag_length, size_t length) {
  return tag_length + varint_length(length) + length;
}

typedef struct {
  const uint8_t *at, *end;
} span;

static inline size_t span_length(span s) { return (size_t)(s.end - s.at); }

// A field as it was read: `number` of a varint or fixed field, `bytes` of the others.
typedef struct {
  uint32_t field, type;
  uint64_t number;
  span bytes;
} wire_field;

static inline bool take_varint(span *in, uint64_t *value) {
  *value = 0;
  for (unsigned shift = 0; in->at < in->end && shift < 64; shift += 7) {
    uint8_t byte = *in->at++;
    *value |= (uint64_t)(byte & 0x7f) << shift;
    if (!(byte & 0x80)) return true;
  }
  return false;
}

static inline bool take_fixed(span *in, uint64_t *value, size_t length) {
  if (span_length(*in) < length) return false;
  *value = 0;
  memcpy(value, in->at, length);   // the low bytes, and so the value, once turned
  *value = le64toh(*value);
  in->at += length;
  return true;
}

// Reads the next field of a message. Returns false at its end, and with in->at before in->end where it is malformed.
static inline bool take_field(span *in, wire_field *f) {
  span rest = *in;
  uint64_t tag;
  if (!take_varint(&rest, &tag) || tag > UINT32_MAX) return false;
  f->field = (uint32_t)tag >> 3;
  f->type = tag & 7;
  f->number = 0;
  f->bytes = (span){0};
  switch (f->type) {
  case VARINT:
    if (!take_varint(&rest, &f->number)) return false;
    break;
  case FIXED64:
    if (!take_fixed(&rest, &f->number, 8)) return false;
    break;
  case FIXED32:
    if (!take_fixed(&rest, &f->number, 4)) return false;
    break;
  case BYTES:
    if (!take_varint(&rest, &f->number) || f->number > span_length(rest)) return false;
    f->bytes = (span){rest.at, rest.at + f->number};
    rest.at += f->number;
    break;
  default:
    return false;
  }
  *in = rest;
  return true;
}

#endif
