#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static uint64_t *latencies;
static size_t latency_count, latency_capacity;

void add_latency(uint64_t nanoseconds) {
  if (latency_count == latency_capacity) {
    latency_capacity = latency_capacity ? latency_capacity * 2 : 1 << 16;
    latencies = realloc(latencies, latency_capacity * sizeof *latencies);
    if (!latencies) fail("no memory");
  }
  latencies[latency_count++] = nanoseconds;
}

static int compare(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

// Microseconds that the share `q` of the latencies, which are sorted, does not exceed.
static double percentile(double q) {
  return (double)latencies[(size_t)(q * (double)(latency_count - 1) + 0.5)] * 1e-3;
}

static double cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

void report(const char *mode, uint64_t records, double seconds) {
  double cpu = cpu_seconds(), per_second = (double)records / seconds;
  printf("{\"protocol\": \"%s\", \"mode\": \"%s\", \"records\": %llu, \"seconds\": %.4f, \"per_second\": %.1f, ",
         settings.protocol->name, mode, (unsigned long long)records, seconds, per_second);
  printf("\"mb_per_second\": %.2f, \"client_cpu_s\": %.3f", per_second * settings.size * 1e-6, cpu);
  if (latency_count > 0) {
    qsort(latencies, latency_count, sizeof *latencies, compare);
    printf(", \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f", percentile(0.5),
           percentile(0.99), percentile(0.999), percentile(1));
  }
  printf("}\n");
}
