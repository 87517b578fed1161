// The load generator of `tailrace bench`, and the plain C programs that its figures are held against.
//
// Everything here speaks the native door's frames but knows no more of the broker than a client does.
#ifndef C_TAILRACE_BENCH_H
#define C_TAILRACE_BENCH_H

#include <stddef.h>
#include <stdint.h>

/// A request frame, encoded before the run. The i-th frame carries call_id (i mod depth) + 1.
typedef struct {
  const uint8_t *data;
  size_t length;
} ctb_frame;

typedef struct {
  const char *address;         // IPv4, dotted
  uint16_t port;
  uint32_t connections;
  uint32_t depth;              // calls in flight on each connection
  const ctb_frame *frames;     // sent in order, again from the first after the last; as many as a multiple of depth
  size_t frame_count;
  double warm_up_seconds;      // not counted
  double seconds;              // counted; the run also ends after max_calls
  uint64_t max_calls;          // 0 = no bound
} ctb_load;

typedef struct {
  uint64_t calls;              // answered in the counted time
  uint64_t failures;           // of those, with a status
  uint64_t bytes_received;     // in the counted time
  double seconds;
  double cpu_seconds;          // of the generator, in the counted time
  uint64_t latency_count;      // entries of `latencies_ns` that were filled
  char first_failure[256];     // the first status frame's header, as it came, cut; a length byte first
} ctb_load_result;

/// Runs a closed loop of calls from one thread. Latencies of the first `latency_capacity` counted calls go to `latencies_ns`.
/// Returns 0 or an errno value.
int ctb_run_load(const ctb_load *load, uint32_t *latencies_ns, uint64_t latency_capacity, ctb_load_result *result);

/// Serves an epoll echo of the native door's frames on `listener` with so many threads; does not return but on an error,
/// with its errno. Each answer has the request's call_id and message.
int ctb_serve_echo(int listener, uint32_t threads);

/// As ctb_serve_echo, but each answer's message is `prefix` and then `bytes` bytes of `file` by sendfile, going round.
int ctb_serve_file(int listener, int file, uint64_t file_bytes, uint32_t bytes);

/// A listener on a free port of 127.0.0.1, or -1 with errno; the port goes to `port`.
int ctb_listen(uint16_t *port);

/// Appends `total` bytes to a new file at `path` in writes of `chunk` bytes, without a sync; the file is removed again.
/// Returns seconds, or a negative errno value.
double ctb_write_file(const char *path, uint64_t total, size_t chunk);

#endif
