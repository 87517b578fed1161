#define _GNU_SOURCE
#include "ctb_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

int ctb_connect(const char *host, uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
    errno = EINVAL;
    return -1;
  }
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  int on = 1;
  uint8_t preface[8] = {'T', 'R', 'P', 'C', 1, 0, 0, 0};
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) goto failed;
  if (write(fd, preface, sizeof preface) != (ssize_t)sizeof preface) goto failed;
  for (size_t got = 0; got < sizeof preface;) {
    ssize_t n = read(fd, preface + got, sizeof preface - got);
    if (n <= 0) {
      if (n == 0) errno = ECONNRESET;
      goto failed;
    }
    got += (size_t)n;
  }
  if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) goto failed;
  return fd;
failed:;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

double ctb_cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

bool ctb_note_failure(ctb_load_result *result, const uint8_t *header, uint32_t header_length, uint32_t used) {
  if (used >= header_length || header[used] != 0x12) return false;
  if (result->first_failure[0] == 0) {
    uint32_t n = header_length < 255 ? header_length : 255;
    result->first_failure[0] = (char)n;
    memcpy(result->first_failure + 1, header, n);
  }
  return true;
}
