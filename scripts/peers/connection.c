#define _GNU_SOURCE
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECEIVE_BYTES = 256 << 10 };

void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "bench-client: ");
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  va_end(arguments);
  exit(1);
}

void buffer_need(buffer *b, size_t count) {
  if (b->start == b->end) b->start = b->end = 0;
  if (b->capacity - b->end >= count) return;
  if (b->start > 0) {
    memmove(b->bytes, b->bytes + b->start, buffer_length(b));
    b->end -= b->start;
    b->start = 0;
  }
  size_t capacity = b->capacity ? b->capacity : 64 << 10;
  while (capacity - b->end < count) {
    if (capacity >= MAX_BUFFER_BYTES) fail("more than %d bytes belong together", MAX_BUFFER_BYTES);
    capacity *= 2;
  }
  if (capacity == b->capacity) return;
  b->bytes = realloc(b->bytes, capacity);
  if (!b->bytes) fail("no memory");
  b->capacity = capacity;
}

void put_format(buffer *b, const char *format, ...) {
  enum { ROOM = 1024 };
  va_list arguments;
  va_start(arguments, format);
  buffer_need(b, ROOM);
  int length = vsnprintf((char *)b->bytes + b->end, ROOM, format, arguments);
  va_end(arguments);
  if (length < 0 || length >= ROOM) fail("a command of %d bytes", length);
  b->end += (size_t)length;
}

int dial(void) {
  struct sockaddr_in address = {
    .sin_family = AF_INET, .sin_port = htons(settings.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  if (fd < 0) return -1;
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
    int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

connection *open_connection(uint32_t number) {
  connection *c = calloc(1, sizeof *c);
  if (!c) fail("no memory");
  c->number = number;
  c->epoll = -1;
  buffer_need(&c->in, RECEIVE_BYTES);
  c->fd = dial();
  if (c->fd < 0) fail("cannot connect: %s", strerror(errno));
  settings.protocol->greet(c);
  return c;
}

void close_connection(connection *c) {
  close(c->fd);
  free(c->in.bytes);
  free(c->out.bytes);
  free(c->state);
  free(c);
}

// Writes once. Returns false where the socket takes no more now.
static bool send_some(connection *c) {
  ssize_t count = send(c->fd, c->out.bytes + c->out.start, buffer_length(&c->out), MSG_NOSIGNAL);
  if (count < 0 && errno == EAGAIN) return false;
  if (count < 0 && errno != EINTR) fail("cannot send: %s", strerror(errno));
  if (count > 0) c->out.start += (size_t)count;
  return true;
}

void send_all(connection *c) {
  while (buffer_length(&c->out) > 0) send_some(c);
}

void receive_some(connection *c) {
  buffer_need(&c->in, RECEIVE_BYTES);
  ssize_t count = read(c->fd, c->in.bytes + c->in.end, c->in.capacity - c->in.end);
  if (count < 0 && errno != EAGAIN && errno != EINTR) fail("cannot receive: %s", strerror(errno));
  if (count == 0) fail("the server closed the connection");
  if (count > 0) c->in.end += (size_t)count;
}

static void watch(connection *c, int operation) {
  struct epoll_event event = {.events = EPOLLIN | (c->wants_write ? EPOLLOUT : 0u), .data.ptr = c};
  if (epoll_ctl(c->epoll, operation, c->fd, &event) < 0) fail("epoll: %s", strerror(errno));
}

void start_events(connection *c, int epoll) {
  if (fcntl(c->fd, F_SETFL, O_NONBLOCK) < 0) fail("fcntl: %s", strerror(errno));
  c->epoll = epoll;
  watch(c, EPOLL_CTL_ADD);
}

void flush_output(connection *c) {
  while (buffer_length(&c->out) > 0 && send_some(c)) continue;
  bool wants_write = buffer_length(&c->out) > 0;
  if (wants_write == c->wants_write) return;
  c->wants_write = wants_write;
  watch(c, EPOLL_CTL_MOD);
}

void put_framed(connection *c, const char *head, size_t length, uint32_t count, const uint64_t *due) {
  buffer_need(&c->out, count * (length + settings.size + 2));
  for (uint32_t i = 0; i < count; i++) {
    put_bytes(&c->out, head, length);
    put_bytes(&c->out, settings.payload, settings.size);
    if (due) memcpy(c->out.bytes + c->out.end - settings.size, &due[i], sizeof due[i]);
    put_bytes(&c->out, "\r\n", 2);
  }
}
