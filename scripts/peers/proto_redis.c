// Redis Streams over RESP 2: a pipelined XADD for each record; XREAD from the last id on, blocking at the end.
#define _GNU_SOURCE
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { READ_RECORDS = 1000, MAX_BULK_BYTES = 32 << 20, MAX_LINE_BYTES = 512, ID_BYTES = 48, PING_TRIES = 30000 };

typedef struct {
  char last_id[ID_BYTES];   // of the last record that was read
} state;

typedef struct {
  const uint8_t *at, *end;
} cursor;

// Reads "<type><number>\r\n". Returns false where it is not whole yet.
static bool read_head(cursor *in, char type, int64_t *number) {
  const uint8_t *line = in->at, *end = memchr(line, '\n', (size_t)(in->end - line));
  if (!end) {
    if (in->end - line > MAX_LINE_BYTES) fail("redis: a line without an end");
    return false;
  }
  if (line[0] != type) fail("redis: %.*s", (int)(end - line), line);
  const uint8_t *at = line + 1;
  bool is_negative = *at == '-';
  if (is_negative) at++;
  int64_t value = 0;
  for (; *at >= '0' && *at <= '9'; at++) {
    value = value * 10 + *at - '0';
    if (value > MAX_BULK_BYTES) fail("redis: a length of more than %d", MAX_BULK_BYTES);
  }
  if (*at != '\r' || at + 1 != end) fail("redis: no number: %.*s", (int)(end - line), line);
  *number = is_negative ? -value : value;
  in->at = end + 1;
  return true;
}

static bool read_array(cursor *in, int64_t count) {
  int64_t got;
  if (!read_head(in, '*', &got)) return false;
  if (got != count) fail("redis: %lld elements in place of %lld", (long long)got, (long long)count);
  return true;
}

static bool read_bulk(cursor *in, const uint8_t **bytes, size_t *length) {
  int64_t count;
  if (!read_head(in, '$', &count)) return false;
  if (count < 0) fail("redis: nothing where there should be bytes");
  if (in->end - in->at < count + 2) return false;
  *bytes = in->at;
  *length = (size_t)count;
  in->at += count + 2;
  return true;
}

static cursor input(const connection *c) { return (cursor){buffer_head(&c->in), c->in.bytes + c->in.end}; }

static void take_to(connection *c, const uint8_t *at) { c->in.start = (size_t)(at - c->in.bytes); }

// While it loads its data, PING is answered with an error.
static void greet(connection *c) {
  c->state = calloc(1, sizeof(state));
  if (!c->state) fail("no memory");
  for (int i = 0; i < PING_TRIES; i++) {
    put_text(&c->out, "*1\r\n$4\r\nPING\r\n");
    send_all(c);
    while (!memchr(buffer_head(&c->in), '\n', buffer_length(&c->in))) receive_some(c);
    bool is_ready = *buffer_head(&c->in) == '+';
    c->in.start = c->in.end;
    if (is_ready) return;
    usleep(1000);
  }
  fail("redis: not ready");
}

// XADD creates the stream.
static void create(connection *c) { (void)c; }

static void encode(connection *c, uint32_t count, const uint64_t *due) {
  char head[192];
  int length = snprintf(head, sizeof head, "*5\r\n$4\r\nXADD\r\n$%zu\r\n%s\r\n$1\r\n*\r\n$1\r\nd\r\n$%u\r\n",
                        strlen(settings.stream), settings.stream, settings.size);
  put_framed(c, head, (size_t)length, count, due);
}

static uint64_t take_acks(connection *c) {
  cursor in = input(c);
  const uint8_t *id;
  size_t length;
  uint64_t count = 0;
  for (; read_bulk(&in, &id, &length); count++) take_to(c, in.at);
  return count;
}

static void read_on(connection *c) {
  const char *id = ((state *)c->state)->last_id;
  put_format(&c->out,
             "*8\r\n$5\r\nXREAD\r\n$5\r\nBLOCK\r\n$1\r\n0\r\n$5\r\nCOUNT\r\n$4\r\n%d\r\n$7\r\nSTREAMS\r\n"
             "$%zu\r\n%s\r\n$%zu\r\n%s\r\n",
             READ_RECORDS, strlen(settings.stream), settings.stream, strlen(id), id);
}

static void subscribe(connection *c) {
  strcpy(((state *)c->state)->last_id, "0-0");
  read_on(c);
}

// One entry: [id, [field, value]].
static bool read_entry(cursor *in, const uint8_t **id, size_t *id_length, const uint8_t **value, size_t *length) {
  const uint8_t *field;
  size_t field_length;
  return read_array(in, 2) && read_bulk(in, id, id_length) && read_array(in, 2) &&
         read_bulk(in, &field, &field_length) && read_bulk(in, value, length);
}

// The head of an answer: [[stream, [entries]]]; says how many entries follow.
static bool read_answer(cursor *in, int64_t *entries) {
  const uint8_t *stream;
  size_t length;
  return read_array(in, 1) && read_array(in, 2) && read_bulk(in, &stream, &length) && read_head(in, '*', entries);
}

// Whether a whole answer is there; keeps the id of its last entry.
static bool is_whole(connection *c) {
  cursor in = input(c);
  const uint8_t *id = NULL, *value;
  size_t id_length = 0, length;
  int64_t entries;
  if (!read_answer(&in, &entries)) return false;
  for (int64_t i = 0; i < entries; i++)
    if (!read_entry(&in, &id, &id_length, &value, &length)) return false;
  if (!id || id_length >= ID_BYTES) fail("redis: an answer without entries, or an id of %zu bytes", id_length);
  char *last_id = ((state *)c->state)->last_id;
  memcpy(last_id, id, id_length);
  last_id[id_length] = 0;
  return true;
}

// Asks for what comes next before it hands over what is there, so that the server is at work meanwhile.
static void deliver(connection *c) {
  while (buffer_length(&c->in) > 0 && is_whole(c)) {
    read_on(c);
    flush_output(c);
    cursor in = input(c);
    const uint8_t *id, *value;
    size_t id_length, length;
    int64_t entries = 0;
    read_answer(&in, &entries);
    for (int64_t i = 0; i < entries && read_entry(&in, &id, &id_length, &value, &length); i++)
      take_record(value, length);
    take_to(c, in.at);
  }
}

const protocol redis_protocol = {"redis", greet, create, encode, take_acks, subscribe, deliver};
