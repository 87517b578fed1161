#define _GNU_SOURCE
#include "trw_thread.h"

#if defined(__linux__)
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/// As the kernel has it (sched_setattr(2)), its first version.
typedef struct {
  uint32_t size;
  uint32_t policy;          // 0: SCHED_OTHER
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime;         // of SCHED_OTHER: the slice
  uint64_t deadline;
  uint64_t period;
} scheduling;

int trw_prefer_short_slices(uint64_t nanoseconds) {
  scheduling wanted = {.size = sizeof wanted};
  if (syscall(SYS_sched_getattr, 0, &wanted, sizeof wanted, 0) != 0) return errno;
  if (wanted.policy != 0) return EINVAL;
  wanted.size = sizeof wanted;
  wanted.runtime = nanoseconds;
  return syscall(SYS_sched_setattr, 0, &wanted, 0) == 0 ? 0 : errno;
}
#else
int trw_prefer_short_slices(uint64_t nanoseconds) { return nanoseconds == 0; }
#endif
