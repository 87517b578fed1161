#define _GNU_SOURCE
#include "CTailraceBench.h"
#include "ctb_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

double ctb_write_file(const char *path, uint64_t total, size_t chunk) {
  uint8_t *data = malloc(chunk);
  if (!data) return -ENOMEM;
  memset(data, 0x5a, chunk);
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    free(data);
    return -errno;
  }
  uint64_t begin = ctb_now_ns();
  int error = 0;
  for (uint64_t at = 0; at < total && !error;) {
    ssize_t n = pwrite(fd, data, chunk, (off_t)at);
    if (n < 0 && errno != EINTR) error = errno;
    if (n > 0) at += (uint64_t)n;
  }
  double seconds = (double)(ctb_now_ns() - begin) * 1e-9;
  close(fd);
  unlink(path);
  free(data);
  return error ? -(double)error : seconds;
}
