#include "trw_unpack.h"

#include "trw_guard.h"
#include "trw_slices.h"

#include <limits.h>

/// protobuf-c answers NULL for a full arena and for a missing required field alike: this tells them apart.
typedef struct {
  trw_arena *arena;
  bool refused;
} counted_arena;

static void *counted_alloc(void *data, size_t size) {
  counted_arena *counted = data;
  void *allocated = trw_arena_allocate(counted->arena, size);
  if (allocated == NULL) counted->refused = true;
  return allocated;
}

static void counted_free(void *data, void *pointer) {
  (void)data;
  (void)pointer;
}

static void *fail(trw_unpack_error *error, trw_status status, size_t offset) {
  error->status = status;
  error->offset = offset;
  error->path[0] = 0;
  return NULL;
}

static bool is_short_enough(size_t length, const trw_unpack_limits *limits, trw_unpack_error *error) {
  size_t longest = limits->max_bytes < INT_MAX ? limits->max_bytes : INT_MAX;    // protobuf-c counts in unsigned
  if (length <= longest) return true;
  fail(error, TRW_TOO_LARGE, longest);
  return false;
}

static ProtobufCMessage *unpack_checked(const ProtobufCMessageDescriptor *descriptor, trw_arena *arena,
                                        const uint8_t *data, size_t length, trw_unpack_error *error) {
  counted_arena counted = {.arena = arena, .refused = false};
  ProtobufCAllocator allocator = {.alloc = counted_alloc, .free = counted_free, .allocator_data = &counted};
  ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, &allocator, length, data);
  if (message == NULL) return fail(error, counted.refused ? TRW_TOO_LARGE : TRW_MALFORMED, 0);
  fail(error, TRW_OK, 0);
  return message;
}

static size_t arena_left(const trw_arena *arena) { return trw_arena_limit(arena) - trw_arena_used(arena); }

ProtobufCMessage *trw_unpack(const ProtobufCMessageDescriptor *descriptor, trw_arena *arena,
                             const uint8_t *data, size_t length, const trw_unpack_limits *limits,
                             trw_unpack_error *error) {
  const trw_payload_path none = {NULL, 0};
  if (!is_short_enough(length, limits, error)) return NULL;
  if (!trw_guard(descriptor, data, length, limits->max_depth, arena_left(arena), none, NULL, error)) return NULL;
  return unpack_checked(descriptor, arena, data, length, error);
}

static ProtobufCMessage *unpack_plain(const ProtobufCMessageDescriptor *descriptor, trw_arena *arena,
                                      const uint8_t *data, size_t length, const trw_unpack_limits *limits,
                                      trw_slices *slices, trw_unpack_error *error) {
  ProtobufCMessage *message = trw_unpack(descriptor, arena, data, length, limits, error);
  slices->copied = message != NULL;
  return message;
}

ProtobufCMessage *trw_unpack_sliced(const ProtobufCMessageDescriptor *descriptor, trw_arena *arena,
                                    const uint8_t *data, size_t length, const trw_unpack_limits *limits,
                                    const uint32_t *path, size_t path_length, trw_slices *slices,
                                    trw_unpack_error *error) {
  const trw_payload_path payload = {path, path_length};
  trw_payload_census census = {0};
  *slices = (trw_slices){0};
  if (!is_short_enough(length, limits, error)) return NULL;
  if (!trw_is_sliceable(descriptor, payload)) {
    return unpack_plain(descriptor, arena, data, length, limits, slices, error);
  }
  if (!trw_guard(descriptor, data, length, limits->max_depth, arena_left(arena), payload, &census, error)) return NULL;
  if (census.is_repeated) return unpack_plain(descriptor, arena, data, length, limits, slices, error);

  size_t rest = length - census.bytes;
  uint8_t *copy = trw_arena_allocate(arena, rest);
  trw_slice *items = trw_arena_allocate(arena, census.count * sizeof *items);
  if (copy == NULL || items == NULL) return fail(error, TRW_TOO_LARGE, 0);
  if (length > 0) {
    trw_copy_without_payloads(data, length, payload, copy, items);
  } else if (census.count == 1) {
    items[0] = (trw_slice){.offset = SIZE_MAX, .length = 0};
  }
  ProtobufCMessage *message = unpack_checked(descriptor, arena, copy, rest, error);
  if (message == NULL) return NULL;
  slices->items = items;
  slices->count = census.count;
  return message;
}
