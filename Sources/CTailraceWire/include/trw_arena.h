// A bounded bump allocator. One arena serves the calls of one read batch: it is reset, not freed, between batches.
#ifndef TRW_ARENA_H
#define TRW_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

typedef struct trw_arena trw_arena;

/// Creates an arena that never hands out more than `limit` bytes between two resets, or NULL without memory.
/// The first chunk of `initial` bytes is kept over resets; further chunks are freed by them.
trw_arena *trw_arena_create(size_t initial, size_t limit);

/// Frees the arena and all that came from it. NULL is allowed.
void trw_arena_destroy(trw_arena *arena);

/// Takes back all that was handed out since the last reset.
void trw_arena_reset(trw_arena *arena);

/// Hands out `size` bytes (16-byte aligned, not zeroed), or NULL when the limit would be passed.
void *trw_arena_allocate(trw_arena *arena, size_t size);

/// Bytes handed out since the last reset, padding included.
size_t trw_arena_used(const trw_arena *arena);

/// The bytes the arena may hand out between two resets.
size_t trw_arena_limit(const trw_arena *arena);

/// The arena as protobuf-c sees it; its free does nothing. Valid as long as the arena.
ProtobufCAllocator *trw_arena_allocator(trw_arena *arena);

#endif
