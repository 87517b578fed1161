// The path of a fault. Indexes are counted only now, by walking the enclosing messages once more.
#include "trw_guard.h"
#include "trw_varint.h"

#include <stdio.h>
#include <string.h>

static size_t packed_count(unsigned wire, const uint8_t *at, const uint8_t *end) {
  size_t count = 0;
  while (at < end) {
    at = trw_skip_value(at, end, wire);
    if (at == NULL) return count;
    count++;
  }
  return count;
}

/// Elements of the current field that come before the current position.
static size_t element_index(const trw_frame *frame) {
  const ProtobufCFieldDescriptor *field = frame->field;
  size_t count = frame->element;
  const uint8_t *at = frame->start;
  while (at < frame->field_start) {
    uint32_t number;
    unsigned wire;
    const uint8_t *value = trw_read_tag(at, frame->field_start, &number, &wire);
    if (value == NULL) return count;
    const uint8_t *next = trw_skip_value(value, frame->field_start, wire);
    if (next == NULL) return count;
    if (number == field->id) {
      size_t length;
      bool packed = wire == TRW_WIRE_BYTES && trw_is_packable(field->type);
      const uint8_t *content = packed ? trw_read_length(value, next, &length) : NULL;
      count += content == NULL ? 1 : packed_count(trw_wire_of_type(field->type), content, next);
    }
    at = next;
  }
  return count;
}

/// Appends the outer frames first. Returns the length of the path so far.
static size_t append(const trw_frame *frame, char *path) {
  size_t used = frame->parent == NULL ? 0 : append(frame->parent, path);
  if (frame->field == NULL || used + 1 >= TRW_PATH_CAPACITY) return used;
  size_t room = TRW_PATH_CAPACITY - used;
  const char *dot = used == 0 ? "" : ".";
  int written = frame->field->label == PROTOBUF_C_LABEL_REPEATED
                  ? snprintf(path + used, room, "%s%s[%zu]", dot, frame->field->name, element_index(frame))
                  : snprintf(path + used, room, "%s%s", dot, frame->field->name);
  if (written < 0) return used;
  return (size_t)written >= room ? TRW_PATH_CAPACITY - 1 : used + (size_t)written;
}

void trw_format_path(const trw_frame *innermost, char path[TRW_PATH_CAPACITY]) {
  path[0] = 0;
  append(innermost, path);
}
