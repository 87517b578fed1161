// The load generator of `tailrace bench`, and the plain C programs that its figures are held against.
//
// Everything here speaks the native door's frames but knows no more of the broker than a client does.
#ifndef C_TAILRACE_BENCH_H
#define C_TAILRACE_BENCH_H

#include <stdbool.h>
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
  uint64_t max_calls;          // closed loop: 0 = no bound
  double rate;                 // 0 = closed loop; else calls are due so often per second, of all connections
} ctb_load;

typedef struct {
  uint64_t calls;              // answered in the counted time; of an open loop, due in it
  uint64_t failures;           // of those, with a status
  uint64_t bytes_received;     // with those
  double seconds;              // of an open loop, until the last was answered
  double cpu_seconds;          // of the generator, in the counted time
  uint64_t latency_count;      // entries of `latencies_ns` that were filled
  char first_failure[256];     // the first status frame's header, as it came, cut; a length byte first
} ctb_load_result;

/// Runs a load from one thread. Latencies of the first `latency_capacity` counted calls go to `latencies_ns`.
///
/// In a closed loop each connection has `depth` calls in flight, and a latency begins when its call is sent. In an open
/// loop calls are due at a fixed rate and go to the connections in turn; where one has `depth` in flight, what is due
/// waits, and a latency begins when its call was due, so that a stall counts against all that it held up. An open loop
/// ends when all is answered that was due, or with ETIME where that takes 10 s longer than `seconds`.
/// Returns 0 or an errno value.
int ctb_run_load(const ctb_load *load, uint64_t *latencies_ns, uint64_t latency_capacity, ctb_load_result *result);

/// Serves an epoll echo of the native door's frames on `listener` with so many threads; does not return but on an error,
/// with its errno. Each answer has the request's call_id and message.
int ctb_serve_echo(int listener, uint32_t threads);

/// As ctb_serve_echo, but each answer's message is `prefix` and then `bytes` bytes of `file` by sendfile, going round.
int ctb_serve_file(int listener, int file, uint64_t file_bytes, uint32_t bytes);

/// A listener on a free port of 127.0.0.1, or -1 with errno; the port goes to `port`.
int ctb_listen(uint16_t *port);

/// What is appended to a file, group by group.
typedef struct {
  const char *path;            // made, and removed again
  size_t batch_bytes;
  uint32_t batches_per_group;  // written together
  bool sync;                   // fdatasync after each group: group commit
  double seconds;              // ends after that, or where one group more would be more than max_bytes
  uint64_t max_bytes;
} ctb_file_load;

/// Appends to a new file; a call is a group, its latency the time of write and sync. Returns 0 or an errno value.
int ctb_append_file(const ctb_file_load *load, uint64_t *latencies_ns, uint64_t latency_capacity,
                    ctb_load_result *result);

/// One connection produces, another reads what comes, from one thread.
typedef struct {
  const char *address;         // IPv4, dotted
  uint16_t port;
  const ctb_frame *produce;    // one record each; the i-th carries call_id i + 1
  uint32_t depth;              // of those; as many are in flight at most
  size_t value_bytes;          // the frames' last; the first eight become the time when the record was due
  size_t records_bytes;        // the frames' last, of which crc_bytes before the end is the CRC-32C
  size_t crc_bytes;
  ctb_frame fetch;             // call_id 1; one target
  size_t offset_at;            // in `fetch`: a varint of nine bytes
  double rate;                 // records per second
  double warm_up_seconds;      // not counted
  double seconds;
} ctb_end_to_end;

/// Runs an open loop of records; a call is a record, and its latency the time from when it was due until its reader had
/// it whole. The reader fetches anew as soon as it has an answer. Ends when it has all. Returns 0 or an errno value:
/// ETIME as ctb_run_load, EPROTO where an answer is malformed or a record missing or out of place, EREMOTEIO where the
/// broker reports that the partition has failed.
int ctb_run_end_to_end(const ctb_end_to_end *setup, uint64_t *latencies_ns, uint64_t latency_capacity,
                       ctb_load_result *result);

#endif
