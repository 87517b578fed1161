#define _GNU_SOURCE
#include "CTailraceBench.h"
#include "ctb_client.h"
#include "ctb_io.h"
#include "ctb_pace.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

enum { INPUT_BYTES = 1 << 20, MAX_IOV = 256, HEADER_ROOM = 1024 };
#define TIMER UINT32_MAX

typedef struct {
  int fd;
  uint32_t index;
  uint64_t issued;           // calls that went out, or of which a part did
  size_t next_frame;         // the next one to send
  size_t sent_of_frame;      // bytes of it that went out already
  uint32_t in_flight;
  uint64_t *sent_at;         // by slot: when it was sent, in an open loop when it was due; 0 = free
  uint8_t *input;            // heads of frames; bodies are skipped
  size_t input_length;
  uint64_t skip;             // bytes of a body still to come
  bool wants_write;
} connection;

typedef struct {
  const ctb_load *load;
  ctb_load_result *result;
  uint64_t *latencies;
  uint64_t latency_capacity;
  bool is_open;
  bool is_counting;
  uint64_t now;
  ctb_pace pace;             // of an open loop, as what follows
  uint64_t counted_from;     // calls are counted that were due from here on
  uint64_t answered;         // of all
} run;

// When the next call of a connection goes out, or, in an open loop, was due. 0: not yet.
static uint64_t next_send(const run *r, const connection *c, uint64_t issued) {
  if (!r->is_open) return r->now;
  // Calls go to the connections in turn, so that each has a fixed schedule of its own.
  uint64_t call = issued * r->load->connections + c->index;
  return call < r->pace.released ? ctb_pace_due(&r->pace, call) : 0;
}

// Sends as many frames as there are free slots, in order, gathered into few system calls.
static int send_frames(run *r, connection *c) {
  const ctb_load *load = r->load;
  for (;;) {
    struct iovec parts[MAX_IOV];
    int count = 0;
    size_t frame = c->next_frame, offset = c->sent_of_frame;
    uint32_t in_flight = c->in_flight;
    uint64_t issued = c->issued;
    while (count < MAX_IOV) {
      uint64_t *slot = &c->sent_at[frame % load->depth];
      if (offset == 0) {
        uint64_t sent_at = next_send(r, c, issued);
        if (in_flight == load->depth || *slot != 0 || sent_at == 0) break;
        *slot = sent_at;
        in_flight++;
        issued++;
      }
      parts[count].iov_base = (void *)(uintptr_t)(load->frames[frame].data + offset);
      parts[count].iov_len = load->frames[frame].length - offset;
      count++;
      offset = 0;
      frame = frame + 1 == load->frame_count ? 0 : frame + 1;
    }
    c->in_flight = in_flight;
    c->issued = issued;
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
        c->issued--;
      }
      if (c->sent_of_frame == 0) {
        c->sent_at[c->next_frame % load->depth] = 0;
        c->in_flight--;
        c->issued--;
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
  bool failed = ctb_note_failure(r->result, header, header_length, used);
  r->answered++;
  if (r->is_open ? sent_at < r->counted_from : !r->is_counting) return;
  r->result->calls++;
  r->result->failures += failed;
  r->result->bytes_received += frame_bytes;
  ctb_note_latency(r->result, r->latencies, r->latency_capacity, r->now - sent_at);
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
    r->now = ctb_now_ns();
    bool full = c->input_length == INPUT_BYTES;
    int error = take_answers(r, c);
    if (error) return error;
    if (!full) return 0;
  }
}

static int watch(int epoll, int operation, const connection *c) {
  struct epoll_event event = {.events = EPOLLIN | (c->wants_write ? EPOLLOUT : 0u), .data.u32 = c->index};
  return epoll_ctl(epoll, operation, c->fd, &event) < 0 ? errno : 0;
}

static int send_and_watch(run *r, int epoll, connection *c) {
  bool wanted_write = c->wants_write;
  int error = send_frames(r, c);
  if (!error && c->wants_write != wanted_write) error = watch(epoll, EPOLL_CTL_MOD, c);
  return error;
}

static int serve_events(run *r, int epoll, connection *connections) {
  struct epoll_event events[64];
  int count = epoll_wait(epoll, events, 64, 100);
  if (count < 0) return errno == EINTR ? 0 : errno;
  r->now = ctb_now_ns();
  for (int i = 0; i < count; i++) {
    if (events[i].data.u32 == TIMER) continue;
    connection *c = &connections[events[i].data.u32];
    int error = events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? receive(r, c) : 0;
    if (!error) error = send_and_watch(r, epoll, c);
    if (error) return error;
  }
  return 0;
}

static int run_closed_loop(run *r, int epoll, connection *connections) {
  const ctb_load *load = r->load;
  uint64_t begin = ctb_now_ns();
  double cpu = 0;
  for (;;) {
    uint64_t now = ctb_now_ns();
    if (!r->is_counting && (double)(now - begin) * 1e-9 >= load->warm_up_seconds) {
      r->is_counting = true;
      r->counted_from = now;
      cpu = ctb_cpu_seconds();
    }
    if (r->is_counting) {
      double seconds = (double)(now - r->counted_from) * 1e-9;
      if (seconds >= load->seconds || (load->max_calls && r->result->calls >= load->max_calls)) {
        r->result->seconds = seconds;
        r->result->cpu_seconds = ctb_cpu_seconds() - cpu;
        return 0;
      }
    }
    int error = serve_events(r, epoll, connections);
    if (error) return error;
  }
}

// Sends what became due, on the connections whose turn it was.
static int release(run *r, int epoll, connection *connections) {
  uint64_t before = r->pace.released;
  r->now = ctb_now_ns();
  int error = ctb_pace_release(&r->pace, r->now);
  for (uint64_t call = before; !error && call < r->pace.released && call - before < r->load->connections; call++)
    error = send_and_watch(r, epoll, &connections[call % r->load->connections]);
  return error;
}

// Until every call that was due is answered: what came late counts in full.
static int run_open_loop(run *r, int epoll, connection *connections) {
  const ctb_load *load = r->load;
  int error = ctb_pace_start(&r->pace, load->rate, load->warm_up_seconds + load->seconds);
  if (error) return error;
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = TIMER};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, r->pace.timer, &event) < 0) return errno;
  r->counted_from = r->pace.begin + (uint64_t)(load->warm_up_seconds * 1e9);
  uint64_t given_up = r->counted_from + (uint64_t)((load->seconds + CTB_DRAIN_SECONDS) * 1e9);
  double cpu = ctb_cpu_seconds();
  for (uint32_t i = 0; i < load->connections && !error; i++) error = send_and_watch(r, epoll, &connections[i]);
  while (!error && r->answered < r->pace.total) {
    if (!r->is_counting && r->now >= r->counted_from) {
      r->is_counting = true;
      cpu = ctb_cpu_seconds();
    }
    if (r->now > given_up) return ETIME;
    error = serve_events(r, epoll, connections);
    if (!error) error = release(r, epoll, connections);
  }
  r->result->seconds = (double)(r->now - r->counted_from) * 1e-9;
  r->result->cpu_seconds = ctb_cpu_seconds() - cpu;
  return error;
}

static int start(run *r, int epoll, connection *connections) {
  for (uint32_t i = 0; i < r->load->connections; i++) {
    connection *c = &connections[i];
    c->index = i;
    c->sent_at = calloc(r->load->depth, sizeof *c->sent_at);
    c->input = malloc(INPUT_BYTES);
    if (!c->sent_at || !c->input) return ENOMEM;
    c->fd = ctb_connect(r->load->address, r->load->port);
    if (c->fd < 0) return errno;
    r->now = ctb_now_ns();
    int error = send_frames(r, c);
    if (!error) error = watch(epoll, EPOLL_CTL_ADD, c);
    if (error) return error;
  }
  return 0;
}

int ctb_run_load(const ctb_load *load, uint64_t *latencies_ns, uint64_t latency_capacity, ctb_load_result *result) {
  memset(result, 0, sizeof *result);
  if (load->connections == 0 || load->depth == 0 || load->frame_count == 0 || load->frame_count % load->depth != 0)
    return EINVAL;
  connection *connections = calloc(load->connections, sizeof *connections);
  if (!connections) return ENOMEM;
  for (uint32_t i = 0; i < load->connections; i++) connections[i].fd = -1;
  run r = {.load = load, .result = result, .latencies = latencies_ns, .latency_capacity = latency_capacity};
  r.is_open = load->rate > 0;
  r.pace.timer = -1;
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  int error = epoll < 0 ? errno : start(&r, epoll, connections);
  if (!error) error = r.is_open ? run_open_loop(&r, epoll, connections) : run_closed_loop(&r, epoll, connections);
  for (uint32_t i = 0; i < load->connections; i++) {
    if (connections[i].fd >= 0) close(connections[i].fd);
    free(connections[i].sent_at);
    free(connections[i].input);
  }
  ctb_pace_end(&r.pace);
  if (epoll >= 0) close(epoll);
  free(connections);
  return error;
}
