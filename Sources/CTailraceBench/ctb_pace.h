// The clock of an open loop: calls are due at a fixed rate, whatever became of those before.
#ifndef CTB_PACE_H
#define CTB_PACE_H

#include <stdint.h>

/// Fires for the next call that is due, through `timer`, which belongs into an epoll set.
typedef struct {
  int timer;           // -1: none
  uint64_t begin;      // CLOCK_MONOTONIC, in nanoseconds, as all times here
  double interval_ns;
  uint64_t total;      // calls of the whole run
  uint64_t released;   // of those, due by now
} ctb_pace;

/// Begins now, with calls at `rate` per second for so long. Returns 0 or an errno value.
int ctb_pace_start(ctb_pace *pace, double rate, double seconds);

/// Counts what is due by `now` as released, and sets the timer for the call after that. Returns 0 or an errno value.
int ctb_pace_release(ctb_pace *pace, uint64_t now);

void ctb_pace_end(ctb_pace *pace);

/// When a call is due, counted from 0.
static inline uint64_t ctb_pace_due(const ctb_pace *pace, uint64_t call) {
  return pace->begin + (uint64_t)((double)call * pace->interval_ns);
}

#endif
