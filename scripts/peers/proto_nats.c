// NATS JetStream over its text protocol: a PUB with a reply subject for each record, an answer for each; an ephemeral
// pull consumer without acknowledgements, two overlapping requests.
#define _GNU_SOURCE
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PULL_RECORDS = 5000, MAX_MESSAGE_BYTES = 32 << 20, CREATE_TRIES = 5000 };

static const uint64_t expires_ns = 60000000000;

typedef struct {
  uint32_t pulled;   // records asked for and not delivered yet
} state;

typedef enum { NOT_WHOLE, MESSAGE, PONG, OTHER } line_kind;

typedef struct {
  const uint8_t *body;
  size_t length;
  uint32_t status;   // of a message that is only a status; 0 = it is none
} message;

static bool begins_with(const uint8_t *line, size_t length, const char *word) {
  return length >= strlen(word) && !memcmp(line, word, strlen(word));
}

// Takes a decimal number off the end of a line, and the spaces before it.
static size_t last_number(const uint8_t *line, size_t *length) {
  size_t value = 0, unit = 1;
  while (*length > 0 && line[*length - 1] >= '0' && line[*length - 1] <= '9') {
    value += (size_t)(line[--*length] - '0') * unit;
    if (value > MAX_MESSAGE_BYTES) fail("nats: a message of more than %d bytes", MAX_MESSAGE_BYTES);
    unit *= 10;
  }
  while (*length > 0 && line[*length - 1] == ' ') --*length;
  return value;
}

// "NATS/1.0 404 No Messages" in front of a message's headers is a status.
static uint32_t status_of(const uint8_t *headers, size_t length) {
  size_t at = strlen("NATS/1.0 ");
  if (length < at + 3) return 0;
  uint32_t status = 0;
  for (size_t end = at + 3; at < end; at++) {
    if (headers[at] < '0' || headers[at] > '9') return 0;
    status = status * 10 + headers[at] - '0';
  }
  return status;
}

// Takes the next line off c->in, with the message that belongs to it if there is one.
static line_kind next_line(connection *c, message *m) {
  const uint8_t *line = buffer_head(&c->in), *end = memchr(line, '\n', buffer_length(&c->in));
  if (!end) return NOT_WHOLE;
  size_t taken = (size_t)(end + 1 - line), length = taken - 1;
  while (length > 0 && line[length - 1] == '\r') length--;
  if (begins_with(line, length, "-ERR")) fail("nats: %.*s", (int)length, line);
  bool has_headers = begins_with(line, length, "HMSG "), is_message = has_headers || begins_with(line, length, "MSG ");
  line_kind kind = is_message ? MESSAGE : begins_with(line, length, "PONG") ? PONG : OTHER;
  if (is_message) {
    size_t total = last_number(line, &length), headers = has_headers ? last_number(line, &length) : 0;
    if (headers > total) fail("nats: headers longer than their message");
    if (buffer_length(&c->in) < taken + total + 2) return NOT_WHOLE;
    *m = (message){line + taken + headers, total - headers, status_of(line + taken, headers)};
    taken += total + 2;
  }
  if (begins_with(line, length, "PING")) put_text(&c->out, "PONG\r\n");
  c->in.start += taken;
  return kind;
}

static bool next_message(connection *c, message *m) {
  line_kind kind;
  while ((kind = next_line(c, m)) != NOT_WHOLE)
    if (kind == MESSAGE) return true;
  return false;
}

static void greet(connection *c) {
  c->state = calloc(1, sizeof(state));
  if (!c->state) fail("no memory");
  put_text(&c->out, "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true,"
                    "\"lang\":\"c\",\"version\":\"1\",\"protocol\":1,\"name\":\"bench\"}\r\n");
  put_format(&c->out, "SUB _INBOX.b%d.%u 1\r\nPING\r\n", getpid(), c->number);
  send_all(c);
  message m;
  for (line_kind kind; (kind = next_line(c, &m)) != PONG;)
    if (kind == NOT_WHOLE) receive_some(c);
}

// Makes a call of JetStream's API. Returns whether it succeeded; the answer is in `m` until the next one is read.
static bool call(connection *c, const char *subject, const char *request, message *m) {
  put_format(&c->out, "PUB %s _INBOX.b%d.%u %zu\r\n", subject, getpid(), c->number, strlen(request));
  put_text(&c->out, request);
  put_text(&c->out, "\r\n");
  send_all(c);
  while (!next_message(c, m)) receive_some(c);
  return !m->status && !memmem(m->body, m->length, "\"error\"", 7);
}

// JetStream comes up a little later than the server does.
static void create(connection *c) {
  char subject[128], request[512];
  message m = {0};
  snprintf(subject, sizeof subject, "$JS.API.STREAM.CREATE.%s", settings.stream);
  snprintf(request, sizeof request,
           "{\"name\":\"%s\",\"subjects\":[\"%s\"],\"storage\":\"file\",\"retention\":\"limits\",\"discard\":\"old\","
           "\"num_replicas\":1,\"max_msgs\":-1,\"max_bytes\":-1,\"max_age\":0}",
           settings.stream, settings.stream);
  for (int i = 0; i < CREATE_TRIES; i++) {
    if (call(c, subject, request, &m)) return;
    usleep(1000);
  }
  fail("nats: no stream: %u %.*s", m.status, (int)m.length, m.body);
}

static void encode(connection *c, uint32_t count, const uint64_t *due) {
  char head[128];
  int length = snprintf(head, sizeof head, "PUB %s _INBOX.b%d.%u %u\r\n", settings.stream, getpid(), c->number,
                        settings.size);
  put_framed(c, head, (size_t)length, count, due);
}

static uint64_t take_acks(connection *c) {
  message m;
  uint64_t count = 0;
  for (; next_message(c, &m); count++)
    if (m.status || memmem(m.body, m.length, "\"error\"", 7))
      fail("nats: not stored: %u %.*s", m.status, (int)m.length, m.body);
  return count;
}

static void pull(connection *c) {
  char request[64];
  int length = snprintf(request, sizeof request, "{\"batch\":%d,\"expires\":%llu}", PULL_RECORDS,
                        (unsigned long long)expires_ns);
  put_format(&c->out, "PUB $JS.API.CONSUMER.MSG.NEXT.%s.c%d _INBOX.b%d.%u %d\r\n%s\r\n", settings.stream, getpid(),
             getpid(), c->number, length, request);
  ((state *)c->state)->pulled += PULL_RECORDS;
}

static void subscribe(connection *c) {
  char subject[128], request[512];
  message m;
  snprintf(subject, sizeof subject, "$JS.API.CONSUMER.CREATE.%s.c%d", settings.stream, getpid());
  snprintf(request, sizeof request,
           "{\"stream_name\":\"%s\",\"config\":{\"name\":\"c%d\",\"ack_policy\":\"none\",\"deliver_policy\":\"all\","
           "\"replay_policy\":\"instant\",\"max_deliver\":1,\"mem_storage\":true,\"num_replicas\":1,"
           "\"inactive_threshold\":%llu}}",
           settings.stream, getpid(), (unsigned long long)expires_ns);
  if (!call(c, subject, request, &m)) fail("nats: no consumer: %u %.*s", m.status, (int)m.length, m.body);
  pull(c);
  pull(c);
}

static void deliver(connection *c) {
  enum { NO_MESSAGES = 404, TIMED_OUT = 408, PULL_ENDED = 409 };
  state *s = c->state;
  message m;
  while (next_message(c, &m)) {
    if (m.status == PULL_ENDED) fail("nats: pull: %u %.*s", m.status, (int)m.length, m.body);
    if (m.status == NO_MESSAGES || m.status == TIMED_OUT) continue;
    take_record(m.body, m.length);
    if (--s->pulled <= PULL_RECORDS) pull(c);
  }
}

const protocol nats_protocol = {"nats", greet, create, encode, take_acks, subscribe, deliver};
