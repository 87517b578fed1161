// Counts what a process takes from the heap, for scripts/hot_path: a library for LD_PRELOAD, in front of glibc.
//
// The counters are in a file that the environment variable HOT_PATH_COUNTERS names, mapped and shared, so that another
// process reads them while this one runs. costs/counters.py has the same layout. Thread-safe.
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_DEPTH = 48 };

typedef struct {
  uint64_t bytes;               // that were asked for
  uint64_t depth;
  uint64_t frames[MAX_DEPTH];   // return addresses, innermost first; the first two are of this library
} stack;

typedef struct {
  _Atomic uint64_t calls;          // of malloc and its like; a realloc that grows or moves is one, too
  _Atomic uint64_t bytes;          // that they asked for
  _Atomic uint64_t is_recording;   // set from outside: stacks are kept as well
  _Atomic uint64_t stacks;         // recorded, or left out because there was no room
  stack recorded[];                // as many as the file has room for
} counters;

// glibc's own names of what is interposed here: no look-up, which would allocate.
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

// Until the file is mapped, and without one.
static struct { _Atomic uint64_t words[4]; } unread;
static counters *shared = (counters *)&unread;
static uint64_t max_stacks;

static _Thread_local int is_within __attribute__((tls_model("initial-exec")));

static __attribute__((noinline)) void record(size_t bytes) {
  void *frames[MAX_DEPTH];
  if (is_within) return;
  is_within = 1;   // the unwinder may allocate
  uint64_t number = atomic_fetch_add_explicit(&shared->stacks, 1, memory_order_relaxed);
  if (number < max_stacks) {
    stack *s = &shared->recorded[number];
    int depth = backtrace(frames, MAX_DEPTH);
    for (int i = 0; i < depth; i++) s->frames[i] = (uint64_t)(uintptr_t)frames[i];
    s->bytes = bytes;
    s->depth = (uint64_t)depth;
  }
  is_within = 0;
}

static inline __attribute__((always_inline)) void count(size_t bytes) {
  atomic_fetch_add_explicit(&shared->calls, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&shared->bytes, bytes, memory_order_relaxed);
  if (atomic_load_explicit(&shared->is_recording, memory_order_relaxed)) record(bytes);
}

static _Noreturn void give_up(const char *what, const char *path) {
  dprintf(STDERR_FILENO, "count_allocations: %s %s\n", what, path);
  _exit(1);
}

__attribute__((constructor)) static void map_counters(void) {
  const char *path = getenv("HOT_PATH_COUNTERS");
  void *frames[1];
  if (!path) return;
  backtrace(frames, 1);   // loads the unwinder, which takes locks and memory, before it is needed
  int file = open(path, O_RDWR | O_CLOEXEC);
  struct stat status;
  if (file < 0 || fstat(file, &status) || (size_t)status.st_size < sizeof(counters)) give_up("cannot use", path);
  void *mapped = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (mapped == MAP_FAILED) give_up("cannot map", path);
  max_stacks = ((size_t)status.st_size - sizeof(counters)) / sizeof(stack);
  shared = mapped;
}

void *malloc(size_t size) {
  count(size);
  return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
  count(number * size);
  return __libc_calloc(number, size);
}

void *realloc(void *block, size_t size) {
  if (size) count(size);
  return __libc_realloc(block, size);
}

void *memalign(size_t alignment, size_t size) {
  count(size);
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  count(size);
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
  if (alignment % sizeof(void *) || alignment & (alignment - 1) || !alignment) return EINVAL;
  count(size);
  void *taken = __libc_memalign(alignment, size);
  if (!taken) return ENOMEM;
  *block = taken;
  return 0;
}
