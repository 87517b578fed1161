#define _GNU_SOURCE
#include "CTailraceBench.h"
#include "ctb_io.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_BYTES = 4 << 20 };

typedef struct {
  int fd;
  bool has_preface;
  uint8_t *input;
  size_t input_length;
  uint8_t *output;
  size_t output_length;
} peer;

typedef struct {
  int listener;
  int file;                // -1: echo
  uint64_t file_bytes;
  uint32_t answer_bytes;
  uint64_t position;       // in the file
} server;

int ctb_listen(uint16_t *port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 128) < 0 ||
      getsockname(fd, (struct sockaddr *)&address, &length) < 0) {
    int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  *port = ntohs(address.sin_port);
  return fd;
}

// Blocking while the peer takes nothing: these servers are only ever measured with a reader at work.
static bool write_all(int fd, const uint8_t *data, size_t length, int flags) {
  while (length > 0) {
    ssize_t n = send(fd, data, length, flags | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    data += n;
    length -= (size_t)n;
  }
  return true;
}

static bool flush_output(peer *p) {
  bool ok = write_all(p->fd, p->output, p->output_length, 0);
  p->output_length = 0;
  return ok;
}

static bool echo_frame(peer *p, uint64_t call_id, const uint8_t *message, uint32_t length) {
  if (p->output_length + length + 32 > BUFFER_BYTES && !flush_output(p)) return false;
  uint8_t *head = p->output + p->output_length;
  uint32_t header = ctb_put_header(head + 6, call_id);
  ctb_put32(head, 2 + header + length);
  head[4] = 0;
  head[5] = (uint8_t)header;
  memcpy(head + 6 + header, message, length);
  p->output_length += 6 + header + length;
  return true;
}

static bool send_file_frame(server *s, peer *p, uint64_t call_id) {
  uint8_t head[32];
  uint32_t header = ctb_put_header(head + 6, call_id);
  ctb_put32(head, 2 + header + s->answer_bytes);
  head[4] = 0;
  head[5] = (uint8_t)header;
  if (!write_all(p->fd, head, 6 + header, MSG_MORE)) return false;
  if (s->position + s->answer_bytes > s->file_bytes) s->position = 0;
  off_t offset = (off_t)s->position;
  s->position += s->answer_bytes;
  for (size_t left = s->answer_bytes; left > 0;) {
    ssize_t n = sendfile(p->fd, s->file, &offset, left);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    left -= (size_t)n;
  }
  return true;
}

static bool take_frames(server *s, peer *p) {
  size_t at = 0;
  if (!p->has_preface && p->input_length >= 8) {
    const uint8_t answer[8] = {'T', 'R', 'P', 'C', 1, 1, 1, 0};
    if (!write_all(p->fd, answer, sizeof answer, 0)) return false;
    p->has_preface = true;
    at = 8;
  }
  while (p->has_preface && p->input_length - at >= 6) {
    uint32_t length = ctb_get32(p->input + at), header = ctb_get16(p->input + at + 4), used = 0;
    if (length < 2 || header > length - 2 || length > BUFFER_BYTES - 64) return false;
    if (p->input_length - at < 4 + (size_t)length) break;
    const uint8_t *frame = p->input + at + 6;
    uint64_t id = ctb_call_id(frame, header, &used);
    bool ok = s->file < 0 ? echo_frame(p, id, frame + header, length - 2 - header) : send_file_frame(s, p, id);
    if (!ok) return false;
    at += 4 + (size_t)length;
  }
  memmove(p->input, p->input + at, p->input_length - at);
  p->input_length -= at;
  return p->output_length == 0 || flush_output(p);
}

static void drop(peer *p) {
  close(p->fd);
  free(p->input);
  free(p->output);
  free(p);
}

static bool add_peer(int epoll, int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  peer *p = calloc(1, sizeof *p);
  if (!p) return false;
  p->fd = fd;
  p->input = malloc(BUFFER_BYTES);
  p->output = malloc(BUFFER_BYTES);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = p};
  if (!p->input || !p->output || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
    drop(p);
    return false;
  }
  return true;
}

static void *serve_thread(void *argument) {
  server s = *(server *)argument;
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = NULL};
  if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, s.listener, &event) < 0) return (void *)(intptr_t)errno;
  for (;;) {
    struct epoll_event events[64];
    int count = epoll_wait(epoll, events, 64, -1);
    if (count < 0 && errno != EINTR) return (void *)(intptr_t)errno;
    for (int i = 0; i < count; i++) {
      peer *p = events[i].data.ptr;
      if (!p) {
        int fd = accept4(s.listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) add_peer(epoll, fd);
        continue;
      }
      ssize_t n = recv(p->fd, p->input + p->input_length, BUFFER_BYTES - p->input_length, MSG_DONTWAIT);
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (n > 0) p->input_length += (size_t)n;
      if (n <= 0 || !take_frames(&s, p)) drop(p);
    }
  }
}

static int serve(server *s, uint32_t threads) {
  pthread_t others[16];
  uint32_t count = threads < 1 ? 1 : threads > 17 ? 17 : threads;
  for (uint32_t i = 0; i + 1 < count; i++) {
    int error = pthread_create(&others[i], NULL, serve_thread, s);
    if (error) return error;
  }
  return (int)(intptr_t)serve_thread(s);
}

int ctb_serve_echo(int listener, uint32_t threads) {
  server s = {.listener = listener, .file = -1};
  return serve(&s, threads);
}

int ctb_serve_file(int listener, int file, uint64_t file_bytes, uint32_t bytes) {
  if (bytes == 0 || file_bytes < bytes) return EINVAL;
  server s = {.listener = listener, .file = file, .file_bytes = file_bytes, .answer_bytes = bytes};
  return serve(&s, 1);
}
