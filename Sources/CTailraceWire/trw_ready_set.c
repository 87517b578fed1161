#include "trw_ready_set.h"

#include <errno.h>

#if defined(__linux__)
#include <sys/epoll.h>

int trw_ready_set_make(void) { return epoll_create1(EPOLL_CLOEXEC); }

int trw_ready_set_add(int set, int descriptor, uint32_t name) {
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = name};
  if (epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &event) == 0) return 0;
  if (errno == EEXIST && epoll_ctl(set, EPOLL_CTL_MOD, descriptor, &event) == 0) return 0;
  return errno;
}

int trw_ready_set_find(int set, uint32_t *names, int most) {
  struct epoll_event events[TRW_READY_SET_MOST];
  int count = epoll_wait(set, events, most < TRW_READY_SET_MOST ? most : TRW_READY_SET_MOST, 0);
  for (int i = 0; i < count; i++) names[i] = events[i].data.u32;
  return count;
}
#else
int trw_ready_set_make(void) {
  errno = ENOSYS;
  return -1;
}
int trw_ready_set_add(int set, int descriptor, uint32_t name) { return set == descriptor && name ? EINVAL : ENOSYS; }
int trw_ready_set_find(int set, uint32_t *names, int most) { return set == most && names ? 0 : -1; }
#endif
