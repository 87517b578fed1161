// A bounded reader of protobuf fields, for what little of an answer the load generator has to see.
#ifndef CTB_FIELDS_H
#define CTB_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
  const uint8_t *at;
  const uint8_t *end;
} ctb_span;

typedef struct {
  uint32_t number;
  uint64_t value;   // of a varint
  ctb_span content; // of what has a length, of fixed-width numbers their bytes
} ctb_field;

static inline bool ctb_take_varint(ctb_span *span, uint64_t *value) {
  *value = 0;
  for (unsigned shift = 0; span->at < span->end && shift < 64; shift += 7) {
    uint8_t byte = *span->at++;
    *value |= (uint64_t)(byte & 0x7f) << shift;
    if (!(byte & 0x80)) return true;
  }
  return false;
}

static inline bool ctb_take_bytes(ctb_span *span, uint64_t count, ctb_span *content) {
  if (count > (uint64_t)(span->end - span->at)) return false;
  *content = (ctb_span){span->at, span->at + count};
  span->at += count;
  return true;
}

/// Takes the next field off the front of a message that is not at its end. False where it is malformed.
static inline bool ctb_take_field(ctb_span *span, ctb_field *field) {
  uint64_t key, length;
  memset(field, 0, sizeof *field);
  if (!ctb_take_varint(span, &key)) return false;
  field->number = (uint32_t)(key >> 3);
  switch (key & 7) {
  case 0: return ctb_take_varint(span, &field->value);
  case 1: return ctb_take_bytes(span, 8, &field->content);
  case 2: return ctb_take_varint(span, &length) && ctb_take_bytes(span, length, &field->content);
  case 5: return ctb_take_bytes(span, 4, &field->content);
  default: return false;
  }
}

#endif
