#include "connection.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_FRAME_BYTES = 16 << 20 };

static void write_all(int socket, const uint8_t *bytes, size_t length) {
  while (length > 0) {
    ssize_t count = send(socket, bytes, length, MSG_NOSIGNAL);
    MUST(count > 0);
    bytes += count;
    length -= (size_t)count;
  }
}

static void read_all(int socket, void *bytes, size_t length) {
  MUST(length == 0 || recv(socket, bytes, length, MSG_WAITALL) == (ssize_t)length);
}

Connection connect_to(const char *host, const char *port) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
  MUST(getaddrinfo(host, port, &hints, &found) == 0);
  Connection broker = {.socket = socket(found->ai_family, SOCK_STREAM, 0)};
  MUST(connect(broker.socket, found->ai_addr, found->ai_addrlen) == 0);
  freeaddrinfo(found);
  struct timeval timeout = {.tv_sec = 30};
  MUST(setsockopt(broker.socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0);
  char greeting[PREFACE_BYTES];
  write_all(broker.socket, (const uint8_t *)PREFACE, PREFACE_BYTES);
  read_all(broker.socket, greeting, PREFACE_BYTES);
  MUST(memcmp(greeting, PREFACE, VERSION_BYTES) == 0);
  return broker;
}

ProtobufCBinaryData encode_frame(const ProtobufCMessage *header, const ProtobufCMessage *message) {
  size_t header_length = protobuf_c_message_get_packed_size(header);
  size_t length = 2 + header_length + (message ? protobuf_c_message_get_packed_size(message) : 0);
  MUST(header_length <= UINT16_MAX && length <= MAX_FRAME_BYTES);
  ProtobufCBinaryData frame = {.len = 4 + length, .data = malloc(4 + length)};
  MUST(frame.data != NULL);
  uint32_t big_length = htonl((uint32_t)length);
  uint16_t big_header_length = htons((uint16_t)header_length);
  memcpy(frame.data, &big_length, 4);
  memcpy(frame.data + 4, &big_header_length, 2);
  protobuf_c_message_pack(header, frame.data + 6);
  if (message) protobuf_c_message_pack(message, frame.data + 6 + header_length);
  return frame;
}

void send_frame(Connection *broker, const TR(RequestHeader) *header, const ProtobufCMessage *message) {
  ProtobufCBinaryData frame = encode_frame(&header->base, message);
  write_all(broker->socket, frame.data, frame.len);
  free(frame.data);
}

ProtobufCBinaryData receive_frame(Connection *broker) {
  uint32_t length;
  uint16_t header_length;
  read_all(broker->socket, &length, 4);
  read_all(broker->socket, &header_length, 2);
  length = ntohl(length);
  header_length = ntohs(header_length);
  MUST(length <= MAX_FRAME_BYTES && 2u + header_length <= length);
  uint8_t *frame = malloc(length);
  MUST(frame != NULL);
  read_all(broker->socket, frame, length - 2);
  if (broker->header) tailrace__v1__response_header__free_unpacked(broker->header, NULL);
  broker->header = tailrace__v1__response_header__unpack(NULL, header_length, frame);
  MUST(broker->header != NULL);
  size_t message_length = length - 2 - header_length;
  memmove(frame, frame + header_length, message_length);
  return (ProtobufCBinaryData){.len = message_length, .data = frame};
}

void *call(Connection *broker, const char *method, const ProtobufCMessage *request,
           const ProtobufCMessageDescriptor *response) {
  TR(RequestHeader) header = TAILRACE__V1__REQUEST_HEADER__INIT;
  char full_name[100];
  snprintf(full_name, sizeof full_name, "tailrace.v1.%s", method);
  header.call_id = ++broker->calls;
  header.method = full_name;
  header.timeout_ms = 20000;
  send_frame(broker, &header, request);
  ProtobufCBinaryData message = receive_frame(broker);
  void *answer = NULL;
  if (broker->header->status == NULL || broker->header->status->code == 0) {
    answer = protobuf_c_message_unpack(response, NULL, message.len, message.data);
    MUST(answer != NULL);
  }
  free(message.data);
  return answer;
}

void *must_answer(const Connection *broker, void *answer) {
  if (answer != NULL) return answer;
  fprintf(stderr, "the call failed: %s\n", broker->header->status->message);
  exit(1);
}

void release(void *message) { protobuf_c_message_free_unpacked(message, NULL); }

void disconnect(Connection *broker) {
  if (broker->header) tailrace__v1__response_header__free_unpacked(broker->header, NULL);
  close(broker->socket);
}
