// Bounded reads of protobuf's primitives. Each returns the byte after what it read, or NULL where that is malformed.
#ifndef TRW_VARINT_H
#define TRW_VARINT_H

#include <stddef.h>
#include <stdint.h>

enum { TRW_WIRE_VARINT = 0, TRW_WIRE_64BIT = 1, TRW_WIRE_BYTES = 2, TRW_WIRE_32BIT = 5 };

/// A varint of at most ten bytes that fits 64 bits.
static inline const uint8_t *trw_read_varint(const uint8_t *at, const uint8_t *end, uint64_t *value) {
  if (at == end) return NULL;
  if (*at < 0x80) {
    *value = *at;
    return at + 1;
  }
  uint64_t result = *at++ & 0x7f;
  for (unsigned shift = 7; shift < 70; shift += 7) {
    if (at == end) return NULL;
    uint8_t byte = *at++;
    if (shift == 63 && byte > 1) return NULL;
    result |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) {
      *value = result;
      return at;
    }
  }
  return NULL;
}

/// A tag or length: a varint of at most five bytes, which is what protobuf-c accepts; padding is allowed.
static inline const uint8_t *trw_read_varint35(const uint8_t *at, const uint8_t *end, uint64_t *value) {
  if (at == end) return NULL;
  if (*at < 0x80) {
    *value = *at;
    return at + 1;
  }
  const uint8_t *next = trw_read_varint(at, end, value);
  return next != NULL && next - at <= 5 ? next : NULL;
}

/// A tag: field number 1 ... 2^29 - 1, and one of the four wire types that are in use.
static inline const uint8_t *trw_read_tag(const uint8_t *at, const uint8_t *end, uint32_t *number, unsigned *wire) {
  uint64_t tag;
  const uint8_t *next = trw_read_varint35(at, end, &tag);
  if (next == NULL || tag > UINT32_MAX || tag < 8) return NULL;
  *number = (uint32_t)(tag >> 3);
  *wire = (unsigned)(tag & 7);
  return *wire <= TRW_WIRE_BYTES || *wire == TRW_WIRE_32BIT ? next : NULL;
}

/// A length whose bytes all lie before `end`.
static inline const uint8_t *trw_read_length(const uint8_t *at, const uint8_t *end, size_t *length) {
  uint64_t value;
  const uint8_t *next = trw_read_varint35(at, end, &value);
  if (next == NULL || value > (size_t)(end - next)) return NULL;
  *length = (size_t)value;
  return next;
}

/// The byte after a value of wire type `wire` that begins at `at`.
static inline const uint8_t *trw_skip_value(const uint8_t *at, const uint8_t *end, unsigned wire) {
  uint64_t ignored;
  size_t length;
  switch (wire) {
  case TRW_WIRE_VARINT: return trw_read_varint(at, end, &ignored);
  case TRW_WIRE_64BIT: return end - at >= 8 ? at + 8 : NULL;
  case TRW_WIRE_32BIT: return end - at >= 4 ? at + 4 : NULL;
  case TRW_WIRE_BYTES:
    at = trw_read_length(at, end, &length);
    return at == NULL ? NULL : at + length;
  default: return NULL;
  }
}

#endif
