#include <algorithm>

#include "services.h"

namespace {

using Group = v1::GroupService::Stub;

// What it is assigned it counts as read from its next heartbeat on.
class Member {
 public:
  Member(Services& services, const std::string& group, const std::string& topic)
      : services_(services), group_(group), topic_(topic) {
    v1::JoinGroupRequest request;
    request.set_group(group);
    request.add_topics(topic);
    auto joined = call(*services.groups, &Group::JoinGroup, request);
    id_ = joined.member_id();
    follow(joined.member_epoch(), joined.assignment());
  }

  // Whoever reads and commits does so before he lets go of what is not listed any more.
  void beat() {
    auto request = identified<v1::HeartbeatRequest>();
    request.set_member_epoch(epoch_);
    *request.mutable_owned() = assignment_;
    auto answer = call(*services_.groups, &Group::Heartbeat, request);
    follow(answer.member_epoch(), answer.assignment());
  }

  std::vector<uint32_t> owned() const {
    std::vector<uint32_t> found;
    for (const auto& part : assignment_) found.insert(found.end(), part.partitions().begin(), part.partitions().end());
    return found;
  }

  // The error code; 0: stored.
  v1::ErrorCode commit(uint32_t partition, int64_t offset) {
    auto request = identified<v1::CommitOffsetRequest>();
    request.set_member_epoch(epoch_);
    auto* commit = request.add_offsets();
    commit->set_topic(topic_);
    commit->set_partition(partition);
    commit->set_offset(offset);
    return call(*services_.groups, &Group::CommitOffset, request).results(0).error().code();
  }

  void read_and_commit() {
    for (auto partition : owned()) {
      auto code = commit(partition, fetch(services_, topic_, partition, true).next_offset() - 1);
      must(code == v1::ERROR_CODE_UNSPECIFIED, v1::ErrorCode_Name(code));
    }
  }

  void leave() { call(*services_.groups, &Group::LeaveGroup, identified<v1::LeaveGroupRequest>()); }

 private:
  using Assignment = google::protobuf::RepeatedPtrField<v1::TopicPartitions>;

  template <typename Request>
  Request identified() const {
    Request request;
    request.set_group(group_);
    request.set_member_id(id_);
    return request;
  }

  void follow(uint32_t epoch, const Assignment& assignment) {
    epoch_ = epoch;
    assignment_ = assignment;
  }

  Services& services_;
  std::string group_, topic_, id_;
  uint32_t epoch_ = 0;
  Assignment assignment_;
};

void check_lag(Services& services, const std::string& group) {
  v1::DescribeGroupRequest request;
  request.set_group(group);
  auto described = call(*services.groups, &Group::DescribeGroup, request);
  must(described.group().state() == v1::GROUP_STATE_STABLE, described.ShortDebugString());
  must(described.members_size() == 2 && described.partitions_size() == partitions, described.ShortDebugString());
  for (const auto& part : described.partitions()) must(part.lag() == 1, part.ShortDebugString());
}

}  // namespace

void share(Services& services, const std::string& topic) {
  auto group = topic + "-readers";
  Member first(services, group, topic), second(services, group, topic);
  for (int turn = 0; turn < 20; turn++) {
    first.beat();
    second.beat();
  }
  auto all = first.owned(), others = second.owned();
  must(all.size() == partitions / 2 && others.size() == partitions / 2, "one member owns more than the other");
  all.insert(all.end(), others.begin(), others.end());
  std::sort(all.begin(), all.end());
  must(all == std::vector<uint32_t>{0, 1, 2, 3}, "the members do not own all partitions");
  first.read_and_commit();
  second.read_and_commit();
  auto code = first.commit(others[0], 1);
  must(code == v1::ERROR_CODE_NOT_OWNER, v1::ErrorCode_Name(code));
  check_lag(services, group);
  first.leave();
  second.leave();
}
