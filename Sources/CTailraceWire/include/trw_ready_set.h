#ifndef TRW_READY_SET_H
#define TRW_READY_SET_H

/// Descriptors that are looked at together: epoll(7), which the system's module for Swift leaves out.

/// A set, to be closed with `close`; or -1, and `errno` says why.
int trw_ready_set_make(void);

/// Has `descriptor` looked at until it is closed. Returns 0, or an error number.
int trw_ready_set_add(int set, int descriptor);

/// Whether there is something to read from any of them (its end included), or the look failed. Does not wait.
int trw_ready_set_is_ready(int set);

#endif
