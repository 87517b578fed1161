// The pre-pass: one walk over the input with the descriptor, before protobuf-c sees it.
#ifndef TRW_GUARD_H
#define TRW_GUARD_H

#include "trw_unpack.h"

enum {
  TRW_DEPTH_CEILING = 100,     // protobuf's own default; bounds the stack that the guard and protobuf-c use
  TRW_TRACKED_FIELDS = 256,    // fields of one message of which the guard notes that they were seen
};

/// A path of field numbers to a payload field. `length` 0 means none.
typedef struct {
  const uint32_t *numbers;
  size_t length;
} trw_payload_path;

/// What the walk found out about the payload fields.
typedef struct {
  size_t count;       // messages that could hold the payload
  size_t bytes;       // of all payloads together
  bool is_repeated;   // one message holds it more than once
} trw_payload_census;

/// A message being walked. The frames from the innermost to the top one say where the walk stands.
typedef struct trw_frame {
  const struct trw_frame *parent;
  const ProtobufCMessageDescriptor *descriptor;
  const uint8_t *start;
  const uint8_t *field_start;                 // tag of the field being read
  const ProtobufCFieldDescriptor *field;      // NULL where it is unknown or its tag is not read yet
  size_t element;                             // within a packed field
  size_t level;                               // of the payload path, or SIZE_MAX off the path
  uint32_t depth;
} trw_frame;

/// Walks the input. `budget` is what the arena can still hand out: the walk stops when protobuf-c would need more.
/// Fills `census` when `payload` is not empty. True when protobuf-c may have it; else `error` says why not.
bool trw_guard(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t length, uint32_t max_depth,
               size_t budget, trw_payload_path payload, trw_payload_census *census, trw_unpack_error *error);

/// The field with that number, or NULL.
const ProtobufCFieldDescriptor *trw_find_field(const ProtobufCMessageDescriptor *descriptor, uint32_t number);

/// Writes the dotted path of the field that `innermost` is at.
void trw_format_path(const trw_frame *innermost, char path[TRW_PATH_CAPACITY]);

/// Whether values of this type may be packed.
static inline bool trw_is_packable(ProtobufCType type) {
  return type != PROTOBUF_C_TYPE_STRING && type != PROTOBUF_C_TYPE_BYTES && type != PROTOBUF_C_TYPE_MESSAGE;
}

/// The wire type of a single value of this type.
unsigned trw_wire_of_type(ProtobufCType type);

#endif
