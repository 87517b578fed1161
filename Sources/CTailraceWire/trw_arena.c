#include "trw_arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

enum { ALIGNMENT = 16, SMALLEST_CHUNK = 4096 };

typedef struct chunk {
  struct chunk *next;    // the chunk taken before this one
  size_t capacity;
  size_t used;
  alignas(ALIGNMENT) unsigned char bytes[];
} chunk;

struct trw_arena {
  chunk *first;      // kept over resets
  chunk *current;    // where small requests are served; the head of the list that ends in `first`
  size_t used;
  size_t limit;
  ProtobufCAllocator allocator;
};

static chunk *chunk_create(size_t capacity) {
  if (capacity > SIZE_MAX - sizeof(chunk)) return NULL;
  chunk *made = malloc(sizeof(chunk) + capacity);
  if (made == NULL) return NULL;
  made->next = NULL;
  made->capacity = capacity;
  made->used = 0;
  return made;
}

static void *allocator_alloc(void *arena, size_t size) { return trw_arena_allocate(arena, size); }

static void allocator_free(void *arena, void *pointer) {
  (void)arena;
  (void)pointer;
}

trw_arena *trw_arena_create(size_t initial, size_t limit) {
  if (initial > limit) initial = limit;
  trw_arena *arena = malloc(sizeof *arena);
  if (arena == NULL) return NULL;
  arena->first = chunk_create(initial & ~(size_t)(ALIGNMENT - 1));
  if (arena->first == NULL) {
    free(arena);
    return NULL;
  }
  arena->current = arena->first;
  arena->used = 0;
  arena->limit = limit;
  arena->allocator = (ProtobufCAllocator){.alloc = allocator_alloc, .free = allocator_free, .allocator_data = arena};
  return arena;
}

void trw_arena_reset(trw_arena *arena) {
  while (arena->current != arena->first) {
    chunk *next = arena->current->next;
    free(arena->current);
    arena->current = next;
  }
  // Chunks of single large requests hang behind the first one.
  chunk *single = arena->first->next;
  while (single != NULL) {
    chunk *next = single->next;
    free(single);
    single = next;
  }
  arena->first->next = NULL;
  arena->first->used = 0;
  arena->used = 0;
}

void trw_arena_destroy(trw_arena *arena) {
  if (arena == NULL) return;
  trw_arena_reset(arena);
  free(arena->first);
  free(arena);
}

static void *take(chunk *from, size_t size) {
  void *taken = from->bytes + from->used;
  from->used += size;
  return taken;
}

/// Doubles from chunk to chunk, so that the number of chunks stays logarithmic, but never past what may still be used.
static size_t next_capacity(const trw_arena *arena) {
  size_t remaining = (arena->limit - arena->used) & ~(size_t)(ALIGNMENT - 1);
  size_t capacity = arena->current->capacity > SIZE_MAX / 2 ? SIZE_MAX : arena->current->capacity * 2;
  if (capacity < SMALLEST_CHUNK) capacity = SMALLEST_CHUNK;
  return capacity < remaining ? capacity : remaining;
}

static void *allocate_in_new_chunk(trw_arena *arena, size_t size) {
  size_t capacity = next_capacity(arena);
  if (size > capacity / 4) {
    // A chunk of its own leaves the current one's tail usable: at most a quarter of a chunk is ever wasted.
    chunk *single = chunk_create(size);
    if (single == NULL) return NULL;
    single->next = arena->first->next;
    arena->first->next = single;
    return take(single, size);
  }
  chunk *made = chunk_create(capacity);
  if (made == NULL) return NULL;
  made->next = arena->current;
  arena->current = made;
  return take(made, size);
}

void *trw_arena_allocate(trw_arena *arena, size_t size) {
  if (size > SIZE_MAX - ALIGNMENT) return NULL;
  size_t padded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
  if (padded > arena->limit - arena->used) return NULL;
  chunk *current = arena->current;
  void *allocated = padded <= current->capacity - current->used ? take(current, padded)
                                                               : allocate_in_new_chunk(arena, padded);
  if (allocated != NULL) arena->used += padded;
  return allocated;
}

size_t trw_arena_used(const trw_arena *arena) { return arena->used; }

size_t trw_arena_limit(const trw_arena *arena) { return arena->limit; }

ProtobufCAllocator *trw_arena_allocator(trw_arena *arena) { return &arena->allocator; }
