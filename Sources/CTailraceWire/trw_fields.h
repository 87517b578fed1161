#ifndef TRW_FIELDS_H
#define TRW_FIELDS_H

#include "trw_varint.h"

#include <stdbool.h>
#include <string.h>

/// One field at a time. Each may stand once: `seen` has a bit for each number.
typedef struct {
  const uint8_t *at;
  const uint8_t *end;
  uint32_t seen;
  uint32_t number;
  unsigned wire;
  uint64_t value;            // of a varint, or of fixed width
  const uint8_t *bytes;      // of a length-delimited field
  size_t length;
} trw_fields;

/// Reads a field of a known number up to 31. False at the end, and where it is not usual: then `at` is not the end.
///
/// A part of its caller, so that `f` is in registers there.
__attribute__((always_inline)) static inline bool trw_next_field(trw_fields *f) {
  if (f->at == f->end) return false;
  const uint8_t *at = trw_read_tag(f->at, f->end, &f->number, &f->wire);
  if (at == NULL || f->number > 31 || (f->seen & (1u << f->number)) != 0) return false;
  f->seen |= 1u << f->number;
  switch (f->wire) {
  case TRW_WIRE_VARINT: at = trw_read_varint(at, f->end, &f->value); break;
  case TRW_WIRE_64BIT: {
    if (f->end - at < 8) return false;
    memcpy(&f->value, at, 8);
    at += 8;
    break;
  }
  case TRW_WIRE_32BIT: {
    uint32_t value;
    if (f->end - at < 4) return false;
    memcpy(&value, at, 4);
    f->value = value;
    at += 4;
    break;
  }
  default:
    at = trw_read_length(at, f->end, &f->length);
    if (at == NULL) return false;
    f->bytes = at;
    at += f->length;
  }
  if (at == NULL) return false;
  f->at = at;
  return true;
}

static inline trw_fields trw_fields_of(const uint8_t *data, size_t length) { return (trw_fields){.at = data, .end = data + length}; }

#endif
