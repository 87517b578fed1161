#include "trw_ready_set.h"

#include <errno.h>

#if defined(__linux__)
#include <sys/epoll.h>

int trw_ready_set_make(void) { return epoll_create1(EPOLL_CLOEXEC); }

int trw_ready_set_add(int set, int descriptor) {
  struct epoll_event event = {.events = EPOLLIN};
  return epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &event) == 0 ? 0 : errno;
}

int trw_ready_set_is_ready(int set) {
  struct epoll_event event;
  return epoll_wait(set, &event, 1, 0) != 0;
}
#else
int trw_ready_set_make(void) {
  errno = ENOSYS;
  return -1;
}
int trw_ready_set_add(int set, int descriptor) { return set == descriptor ? EINVAL : ENOSYS; }
int trw_ready_set_is_ready(int set) { return set != -1; }
#endif
