// The three services over one channel, and what the steps share.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>

#include "records.h"
#include "tailrace/v1/admin_service.grpc.pb.h"
#include "tailrace/v1/group_service.grpc.pb.h"
#include "tailrace/v1/log_service.grpc.pb.h"

constexpr uint32_t partitions = 4;

struct Services {
  std::unique_ptr<v1::AdminService::Stub> admin;
  std::unique_ptr<v1::GroupService::Stub> groups;
  std::unique_ptr<v1::LogService::Stub> log;
};

// A call's context, with a deadline.
struct Context : grpc::ClientContext {
  Context() { set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20)); }
};

// Calls a method that must not fail.
template <typename Stub, typename Request, typename Response>
Response call(Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
              const Request& request) {
  Context context;
  Response response;
  auto status = (stub.*method)(&context, request, &response);
  must(status.ok(), status.error_message());
  return response;
}

// What is there from the beginning of a partition, as records (`decode`) or batches.
v1::FetchedPartition fetch(Services& services, const std::string& topic, uint32_t partition, bool decode);

// Two members share the partitions of a topic, read them, and commit all but the last record of each.
void share(Services& services, const std::string& topic);
