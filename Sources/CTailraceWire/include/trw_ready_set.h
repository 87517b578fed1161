#ifndef TRW_READY_SET_H
#define TRW_READY_SET_H

#include <stdint.h>

/// Descriptors that are looked at together: epoll(7), which the system's module for Swift leaves out.

/// At most so many are found at a time.
#define TRW_READY_SET_MOST 64

/// A set, to be closed with `close`; or -1, and `errno` says why.
int trw_ready_set_make(void);

/// Has `descriptor` looked at under this name until it is closed; one that is looked at already gets another name. Returns
/// 0, or an error number.
int trw_ready_set_add(int set, int descriptor, uint32_t name);

/// Names of those that there is something to read from (its end included), up to `most` of them; those that were left out
/// come first the next time. Does not wait. Returns how many were found; -1 where the look failed.
int trw_ready_set_find(int set, uint32_t *names, int most);

#endif
