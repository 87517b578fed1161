// What those have in common who call a broker.
#ifndef CTB_CLIENT_H
#define CTB_CLIENT_H

#include "CTailraceBench.h"

#include <stdbool.h>
#include <stdint.h>

/// An open loop waits so long for its last answers, in seconds.
enum { CTB_DRAIN_SECONDS = 10 };

/// Connects and exchanges prefaces. Returns a descriptor that does not block, or -1 with errno.
int ctb_connect(const char *address, uint16_t port);

/// User and system time of this process.
double ctb_cpu_seconds(void);

/// Whether the header of an answer, of which `used` bytes were its call_id, has a status. The first such is kept.
bool ctb_note_failure(ctb_load_result *result, const uint8_t *header, uint32_t header_length, uint32_t used);

/// Adds a latency, where there is room.
static inline void ctb_note_latency(ctb_load_result *result, uint64_t *latencies, uint64_t capacity, uint64_t ns) {
  if (result->latency_count < capacity) latencies[result->latency_count++] = ns;
}

#endif
