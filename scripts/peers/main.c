// bench-client --protocol NAME --port PORT --mode MODE [options]: drives one server on 127.0.0.1, prints a line of JSON.
// Started by scripts/bench-peers; see README.md.
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

client_settings settings = {
  .stream = "bench", .size = 1024, .batch = 64, .window = 1024, .connections = 1, .seconds = 4, .rate = 5000,
  .max_records = UINT64_MAX};

static const protocol *const protocols[] = {&nats_protocol, &redis_protocol, &tailrace_protocol};

static const struct {
  const char *name;
  void (*run)(void);
} modes[] = {
  {"produce", run_produce}, {"one-in-flight", run_one_in_flight}, {"consume", run_consume},
  {"end-to-end", run_end_to_end}, {"first", run_first},
};

_Noreturn static void fail_usage(const char *what, const char *value) {
  fprintf(stderr, "bench-client: %s: %s\n", what, value);
  exit(2);
}

static uint64_t integer(const char *name, const char *text, uint64_t lowest, uint64_t highest) {
  char *end;
  errno = 0;
  unsigned long long value = strtoull(text, &end, 10);
  if (errno || end == text || *end || *text == '-' || value < lowest || value > highest) fail_usage(name, text);
  return value;
}

static double positive(const char *name, const char *text, double highest) {
  char *end;
  double value = strtod(text, &end);
  if (end == text || *end || !(value > 0 && value <= highest)) fail_usage(name, text);
  return value;
}

static const protocol *named_protocol(const char *name) {
  for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
    if (!strcmp(protocols[i]->name, name)) return protocols[i];
  fail_usage("--protocol", name);
}

static void set_option(const char *name, const char *value) {
  if (!strcmp(name, "--protocol")) settings.protocol = named_protocol(value);
  else if (!strcmp(name, "--port")) settings.port = (uint16_t)integer(name, value, 1, 65535);
  else if (!strcmp(name, "--stream") && strlen(value) <= 32) settings.stream = value;
  else if (!strcmp(name, "--durable")) settings.is_durable = integer(name, value, 0, 1);
  else if (!strcmp(name, "--size")) settings.size = (uint32_t)integer(name, value, 8, 1 << 20);
  else if (!strcmp(name, "--batch")) settings.batch = (uint32_t)integer(name, value, 1, 4096);
  else if (!strcmp(name, "--window")) settings.window = (uint32_t)integer(name, value, 1, 1 << 20);
  else if (!strcmp(name, "--connections")) settings.connections = (uint32_t)integer(name, value, 1, 1024);
  else if (!strcmp(name, "--seconds")) settings.seconds = positive(name, value, 3600);
  else if (!strcmp(name, "--rate")) settings.rate = positive(name, value, 1e6);
  else if (!strcmp(name, "--records")) settings.max_records = integer(name, value, 1, UINT64_MAX);
  else fail_usage("not an option with such a value", name);
}

// Bytes that do not compress.
static void fill_payload(void) {
  settings.payload = malloc(settings.size);
  if (!settings.payload) fail("no memory");
  uint64_t x = 88172645463325252u;
  for (uint32_t i = 0; i < settings.size; i++) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    settings.payload[i] = (uint8_t)x;
  }
}

int main(int count, char **arguments) {
  const char *mode = "";
  for (int i = 1; i < count; i += 2) {
    if (i + 1 == count) fail_usage("no value", arguments[i]);
    if (!strcmp(arguments[i], "--mode")) mode = arguments[i + 1];
    else set_option(arguments[i], arguments[i + 1]);
  }
  if (!settings.protocol || !settings.port) fail_usage("missing", "--protocol or --port");
  if (settings.window < settings.batch) fail_usage("--window", "smaller than --batch");
  fill_payload();
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
    if (strcmp(modes[i].name, mode)) continue;
    modes[i].run();
    return 0;
  }
  fail_usage("--mode", mode);
}
