// Guarded unpack: what protobuf-c does not check is checked here, before it allocates anything.
#ifndef TRW_UNPACK_H
#define TRW_UNPACK_H

#include "trw_arena.h"
#include <stdbool.h>
#include <stdint.h>

typedef enum {
  TRW_OK = 0,
  TRW_MALFORMED = 1,        // not well-formed protobuf, or a field's wire type does not fit the schema, or a message
                            // field that is not repeated occurs twice (protobuf-c would lose parts of the first)
  TRW_TOO_DEEP = 2,         // nested deeper than the limit
  TRW_TOO_LARGE = 3,        // longer than the limit, or the arena is exhausted
  TRW_INVALID_UTF8 = 4,     // a `string` field is not UTF-8
  TRW_NUL_IN_STRING = 5,    // a `string` field holds a NUL
} trw_status;

enum { TRW_PATH_CAPACITY = 160 };

typedef struct {
  trw_status status;
  size_t offset;                   // byte in the input at which the fault was seen
  char path[TRW_PATH_CAPACITY];    // "topics[1].batches[0].producer_id", NUL-terminated, cut at the capacity; "" where
                                   // no field of the top message is at fault
} trw_unpack_error;

typedef struct {
  size_t max_bytes;      // longest input accepted
  uint32_t max_depth;    // levels of nested messages below the top one; 100 is the most that counts
} trw_unpack_limits;

/// A part of the input. `offset` is SIZE_MAX where the field was absent; Swift sees that as -1.
typedef struct {
  size_t offset;
  size_t length;
} trw_slice;

typedef struct {
  trw_slice *items;    // from the arena; one for each message that could hold the payload, in the order of the input
  size_t count;
  bool copied;         // the payloads were unpacked by copy after all: `items` is NULL, `count` 0
} trw_slices;

/// Checks `data` against `descriptor` and `limits`, then unpacks it with protobuf-c into `arena`.
/// Returns NULL and fills `error` where anything is wrong. All that it returns lives until the arena's next reset.
ProtobufCMessage *trw_unpack(const ProtobufCMessageDescriptor *descriptor, trw_arena *arena,
                             const uint8_t *data, size_t length, const trw_unpack_limits *limits,
                             trw_unpack_error *error);

/// As `trw_unpack`, but the payload, the `bytes` field that `path` leads to (field numbers from the top, each but the
/// last a message field), is not copied: in the returned message it is empty, and `slices` tells where it lies in
/// `data`. Where one message holds the payload field more than once, or the path leads to no singular `bytes` field, or
/// through a oneof with others, everything is unpacked by copy and `slices->copied` is set.
ProtobufCMessage *trw_unpack_sliced(const ProtobufCMessageDescriptor *descriptor, trw_arena *arena,
                                    const uint8_t *data, size_t length, const trw_unpack_limits *limits,
                                    const uint32_t *path, size_t path_length, trw_slices *slices,
                                    trw_unpack_error *error);

/// Whether `data` is well-formed UTF-8 (no surrogates, no overlong forms, nothing past U+10FFFF).
bool trw_is_utf8(const uint8_t *data, size_t length);

#endif
