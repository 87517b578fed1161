// The load generator of scripts/bench-peers: one epoll loop, the same payloads and the same counting for every server;
// only the wire protocol differs (proto_*.c). One thread. Whatever goes wrong ends the program with a reason.
#ifndef PEERS_CLIENT_H
#define PEERS_CLIENT_H

#include "buffer.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

typedef struct {
  int fd;
  uint32_t number;   // among the connections of this run
  buffer in, out;
  uint64_t sent;     // records
  uint64_t acked;    // records
  uint64_t sent_at;  // of the one record in flight, where there is only one
  void *state;       // the protocol's own
  int epoll;         // -1: blocking
  bool wants_write;
} connection;

// What a server's wire protocol has to do. `greet`, `create` and `subscribe` are called while the connection blocks.
typedef struct {
  const char *name;
  // Opens the conversation; returns once the server is ready.
  void (*greet)(connection *c);
  // Creates the stream, which is not there yet.
  void (*create)(connection *c);
  // Appends `count` records of settings.payload to c->out. Where `due` is given, record i begins with the eight bytes
  // of due[i] in place of the payload's.
  void (*encode)(connection *c, uint32_t count, const uint64_t *due);
  // Takes whole answers out of c->in; returns how many records they acknowledge.
  uint64_t (*take_acks)(connection *c);
  // Asks for the stream's records from the first one on, and for those still to come.
  void (*subscribe)(connection *c);
  // Takes what is whole out of c->in, hands each record to take_record, and asks for more.
  void (*deliver)(connection *c);
} protocol;

extern const protocol nats_protocol, redis_protocol, tailrace_protocol;

typedef struct {
  const protocol *protocol;
  uint16_t port;            // of 127.0.0.1
  const char *stream;
  bool is_durable;          // fsync before the acknowledgement, where that is asked for by the client
  uint32_t size;            // of a record's payload, bytes
  uint32_t batch;           // records that are encoded at a time
  uint32_t window;          // records that may be unacknowledged on a connection
  uint32_t connections;
  double seconds;           // of sending
  double rate;              // records per second, open loop
  uint64_t max_records;     // to send, or to read
  uint8_t *payload;         // `size` bytes, the same for every record
} client_settings;

extern client_settings settings;

_Noreturn __attribute__((format(printf, 1, 2))) void fail(const char *format, ...);

// Called by a protocol for every record delivered, in order.
void take_record(const uint8_t *payload, size_t length);

// connection.c
int dial(void);                                 // a socket, or -1 with errno
connection *open_connection(uint32_t number);   // greeted, blocking
void close_connection(connection *c);
void send_all(connection *c);                   // blocking
void receive_some(connection *c);               // blocking, or what there is
void start_events(connection *c, int epoll);    // from here on nothing blocks
void flush_output(connection *c);               // as far as the socket takes it; the rest with EPOLLOUT
// Appends `count` records, see protocol.encode, each after `head` and before a line's end.
void put_framed(connection *c, const char *head, size_t length, uint32_t count, const uint64_t *due);

// modes.c
void run_produce(void);
void run_one_in_flight(void);
void run_consume(void);
void run_end_to_end(void);
void run_first(void);

// report.c
void add_latency(uint64_t nanoseconds);
void report(const char *mode, uint64_t records, double seconds);   // prints one line of JSON

static inline uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#endif
