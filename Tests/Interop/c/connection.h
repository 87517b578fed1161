/* The native door: frames over a socket. */
#pragma once

#include "records.h"
#include "tailrace/v1/admin_service.pb-c.h"
#include "tailrace/v1/frame.pb-c.h"
#include "tailrace/v1/group_service.pb-c.h"
#include "tailrace/v1/log_service.pb-c.h"

/* What a client says first; the server's first five bytes are the same. */
#define PREFACE "TRPC\1\0\0\0"
enum { PREFACE_BYTES = 8, VERSION_BYTES = 5 };

/* One connection, one call at a time. Not thread-safe. */
typedef struct {
  int socket;
  uint64_t calls;
  /* Of the last answer. Its `status` tells how the call ended. */
  TR(ResponseHeader) *header;
} Connection;

/* Connects; `port` in decimal. Ends the program where there is no Tailrace broker. */
Connection connect_to(const char *host, const char *port);
/* Sends a request and waits for its answer, which is for `release`. NULL: the call failed. */
void *call(Connection *broker, const char *method, const ProtobufCMessage *request,
           const ProtobufCMessageDescriptor *response);
/* The same with a message of a known name, whose failure ends the program. */
#define CALL(broker, method, request, response) \
  must_answer(broker, call(broker, method, &(request).base, &tailrace__v1__##response##__descriptor))
void *must_answer(const Connection *broker, void *answer);
/* Frees an answer. */
void release(void *message);
/* Sends a frame; `message` may be NULL. */
void send_frame(Connection *broker, const TR(RequestHeader) *header, const ProtobufCMessage *message);
/* Receives a frame, its header into `broker`; returns its message, for the caller to free. */
ProtobufCBinaryData receive_frame(Connection *broker);
/* Frees what the broker last said, and closes the socket. */
void disconnect(Connection *broker);
/* A whole frame, for the caller to free. `message` may be NULL. */
ProtobufCBinaryData encode_frame(const ProtobufCMessage *header, const ProtobufCMessage *message);
