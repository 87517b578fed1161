#define _GNU_SOURCE
#include "ctb_pace.h"
#include "ctb_io.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

int ctb_pace_start(ctb_pace *pace, double rate, double seconds) {
  pace->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (pace->timer < 0) return errno;
  pace->begin = ctb_now_ns();
  pace->interval_ns = 1e9 / rate;
  pace->total = (uint64_t)(rate * seconds);
  pace->released = 0;
  return ctb_pace_release(pace, pace->begin);
}

int ctb_pace_release(ctb_pace *pace, uint64_t now) {
  uint64_t before = pace->released;
  if (now >= pace->begin) pace->released = (uint64_t)((double)(now - pace->begin) / pace->interval_ns) + 1;
  if (pace->released > pace->total) pace->released = pace->total;
  if (pace->released < before) pace->released = before;
  if (pace->released == before) return 0;
  // Setting the timer forgets that it fired, and so does setting it to nothing at the end: it need not be read.
  struct itimerspec next = {0};
  if (pace->released < pace->total) {
    uint64_t due = ctb_pace_due(pace, pace->released);
    next.it_value.tv_sec = (time_t)(due / 1000000000u);
    next.it_value.tv_nsec = (long)(due % 1000000000u);
  }
  return timerfd_settime(pace->timer, TFD_TIMER_ABSTIME, &next, NULL) < 0 ? errno : 0;
}

void ctb_pace_end(ctb_pace *pace) {
  if (pace->timer >= 0) close(pace->timer);
  pace->timer = -1;
}
