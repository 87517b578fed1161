#define _GNU_SOURCE
#include "CTailraceBench.h"
#include "ctb_io.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { INPUT_BYTES = 1 << 20, MAX_IOV = 256, HEADER_ROOM = 1024 };

typedef struct {
  int fd;
  size_t next_frame;         // the next one to send
  size_t sent_of_frame;      // bytes of it that went out already
  uint32_t in_flight;
  uint64_t *sent_at;         // by slot; 0 = free
  uint8_t *input;            // heads of frames; bodies are skipped
  size_t input_length;
  uint64_t skip;             // bytes of a body still to come
  bool wants_write;
} connection;

typedef struct {
  const ctb_load *load;
  ctb_load_result *result;
  uint32_t *latencies;
  uint64_t latency_capacity;
  bool is_counting;
  uint64_t now;
} run;

static int open_connection(const ctb_load *load) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(load->port)};
  if (inet_pton(AF_INET, load->address, &address.sin_addr) != 1) {
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

// Sends as many frames as there are free slots, in order, gathered into few system calls.
static int send_frames(run *r, connection *c) {
  const ctb_load *load = r->load;
  for (;;) {
    struct iovec parts[MAX_IOV];
    int count = 0;
    size_t frame = c->next_frame, offset = c->sent_of_frame;
    uint32_t in_flight = c->in_flight;
    while (count < MAX_IOV) {
      uint64_t *slot = &c->sent_at[frame % load->depth];
      if (offset == 0 && (in_flight == load->depth || *slot != 0)) break;
      if (offset == 0) {
        *slot = r->now;
        in_flight++;
      }
      parts[count].iov_base = (void *)(uintptr_t)(load->frames[frame].data + offset);
      parts[count].iov_len = load->frames[frame].length - offset;
      count++;
      offset = 0;
      frame = frame + 1 == load->frame_count ? 0 : frame + 1;
    }
    c->in_flight = in_flight;
    if (count == 0) {
      c->wants_write = false;
      return 0;
    }
    ssize_t sent = writev(c->fd, parts, count);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return errno;
    size_t left = sent < 0 ? 0 : (size_t)sent;
    int done = 0;
    while (done < count && left >= parts[done].iov_len) left -= parts[done++].iov_len;
    for (int i = 0; i < done; i++) {
      c->next_frame = c->next_frame + 1 == load->frame_count ? 0 : c->next_frame + 1;
      c->sent_of_frame = 0;
    }
    if (done < count) {
      c->sent_of_frame += left;
      // Slots of frames behind the one cut short are free again: they are taken anew when they go out.
      for (int i = done + 1; i < count; i++) {
        c->sent_at[(c->next_frame + (size_t)(i - done)) % load->frame_count % load->depth] = 0;
        c->in_flight--;
      }
      if (c->sent_of_frame == 0) {
        c->sent_at[c->next_frame % load->depth] = 0;
        c->in_flight--;
      }
      c->wants_write = true;
      return 0;
    }
  }
}

static void count_answer(run *r, connection *c, const uint8_t *header, uint32_t header_length, uint64_t frame_bytes) {
  uint32_t used = 0;
  uint64_t id = ctb_call_id(header, header_length, &used);
  if (id == 0 || id > r->load->depth || c->sent_at[id - 1] == 0) return;
  uint64_t sent_at = c->sent_at[id - 1];
  c->sent_at[id - 1] = 0;
  c->in_flight--;
  bool failed = used < header_length && header[used] == 0x12;
  if (failed && r->result->first_failure[0] == 0) {
    uint32_t n = header_length < 255 ? header_length : 255;
    r->result->first_failure[0] = (char)n;
    memcpy(r->result->first_failure + 1, header, n);
  }
  if (!r->is_counting) return;
  ctb_load_result *result = r->result;
  result->calls++;
  result->failures += failed;
  result->bytes_received += frame_bytes;
  if (result->latency_count < r->latency_capacity) {
    uint64_t ns = r->now - sent_at;
    r->latencies[result->latency_count++] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
  }
}

// Takes whole heads (length, header) out of the input; bodies are skipped as they come.
static int take_answers(run *r, connection *c) {
  size_t at = 0;
  while (at < c->input_length) {
    size_t rest = c->input_length - at;
    if (c->skip > 0) {
      size_t n = c->skip < rest ? (size_t)c->skip : rest;
      at += n;
      c->skip -= n;
      continue;
    }
    if (rest < 6) break;
    uint32_t length = ctb_get32(c->input + at), header = ctb_get16(c->input + at + 4);
    if (length < 2 || header > length - 2 || header > HEADER_ROOM) return EPROTO;
    if (rest < 6 + (size_t)header) break;
    count_answer(r, c, c->input + at + 6, header, 4 + (uint64_t)length);
    at += 6 + header;
    c->skip = length - 2 - header;
  }
  memmove(c->input, c->input + at, c->input_length - at);
  c->input_length -= at;
  return 0;
}

static int receive(run *r, connection *c) {
  for (;;) {
    ssize_t n = read(c->fd, c->input + c->input_length, INPUT_BYTES - c->input_length);
    if (n < 0) return errno == EAGAIN || errno == EINTR ? 0 : errno;
    if (n == 0) return ECONNRESET;
    c->input_length += (size_t)n;
    bool full = c->input_length == INPUT_BYTES;
    int error = take_answers(r, c);
    if (error) return error;
    if (!full) return 0;
  }
}

static double cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

static int serve_events(run *r, int epoll, connection *connections) {
  struct epoll_event events[64];
  int count = epoll_wait(epoll, events, 64, 100);
  if (count < 0) return errno == EINTR ? 0 : errno;
  r->now = ctb_now_ns();
  for (int i = 0; i < count; i++) {
    connection *c = &connections[events[i].data.u32];
    bool wanted_write = c->wants_write;
    int error = events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? receive(r, c) : 0;
    if (!error) error = send_frames(r, c);
    if (error) return error;
    if (c->wants_write != wanted_write) {
      struct epoll_event event = {.events = EPOLLIN | (c->wants_write ? EPOLLOUT : 0u), .data.u32 = events[i].data.u32};
      if (epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event) < 0) return errno;
    }
  }
  return 0;
}

static int run_loop(run *r, int epoll, connection *connections) {
  const ctb_load *load = r->load;
  uint64_t begin = ctb_now_ns(), counted_from = 0;
  double cpu = 0;
  for (;;) {
    uint64_t now = ctb_now_ns();
    if (!r->is_counting && (double)(now - begin) * 1e-9 >= load->warm_up_seconds) {
      r->is_counting = true;
      counted_from = now;
      cpu = cpu_seconds();
    }
    if (r->is_counting) {
      double seconds = (double)(now - counted_from) * 1e-9;
      if (seconds >= load->seconds || (load->max_calls && r->result->calls >= load->max_calls)) {
        r->result->seconds = seconds;
        r->result->cpu_seconds = cpu_seconds() - cpu;
        return 0;
      }
    }
    int error = serve_events(r, epoll, connections);
    if (error) return error;
  }
}

static int start(run *r, int epoll, connection *connections) {
  for (uint32_t i = 0; i < r->load->connections; i++) {
    connection *c = &connections[i];
    c->sent_at = calloc(r->load->depth, sizeof *c->sent_at);
    c->input = malloc(INPUT_BYTES);
    if (!c->sent_at || !c->input) return ENOMEM;
    c->fd = open_connection(r->load);
    if (c->fd < 0) return errno;
    r->now = ctb_now_ns();
    int error = send_frames(r, c);
    if (error) return error;
    struct epoll_event event = {.events = EPOLLIN | (c->wants_write ? EPOLLOUT : 0u), .data.u32 = i};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) < 0) return errno;
  }
  return 0;
}

int ctb_run_load(const ctb_load *load, uint32_t *latencies_ns, uint64_t latency_capacity, ctb_load_result *result) {
  memset(result, 0, sizeof *result);
  if (load->connections == 0 || load->depth == 0 || load->frame_count == 0 || load->frame_count % load->depth != 0)
    return EINVAL;
  connection *connections = calloc(load->connections, sizeof *connections);
  if (!connections) return ENOMEM;
  for (uint32_t i = 0; i < load->connections; i++) connections[i].fd = -1;
  run r = {.load = load, .result = result, .latencies = latencies_ns, .latency_capacity = latency_capacity};
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  int error = epoll < 0 ? errno : start(&r, epoll, connections);
  if (!error) error = run_loop(&r, epoll, connections);
  for (uint32_t i = 0; i < load->connections; i++) {
    if (connections[i].fd >= 0) close(connections[i].fd);
    free(connections[i].sent_at);
    free(connections[i].input);
  }
  if (epoll >= 0) close(epoll);
  free(connections);
  return error;
}
