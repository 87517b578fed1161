#include "trw_slices.h"

#include "trw_varint.h"

#include <string.h>

/// Whether another field can displace this one. A proto3 `optional` field is alone in its oneof.
static bool shares_oneof(const ProtobufCMessageDescriptor *descriptor, const ProtobufCFieldDescriptor *field) {
  if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0) return false;
  for (size_t i = 0; i < descriptor->n_fields; i++) {
    const ProtobufCFieldDescriptor *other = descriptor->fields + i;
    if (other != field && (other->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
        other->quantifier_offset == field->quantifier_offset) {
      return true;
    }
  }
  return false;
}

bool trw_is_sliceable(const ProtobufCMessageDescriptor *descriptor, trw_payload_path path) {
  for (size_t level = 0; level < path.length; level++) {
    const ProtobufCFieldDescriptor *field = trw_find_field(descriptor, path.numbers[level]);
    if (field == NULL || shares_oneof(descriptor, field)) return false;
    if ((size_t)(field - descriptor->fields) >= TRW_TRACKED_FIELDS) return false;
    if (level + 1 == path.length) {
      return field->type == PROTOBUF_C_TYPE_BYTES && field->label != PROTOBUF_C_LABEL_REPEATED;
    }
    if (field->type != PROTOBUF_C_TYPE_MESSAGE) return false;
    descriptor = field->descriptor;
  }
  return false;
}

typedef struct {
  const uint8_t *base;
  trw_payload_path path;
  uint8_t *out;
  trw_slice *items;
  size_t count;
} copier;

static void copy_bytes(copier *c, const uint8_t *from, const uint8_t *to) {
  if (from == to) return;
  memcpy(c->out, from, (size_t)(to - from));
  c->out += to - from;
}

/// Writes a length in `width` bytes, padded where it needs fewer: what shrinks keeps its place.
static void write_padded(uint8_t *at, size_t width, size_t value) {
  for (size_t i = 0; i + 1 < width; i++) {
    at[i] = (uint8_t)(value & 0x7f) | 0x80;
    value >>= 7;
  }
  at[width - 1] = (uint8_t)(value & 0x7f);
}

static void copy_message(copier *c, const uint8_t *start, const uint8_t *end, size_t level) {
  bool holds_payload = level + 1 == c->path.length;
  trw_slice payload = {.offset = SIZE_MAX, .length = 0};
  const uint8_t *copied = start;    // all before this is written
  const uint8_t *at = start;
  while (at < end) {
    uint32_t number = 0;
    unsigned wire = 0;
    const uint8_t *value = trw_read_tag(at, end, &number, &wire);
    if (value == NULL) break;    // cannot be: the guard has walked this
    if (number != c->path.numbers[level] || wire != TRW_WIRE_BYTES) {
      at = trw_skip_value(value, end, wire);
      if (at == NULL) return;
      continue;
    }
    size_t length = 0;
    const uint8_t *content = trw_read_length(value, end, &length);
    if (content == NULL) return;
    copy_bytes(c, copied, value);
    uint8_t *prefix = c->out;
    c->out += content - value;
    at = copied = content + length;
    if (holds_payload) {
      payload = (trw_slice){.offset = (size_t)(content - c->base), .length = length};
    } else {
      copy_message(c, content, at, level + 1);
    }
    size_t width = (size_t)(content - value);
    write_padded(prefix, width, (size_t)(c->out - prefix) - width);
  }
  copy_bytes(c, copied, end);
  if (holds_payload) c->items[c->count++] = payload;
}

size_t trw_copy_without_payloads(const uint8_t *data, size_t length, trw_payload_path path, uint8_t *copy,
                                 trw_slice *items) {
  copier c = {.base = data, .path = path, .out = copy, .items = items};
  copy_message(&c, data, data + length, 0);
  return (size_t)(c.out - copy);
}
