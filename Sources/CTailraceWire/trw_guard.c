// What is known of protobuf-c 1.4.1, and why the walk checks what it checks:
// - it allocates only through the allocator that it is given: messages, arrays, strings, unknown fields, and, for more
//   than 16 members in one message, slabs of 32 bytes per member. So the arena bounds it; the walk adds up the need
//   beforehand, so that a message of millions of tiny members is refused before anything is allocated;
// - a bool is read whatever its wire type is, a string is not checked, tags may name field 0 in a padded form;
// - merging a second occurrence of a singular message loses implicit scalars of the first, and fails outright on unset
//   oneofs. Such input, which no encoder writes, is refused, so that it cannot be read in two ways.
#include "trw_guard.h"

#include "trw_utf8.h"
#include "trw_varint.h"

typedef struct {
  const uint8_t *base;
  uint32_t max_depth;
  uint64_t cost;
  uint64_t budget;
  trw_payload_path payload;
  trw_payload_census *census;
  trw_unpack_error *error;
} walk;

typedef struct {
  uint64_t bits[TRW_TRACKED_FIELDS / 64];
} field_set;

static bool walk_message(walk *w, trw_frame *frame, const uint8_t *end);

static bool fail(walk *w, const trw_frame *frame, trw_status status, const uint8_t *at) {
  w->error->status = status;
  w->error->offset = (size_t)(at - w->base);
  trw_format_path(frame, w->error->path);
  return false;
}

/// Notes the field. True when it was noted before.
static bool insert(field_set *set, size_t index) {
  if (index >= TRW_TRACKED_FIELDS) return false;
  uint64_t bit = (uint64_t)1 << (index % 64);
  bool known = (set->bits[index / 64] & bit) != 0;
  set->bits[index / 64] |= bit;
  return known;
}

/// What an allocation takes from the arena.
static uint64_t padded(uint64_t size) { return (size + 15) & ~(uint64_t)15; }

/// What protobuf-c takes for the slabs of a message with that many members: 16 on the stack, then doubling.
static uint64_t slab_cost(uint64_t members) {
  uint64_t capacity = 16, slab = 16, cost = 0;
  while (capacity < members) {
    slab *= 2;
    capacity += slab;
    cost += slab * 32;
  }
  return cost;
}

static size_t element_size(ProtobufCType type) {
  switch (type) {
  case PROTOBUF_C_TYPE_INT64:
  case PROTOBUF_C_TYPE_SINT64:
  case PROTOBUF_C_TYPE_SFIXED64:
  case PROTOBUF_C_TYPE_UINT64:
  case PROTOBUF_C_TYPE_FIXED64:
  case PROTOBUF_C_TYPE_DOUBLE: return 8;
  case PROTOBUF_C_TYPE_STRING:
  case PROTOBUF_C_TYPE_MESSAGE: return sizeof(void *);
  case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
  default: return 4;
  }
}

unsigned trw_wire_of_type(ProtobufCType type) {
  switch (type) {
  case PROTOBUF_C_TYPE_SFIXED32:
  case PROTOBUF_C_TYPE_FIXED32:
  case PROTOBUF_C_TYPE_FLOAT: return TRW_WIRE_32BIT;
  case PROTOBUF_C_TYPE_SFIXED64:
  case PROTOBUF_C_TYPE_FIXED64:
  case PROTOBUF_C_TYPE_DOUBLE: return TRW_WIRE_64BIT;
  case PROTOBUF_C_TYPE_STRING:
  case PROTOBUF_C_TYPE_BYTES:
  case PROTOBUF_C_TYPE_MESSAGE: return TRW_WIRE_BYTES;
  default: return TRW_WIRE_VARINT;
  }
}

const ProtobufCFieldDescriptor *trw_find_field(const ProtobufCMessageDescriptor *descriptor, uint32_t number) {
  return number > INT32_MAX ? NULL : protobuf_c_message_descriptor_get_field(descriptor, number);
}

/// Encoders write fields in ascending order: the last field again, or the one after it, is nearly always the next.
static const ProtobufCFieldDescriptor *find_next(const ProtobufCMessageDescriptor *descriptor, size_t *last,
                                                 uint32_t number) {
  for (size_t index = *last; index < descriptor->n_fields && index <= *last + 1; index++) {
    if (descriptor->fields[index].id == number) {
      *last = index;
      return descriptor->fields + index;
    }
  }
  const ProtobufCFieldDescriptor *found = trw_find_field(descriptor, number);
  if (found != NULL) *last = (size_t)(found - descriptor->fields);
  return found;
}

static bool walk_packed(walk *w, trw_frame *frame, const uint8_t *at, const uint8_t *end) {
  unsigned wire = trw_wire_of_type(frame->field->type);
  uint64_t size = element_size(frame->field->type);
  while (at < end) {
    const uint8_t *next = trw_skip_value(at, end, wire);
    if (next == NULL) return fail(w, frame, TRW_MALFORMED, at);
    w->cost += size;
    frame->element++;
    at = next;
  }
  frame->element = 0;
  return true;
}

static bool walk_nested(walk *w, const trw_frame *frame, const uint8_t *at, const uint8_t *end) {
  if (frame->depth >= w->max_depth) return fail(w, frame, TRW_TOO_DEEP, frame->field_start);
  trw_frame nested = {
    .parent = frame,
    .descriptor = frame->field->descriptor,
    .start = at,
    .level = SIZE_MAX,
    .depth = frame->depth + 1,
  };
  if (frame->level != SIZE_MAX && frame->field->id == w->payload.numbers[frame->level]) nested.level = frame->level + 1;
  return walk_message(w, &nested, end);
}

/// A length-delimited value of a field that is in the schema.
static bool walk_delimited(walk *w, trw_frame *frame, const uint8_t *at, size_t length) {
  const ProtobufCFieldDescriptor *field = frame->field;
  size_t position = 0;
  switch (field->type) {
  case PROTOBUF_C_TYPE_MESSAGE: return walk_nested(w, frame, at, at + length);
  case PROTOBUF_C_TYPE_BYTES: w->cost += padded(length); return true;
  case PROTOBUF_C_TYPE_STRING: {
    w->cost += padded((uint64_t)length + 1);
    trw_status status = trw_check_string(at, length, &position);
    return status == TRW_OK || fail(w, frame, status, at + position);
  }
  default: return walk_packed(w, frame, at, at + length);
  }
}

static bool wire_fits(const ProtobufCFieldDescriptor *field, unsigned wire) {
  if (wire == trw_wire_of_type(field->type)) return true;
  return wire == TRW_WIRE_BYTES && field->label == PROTOBUF_C_LABEL_REPEATED && trw_is_packable(field->type);
}

/// Counts the payload instead of walking it. True when this field was it.
static bool take_payload(walk *w, const trw_frame *frame, size_t length, bool seen) {
  if (frame->level == SIZE_MAX || frame->level + 1 != w->payload.length) return false;
  if (frame->field->id != w->payload.numbers[frame->level]) return false;
  w->census->bytes += length;
  w->census->is_repeated = w->census->is_repeated || seen;
  return true;
}

/// A value of a field that is in the schema. Returns the byte after it, or NULL.
static const uint8_t *walk_known(walk *w, trw_frame *frame, field_set *seen, const uint8_t *at, const uint8_t *end,
                                 unsigned wire) {
  const ProtobufCFieldDescriptor *field = frame->field;
  bool packed = wire == TRW_WIRE_BYTES && trw_is_packable(field->type);
  if (!wire_fits(field, wire)) {
    fail(w, frame, TRW_MALFORMED, frame->field_start);
    return NULL;
  }
  if (field->label == PROTOBUF_C_LABEL_REPEATED && !packed) w->cost += element_size(field->type);
  if (wire != TRW_WIRE_BYTES) {
    const uint8_t *next = trw_skip_value(at, end, wire);
    if (next == NULL) fail(w, frame, TRW_MALFORMED, at);
    return next;
  }
  size_t length;
  const uint8_t *content = trw_read_length(at, end, &length);
  if (content == NULL) {
    fail(w, frame, TRW_MALFORMED, at);
    return NULL;
  }
  bool again = insert(seen, (size_t)(field - frame->descriptor->fields));
  if (again && field->type == PROTOBUF_C_TYPE_MESSAGE && field->label != PROTOBUF_C_LABEL_REPEATED) {
    fail(w, frame, TRW_MALFORMED, frame->field_start);
    return NULL;
  }
  if (take_payload(w, frame, length, again)) return content + length;
  return walk_delimited(w, frame, content, length) ? content + length : NULL;
}

/// A value of a field that is not. protobuf-c keeps a copy of it.
static const uint8_t *walk_unknown(walk *w, const trw_frame *frame, const uint8_t *at, const uint8_t *end,
                                   unsigned wire) {
  const uint8_t *next = trw_skip_value(at, end, wire);
  if (next == NULL) {
    fail(w, frame, TRW_MALFORMED, at);
    return NULL;
  }
  w->cost += sizeof(ProtobufCMessageUnknownField) + padded((uint64_t)(next - at));
  return next;
}

static bool walk_message(walk *w, trw_frame *frame, const uint8_t *end) {
  const uint8_t *at = frame->start;
  field_set seen = {{0}};
  size_t last = 0;
  uint64_t members = 0;
  w->cost += padded(frame->descriptor->sizeof_message);
  while (at < end) {
    uint32_t number;
    unsigned wire;
    frame->field_start = at;
    frame->field = NULL;
    const uint8_t *value = trw_read_tag(at, end, &number, &wire);
    if (value == NULL) return fail(w, frame, TRW_MALFORMED, at);
    frame->field = find_next(frame->descriptor, &last, number);
    at = frame->field == NULL ? walk_unknown(w, frame, value, end, wire)
                              : walk_known(w, frame, &seen, value, end, wire);
    if (at == NULL) return false;
    members++;
    if (w->cost > w->budget) return fail(w, frame, TRW_TOO_LARGE, frame->field_start);
  }
  frame->field = NULL;
  w->cost += slab_cost(members);
  if (w->cost > w->budget) return fail(w, frame, TRW_TOO_LARGE, frame->start);
  if (frame->level != SIZE_MAX && frame->level + 1 == w->payload.length) w->census->count++;
  return true;
}

bool trw_guard(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t length, uint32_t max_depth,
               size_t budget, trw_payload_path payload, trw_payload_census *census, trw_unpack_error *error) {
  static const uint8_t nothing[1] = {0};
  if (length == 0) data = nothing;
  walk w = {
    .base = data,
    .max_depth = max_depth < TRW_DEPTH_CEILING ? max_depth : TRW_DEPTH_CEILING,
    .budget = budget,
    .payload = payload,
    .census = census,
    .error = error,
  };
  trw_frame top = {.descriptor = descriptor, .start = data, .level = payload.length == 0 ? SIZE_MAX : 0};
  return walk_message(&w, &top, data + length);
}
