#define _GNU_SOURCE
#include "CTailraceBench.h"
#include "ctb_client.h"
#include "ctb_io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MAX_PARTS = IOV_MAX };

// Appends a group, with as few calls as it takes.
static int append_group(int fd, const ctb_file_load *load, uint8_t *batch, uint64_t begin) {
  const uint64_t total = (uint64_t)load->batch_bytes * load->batches_per_group;
  for (uint64_t at = 0; at < total;) {
    struct iovec parts[MAX_PARTS];
    int count = 0;
    for (uint64_t from = at; from < total && count < MAX_PARTS; count++) {
      size_t in_batch = (size_t)(from % load->batch_bytes);
      parts[count] = (struct iovec){.iov_base = batch + in_batch, .iov_len = load->batch_bytes - in_batch};
      from += parts[count].iov_len;
    }
    ssize_t n = pwritev(fd, parts, count, (off_t)(begin + at));
    if (n < 0 && errno != EINTR) return errno;
    if (n > 0) at += (uint64_t)n;
  }
  return load->sync && fdatasync(fd) < 0 ? errno : 0;
}

int ctb_append_file(const ctb_file_load *load, uint64_t *latencies_ns, uint64_t latency_capacity,
                    ctb_load_result *result) {
  memset(result, 0, sizeof *result);
  const uint64_t group = (uint64_t)load->batch_bytes * load->batches_per_group;
  if (group == 0) return EINVAL;
  uint8_t *batch = malloc(load->batch_bytes);
  if (!batch) return ENOMEM;
  memset(batch, 0x5a, load->batch_bytes);
  int fd = open(load->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    free(batch);
    return errno;
  }
  int error = 0;
  double cpu = ctb_cpu_seconds();
  uint64_t begin = ctb_now_ns(), now = begin;
  while (!error && (double)(now - begin) * 1e-9 < load->seconds && (result->calls + 1) * group <= load->max_bytes) {
    error = append_group(fd, load, batch, result->calls * group);
    uint64_t before = now;
    now = ctb_now_ns();
    ctb_note_latency(result, latencies_ns, latency_capacity, now - before);
    result->calls++;
  }
  result->seconds = (double)(now - begin) * 1e-9;
  result->cpu_seconds = ctb_cpu_seconds() - cpu;
  close(fd);
  unlink(load->path);
  free(batch);
  return error;
}
