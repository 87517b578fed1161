#define _GNU_SOURCE
#include "CTailraceBench.h"
#include "ctb_client.h"
#include "ctb_fields.h"
#include "ctb_io.h"
#include "ctb_pace.h"

#include "trw_crc32c.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { INPUT_BYTES = 4 << 20, OFFSET_BYTES = 9 };
enum { PRODUCER, CONSUMER, SIDES, TIMER = SIDES };

// Fields and places of proto/tailrace/v1 that are read here.
enum {
  RESPONSE_PARTITIONS = 1,
  PARTITION_ERROR = 4,
  PARTITION_BATCHES = 15,
  BATCH_BASE_OFFSET = 2,
  BATCH_LAST_OFFSET_DELTA = 4,
  BATCH_RECORDS = 17,
  SET_RECORDS = 1,
  RECORD_VALUE = 2,
};

typedef struct {
  int fd;
  uint8_t *input;
  size_t input_length;
} side;

typedef struct {
  const ctb_end_to_end *setup;
  ctb_load_result *result;
  uint64_t *latencies;
  uint64_t latency_capacity;
  ctb_pace pace;
  uint64_t counted_from, now;
  int epoll;
  side sides[SIDES];
  uint8_t **frames;      // by slot, each with a time of its own
  bool *is_busy;         // by slot
  uint64_t sent;         // records that went out whole
  size_t sent_of_frame;  // bytes of the next that did
  bool wants_write;
  uint8_t *fetch;
  uint64_t received;     // records, and so the next offset
} run;

static int watch(run *r, int operation, uint32_t which) {
  uint32_t output = which == PRODUCER && r->wants_write ? EPOLLOUT : 0u;
  struct epoll_event event = {.events = EPOLLIN | output, .data.u32 = which};
  int fd = which == TIMER ? r->pace.timer : r->sides[which].fd;
  return epoll_ctl(r->epoll, operation, fd, &event) < 0 ? errno : 0;
}

// Puts the time when it is due into a record, and its checksum right.
static void stamp(const ctb_end_to_end *setup, uint8_t *frame, size_t length, uint64_t due) {
  uint8_t *end = frame + length;
  memcpy(end - setup->value_bytes, &due, sizeof due);
  uint32_t crc = trw_crc32c(0, end - setup->records_bytes, setup->records_bytes);
  for (int i = 0; i < 4; i++) (end - setup->crc_bytes)[i] = (uint8_t)(crc >> (8 * i));
}

static int produce(run *r) {
  const ctb_end_to_end *setup = r->setup;
  bool is_blocked = false;
  while (!is_blocked && r->sent < r->pace.released) {
    size_t slot = r->sent % setup->depth, length = setup->produce[slot].length;
    if (r->sent_of_frame == 0) {
      if (r->is_busy[slot]) break;
      stamp(setup, r->frames[slot], length, ctb_pace_due(&r->pace, r->sent));
    }
    ssize_t n = write(r->sides[PRODUCER].fd, r->frames[slot] + r->sent_of_frame, length - r->sent_of_frame);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) return errno;
    if (n > 0) {
      r->is_busy[slot] = true;
      r->sent_of_frame += (size_t)n;
    }
    is_blocked = r->sent_of_frame < length;
    if (!is_blocked) {
      r->sent_of_frame = 0;
      r->sent++;
    }
  }
  if (is_blocked == r->wants_write) return 0;
  r->wants_write = is_blocked;
  return watch(r, EPOLL_CTL_MOD, PRODUCER);
}

// The one fetch in flight always fits into the socket's buffer.
static int fetch(run *r) {
  for (int i = 0; i < OFFSET_BYTES; i++) {
    uint8_t more = i + 1 < OFFSET_BYTES ? 0x80 : 0;
    r->fetch[r->setup->offset_at + (size_t)i] = (uint8_t)((r->received >> (7 * i)) & 0x7f) | more;
  }
  ssize_t n = write(r->sides[CONSUMER].fd, r->fetch, r->setup->fetch.length);
  if (n == (ssize_t)r->setup->fetch.length) return 0;
  return n < 0 ? errno : EIO;
}

static int take_value(run *r, ctb_span value) {
  uint64_t due;
  if ((size_t)(value.end - value.at) != r->setup->value_bytes) return EPROTO;
  memcpy(&due, value.at, sizeof due);
  if (due != ctb_pace_due(&r->pace, r->received) || due > r->now) return EPROTO;
  r->received++;
  if (due < r->counted_from) return 0;
  r->result->calls++;
  r->result->bytes_received += r->setup->value_bytes;
  ctb_note_latency(r->result, r->latencies, r->latency_capacity, r->now - due);
  return 0;
}

static int take_records(run *r, ctb_span set) {
  while (set.at < set.end) {
    ctb_field record, part;
    ctb_span value = {NULL, NULL};
    if (!ctb_take_field(&set, &record) || record.number != SET_RECORDS) return EPROTO;
    while (record.content.at < record.content.end) {
      if (!ctb_take_field(&record.content, &part)) return EPROTO;
      if (part.number == RECORD_VALUE) value = part.content;
    }
    int error = take_value(r, value);
    if (error) return error;
  }
  return 0;
}

// Offsets are those of the records sent, from 0: nobody else writes to the topic.
static int take_batch(run *r, ctb_span batch) {
  uint64_t first = r->received, base = 0;
  uint32_t last = 0;
  while (batch.at < batch.end) {
    ctb_field field;
    if (!ctb_take_field(&batch, &field)) return EPROTO;
    size_t width = (size_t)(field.content.end - field.content.at);
    if (field.number == BATCH_BASE_OFFSET && width == sizeof base) memcpy(&base, field.content.at, width);
    if (field.number == BATCH_LAST_OFFSET_DELTA && width == sizeof last) memcpy(&last, field.content.at, width);
    if (field.number == BATCH_RECORDS) {
      int error = take_records(r, field.content);
      if (error) return error;
    }
  }
  return base == first && r->received == base + last + 1 ? 0 : EPROTO;
}

static int take_response(run *r, ctb_span response) {
  while (response.at < response.end) {
    ctb_field partition, part;
    if (!ctb_take_field(&response, &partition)) return EPROTO;
    while (partition.number == RESPONSE_PARTITIONS && partition.content.at < partition.content.end) {
      if (!ctb_take_field(&partition.content, &part)) return EPROTO;
      if (part.number == PARTITION_ERROR) return EREMOTEIO;
      int error = part.number == PARTITION_BATCHES ? take_batch(r, part.content) : 0;
      if (error) return error;
    }
  }
  return 0;
}

static int take_frame(run *r, int which, const uint8_t *header, uint32_t header_length, ctb_span message) {
  uint32_t used = 0;
  uint64_t id = ctb_call_id(header, header_length, &used);
  r->result->failures += ctb_note_failure(r->result, header, header_length, used);
  if (r->result->failures > 0 || id == 0) return EREMOTEIO;
  if (which == PRODUCER) {
    if (id > r->setup->depth) return EPROTO;
    r->is_busy[id - 1] = false;
    return 0;
  }
  int error = take_response(r, message);
  return error ? error : fetch(r);
}

static int receive(run *r, int which) {
  side *s = &r->sides[which];
  ssize_t n = read(s->fd, s->input + s->input_length, INPUT_BYTES - s->input_length);
  if (n < 0) return errno == EAGAIN || errno == EINTR ? 0 : errno;
  if (n == 0) return ECONNRESET;
  r->now = ctb_now_ns();
  s->input_length += (size_t)n;
  size_t at = 0;
  while (s->input_length - at >= 6) {
    const uint8_t *frame = s->input + at;
    uint32_t length = ctb_get32(frame), header = ctb_get16(frame + 4);
    if (length < 2 || header > length - 2 || length > INPUT_BYTES - 4) return EPROTO;
    if (s->input_length - at < 4 + (size_t)length) break;
    int error = take_frame(r, which, frame + 6, header, (ctb_span){frame + 6 + header, frame + 4 + length});
    if (error) return error;
    at += 4 + (size_t)length;
  }
  memmove(s->input, s->input + at, s->input_length - at);
  s->input_length -= at;
  return 0;
}

static int turn(run *r) {
  struct epoll_event events[SIDES + 1];
  int count = epoll_wait(r->epoll, events, SIDES + 1, 100);
  if (count < 0) return errno == EINTR ? 0 : errno;
  r->now = ctb_now_ns();
  int error = ctb_pace_release(&r->pace, r->now);
  if (!error) error = produce(r);
  for (int i = 0; i < count && !error; i++) {
    uint32_t which = events[i].data.u32;
    if (which == TIMER || (events[i].events & ~(uint32_t)EPOLLOUT) == 0) continue;
    error = receive(r, (int)which);
    if (!error && which == PRODUCER) error = produce(r);
  }
  return error;
}

static int run_loop(run *r) {
  const ctb_end_to_end *setup = r->setup;
  double cpu = 0;
  bool is_counting = false;
  int error = ctb_pace_start(&r->pace, setup->rate, setup->warm_up_seconds + setup->seconds);
  if (!error) error = watch(r, EPOLL_CTL_ADD, TIMER);
  if (!error) error = fetch(r);
  r->counted_from = r->pace.begin + (uint64_t)(setup->warm_up_seconds * 1e9);
  uint64_t given_up = r->counted_from + (uint64_t)((setup->seconds + CTB_DRAIN_SECONDS) * 1e9);
  while (!error && r->received < r->pace.total) {
    if (!is_counting && ctb_now_ns() >= r->counted_from) {
      is_counting = true;
      cpu = ctb_cpu_seconds();
    }
    error = r->now > given_up ? ETIME : turn(r);
  }
  r->result->seconds = (double)(r->now - r->counted_from) * 1e-9;
  r->result->cpu_seconds = ctb_cpu_seconds() - cpu;
  return error;
}

static uint8_t *copy_of(const ctb_frame *frame) {
  uint8_t *copy = malloc(frame->length);
  if (copy) memcpy(copy, frame->data, frame->length);
  return copy;
}

static int start(run *r) {
  const ctb_end_to_end *setup = r->setup;
  r->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (r->epoll < 0) return errno;
  r->frames = calloc(setup->depth, sizeof *r->frames);
  r->is_busy = calloc(setup->depth, sizeof *r->is_busy);
  r->fetch = copy_of(&setup->fetch);
  if (!r->frames || !r->is_busy || !r->fetch) return ENOMEM;
  for (uint32_t i = 0; i < setup->depth; i++) {
    r->frames[i] = copy_of(&setup->produce[i]);
    if (!r->frames[i]) return ENOMEM;
  }
  for (int i = 0; i < SIDES; i++) {
    r->sides[i].input = malloc(INPUT_BYTES);
    if (!r->sides[i].input) return ENOMEM;
    r->sides[i].fd = ctb_connect(setup->address, setup->port);
    int error = r->sides[i].fd < 0 ? errno : watch(r, EPOLL_CTL_ADD, (uint32_t)i);
    if (error) return error;
  }
  return 0;
}

static bool makes_sense(const ctb_end_to_end *setup) {
  bool fits = setup->depth > 0 && setup->offset_at + OFFSET_BYTES <= setup->fetch.length && setup->value_bytes >= 8 &&
              setup->value_bytes <= setup->records_bytes && setup->records_bytes + 4 <= setup->crc_bytes;
  for (uint32_t i = 0; i < setup->depth; i++) fits = fits && setup->crc_bytes <= setup->produce[i].length;
  return fits && setup->rate > 0;
}

int ctb_run_end_to_end(const ctb_end_to_end *setup, uint64_t *latencies_ns, uint64_t latency_capacity,
                       ctb_load_result *result) {
  memset(result, 0, sizeof *result);
  if (!makes_sense(setup)) return EINVAL;
  run r = {.setup = setup, .result = result, .latencies = latencies_ns, .latency_capacity = latency_capacity};
  r.epoll = r.pace.timer = r.sides[PRODUCER].fd = r.sides[CONSUMER].fd = -1;
  int error = start(&r);
  if (!error) error = run_loop(&r);
  for (int i = 0; i < SIDES; i++) {
    if (r.sides[i].fd >= 0) close(r.sides[i].fd);
    free(r.sides[i].input);
  }
  for (uint32_t i = 0; r.frames && i < setup->depth; i++) free(r.frames[i]);
  free(r.frames);
  free(r.is_busy);
  free(r.fetch);
  ctb_pace_end(&r.pace);
  if (r.epoll >= 0) close(r.epoll);
  return error;
}
