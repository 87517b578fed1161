#define _GNU_SOURCE
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { MAX_EVENTS = 128, FLUSH_BYTES = 256 << 10, MAX_DUE = 1024, CHECK_EVERY = 256 };

static const uint64_t second = 1000000000, patience = 30 * 1000000000ull;

// What the consumer got. `counts_from`: records that were due before are not measured; end to end only.
static struct {
  uint64_t records;
  uint64_t counts_from;
  bool is_timed;
} taken;

void take_record(const uint8_t *payload, size_t length) {
  if (length != settings.size) fail("a record of %zu bytes came, in place of %u", length, settings.size);
  if (taken.is_timed) {
    uint64_t due;
    memcpy(&due, payload, sizeof due);
    if (due >= taken.counts_from) add_latency(now_ns() - due);
  } else if (taken.records % CHECK_EVERY == 0 && memcmp(payload, settings.payload, length)) {
    fail("record %llu is not what was sent", (unsigned long long)taken.records);
  }
  taken.records++;
}

static int open_epoll(void) {
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) fail("epoll: %s", strerror(errno));
  return epoll;
}

static int wait_events(int epoll, struct epoll_event *events, uint64_t nanoseconds) {
  struct timespec wait = {(time_t)(nanoseconds / second), (long)(nanoseconds % second)};
  int count = epoll_pwait2(epoll, events, MAX_EVENTS, &wait, NULL);
  if (count < 0 && errno != EINTR) fail("epoll: %s", strerror(errno));
  return count < 0 ? 0 : count;
}

static void create_stream(void) {
  connection *c = open_connection(settings.connections);
  settings.protocol->create(c);
  close_connection(c);
}

static connection **open_producers(int epoll) {
  connection **producers = calloc(settings.connections, sizeof *producers);
  if (!producers) fail("no memory");
  for (uint32_t i = 0; i < settings.connections; i++) {
    producers[i] = open_connection(i);
    start_events(producers[i], epoll);
  }
  return producers;
}

// The sending side of a run.
typedef struct {
  uint64_t begin, end;   // of sending
  uint64_t sent, acked;  // records, of all connections
  bool is_live;          // still sending
} sending;

static sending begin_sending(void) {
  uint64_t now = now_ns();
  return (sending){.begin = now, .end = now + (uint64_t)(settings.seconds * (double)second), .is_live = true};
}

static void encode(sending *s, connection *c, uint32_t count) {
  settings.protocol->encode(c, count, NULL);
  c->sent += count;
  s->sent += count;
  s->is_live = s->sent < settings.max_records && now_ns() < s->end;
}

static uint64_t receive_acks(sending *s, connection *c) {
  receive_some(c);
  uint64_t count = settings.protocol->take_acks(c);
  if (count > c->sent - c->acked) fail("more was acknowledged than was sent");
  c->acked += count;
  s->acked += count;
  return count;
}

static bool is_done(const sending *s) {
  if (s->is_live) return false;
  if (s->acked < s->sent && now_ns() > s->end + patience) fail("acknowledgements did not arrive");
  return s->acked == s->sent;
}

static double seconds_since(uint64_t begin) { return (double)(now_ns() - begin) * 1e-9; }

// Sends as much as the window allows and the socket takes.
static void fill_window(sending *s, connection *c) {
  while (s->is_live && c->sent - c->acked + settings.batch <= settings.window) {
    encode(s, c, settings.batch);
    if (buffer_length(&c->out) < FLUSH_BYTES) continue;
    flush_output(c);
    if (c->wants_write) return;
  }
  flush_output(c);
}

// Sends on all connections until the time is over and everything is acknowledged. `start` begins on a connection, `serve`
// deals with what epoll says of it.
static void run_sending(
    const char *name, void (*start)(sending *, connection *), void (*serve)(sending *, connection *, uint32_t)) {
  int epoll = open_epoll();
  create_stream();
  connection **producers = open_producers(epoll);
  sending s = begin_sending();
  for (uint32_t i = 0; i < settings.connections; i++) start(&s, producers[i]);
  while (!is_done(&s)) {
    struct epoll_event events[MAX_EVENTS];
    int count = wait_events(epoll, events, second / 10);
    if (now_ns() >= s.end) s.is_live = false;
    for (int i = 0; i < count; i++) serve(&s, events[i].data.ptr, events[i].events);
  }
  report(name, s.acked, seconds_since(s.begin));
}

static void serve_window(sending *s, connection *c, uint32_t events) {
  if (events & ~(uint32_t)EPOLLOUT) receive_acks(s, c);
  fill_window(s, c);
}

void run_produce(void) { run_sending("produce", fill_window, serve_window); }

static void send_one(sending *s, connection *c) {
  c->sent_at = now_ns();
  encode(s, c, 1);
  flush_output(c);
}

static void serve_one(sending *s, connection *c, uint32_t events) {
  (void)events;
  if (!receive_acks(s, c)) return;
  add_latency(now_ns() - c->sent_at);
  if (s->is_live) send_one(s, c);
}

void run_one_in_flight(void) { run_sending("one-in-flight", send_one, serve_one); }

static connection *open_consumer(int epoll) {
  connection *c = open_connection(0);
  settings.protocol->subscribe(c);
  start_events(c, epoll);
  flush_output(c);
  return c;
}

static void receive_records(connection *c) {
  receive_some(c);
  settings.protocol->deliver(c);
  flush_output(c);
}

// Reads as many records as were acknowledged, and then for a moment more: there must be no other.
void run_consume(void) {
  int epoll = open_epoll();
  uint64_t begin = now_ns(), last = begin;
  connection *c = open_consumer(epoll);
  struct epoll_event events[MAX_EVENTS];
  while (taken.records < settings.max_records) {
    if (wait_events(epoll, events, second)) {
      receive_records(c);
      last = now_ns();
    }
    if (now_ns() > last + patience) fail("no more than %llu records came", (unsigned long long)taken.records);
  }
  double seconds = seconds_since(begin);
  for (uint64_t end = now_ns() + second / 10, now; (now = now_ns()) < end;)
    if (wait_events(epoll, events, end - now)) receive_records(c);
  if (taken.records > settings.max_records)
    fail("%llu records came, and %llu were acknowledged", (unsigned long long)taken.records,
         (unsigned long long)settings.max_records);
  report("consume", taken.records, seconds);
}

// An open loop: record i is due at begin + i / rate and says so, and its latency counts from then. A stall of sender or
// server thus counts against every record that was due meanwhile.
typedef struct {
  uint64_t begin, total, sent;
  double gap;   // nanoseconds
} schedule;

static uint64_t due_time(const schedule *s, uint64_t record) {
  return s->begin + (uint64_t)((double)record * s->gap);
}

static void send_due(schedule *s, connection *producer) {
  uint64_t due[MAX_DUE], now = now_ns();
  uint32_t count = 0;
  while (count < MAX_DUE && s->sent < s->total && due_time(s, s->sent) <= now) due[count++] = due_time(s, s->sent++);
  if (count == 0) return;
  settings.protocol->encode(producer, count, due);
  producer->sent += count;
  flush_output(producer);
}

static uint64_t until_due(const schedule *s) {
  uint64_t now = now_ns(), due = due_time(s, s->sent);
  if (s->sent == s->total) return second / 10;
  return due > now ? due - now : 0;
}

// The first second is a warm-up, in which nothing is measured.
void run_end_to_end(void) {
  prctl(PR_SET_TIMERSLACK, 1);
  int epoll = open_epoll();
  create_stream();
  connection *producer = open_connection(1), *consumer = open_consumer(epoll);
  start_events(producer, epoll);
  schedule s = {.begin = now_ns() + second / 5, .gap = (double)second / settings.rate};
  s.total = (uint64_t)((settings.seconds + 1) * settings.rate);
  taken.is_timed = true;
  taken.counts_from = s.begin + second;
  while (taken.records < s.total || producer->acked < s.total) {
    struct epoll_event events[MAX_EVENTS];
    send_due(&s, producer);
    int count = wait_events(epoll, events, until_due(&s));
    for (int i = 0; i < count; i++) {
      connection *c = events[i].data.ptr;
      if (c == consumer) {
        receive_records(c);
        continue;
      }
      receive_some(c);
      c->acked += settings.protocol->take_acks(c);
      flush_output(c);
    }
    if (s.sent == s.total && now_ns() > due_time(&s, s.total) + patience)
      fail("%llu of %llu records came", (unsigned long long)taken.records, (unsigned long long)s.total);
  }
  report("end-to-end", s.total - (uint64_t)settings.rate, seconds_since(taken.counts_from));
}

// Waits for the server to come up, and prints the time (CLOCK_MONOTONIC) at which it had acknowledged one record.
void run_first(void) {
  uint64_t end = now_ns() + patience;
  int fd;
  while ((fd = dial()) < 0) {
    if (now_ns() > end) fail("the server did not come up: %s", strerror(errno));
    usleep(500);
  }
  close(fd);
  create_stream();
  connection *c = open_connection(0);
  settings.protocol->encode(c, 1, NULL);
  send_all(c);
  while (!settings.protocol->take_acks(c)) receive_some(c);
  printf("{\"monotonic_ns\": %llu}\n", (unsigned long long)now_ns());
}
