#include "group.h"

/* What it is assigned it counts as read from its next heartbeat on. */
typedef struct {
  Connection *broker;
  char *group;
  char id[256];
  uint32_t epoch;
  uint32_t partitions[PARTITIONS];
  size_t count;
} Member;

static void follow(Member *member, uint32_t epoch, TR(TopicPartitions) **assignment, size_t count) {
  member->epoch = epoch;
  member->count = 0;
  for (size_t topic = 0; topic < count; topic++) {
    MUST(member->count + assignment[topic]->n_partitions <= PARTITIONS);
    for (size_t at = 0; at < assignment[topic]->n_partitions; at++)
      member->partitions[member->count++] = assignment[topic]->partitions[at];
  }
}

static Member join(Connection *broker, char *group, char *topic) {
  Member member = {.broker = broker, .group = group};
  TR(JoinGroupRequest) request = TAILRACE__V1__JOIN_GROUP_REQUEST__INIT;
  request.group = group;
  request.topics = &topic;
  request.n_topics = 1;
  TR(JoinGroupResponse) *joined = CALL(broker, "GroupService/JoinGroup", request, join_group_response);
  snprintf(member.id, sizeof member.id, "%s", joined->member_id);
  follow(&member, joined->member_epoch, joined->assignment, joined->n_assignment);
  release(joined);
  return member;
}

/* Whoever reads and commits does so before he lets go of what is not listed any more. */
static void beat(Member *member, char *topic) {
  TR(TopicPartitions) owned = TAILRACE__V1__TOPIC_PARTITIONS__INIT, *all[] = {&owned};
  owned.topic = topic;
  owned.partitions = member->partitions;
  owned.n_partitions = member->count;
  TR(HeartbeatRequest) request = TAILRACE__V1__HEARTBEAT_REQUEST__INIT;
  request.group = member->group;
  request.member_id = member->id;
  request.member_epoch = member->epoch;
  request.owned = all;
  request.n_owned = member->count > 0;
  TR(HeartbeatResponse) *answer = CALL(member->broker, "GroupService/Heartbeat", request, heartbeat_response);
  follow(member, answer->member_epoch, answer->assignment, answer->n_assignment);
  release(answer);
}

/* The error code; 0: stored. */
static int commit(Member *member, char *topic, uint32_t partition, int64_t offset) {
  TR(OffsetCommit) commit = TAILRACE__V1__OFFSET_COMMIT__INIT, *commits[] = {&commit};
  commit.topic = topic;
  commit.partition = partition;
  commit.offset = offset;
  TR(CommitOffsetRequest) request = TAILRACE__V1__COMMIT_OFFSET_REQUEST__INIT;
  request.group = member->group;
  request.member_id = member->id;
  request.member_epoch = member->epoch;
  request.offsets = commits;
  request.n_offsets = 1;
  TR(CommitOffsetResponse) *answer = CALL(member->broker, "GroupService/CommitOffset", request, commit_offset_response);
  MUST(answer->n_results == 1);
  int code = answer->results[0]->error ? (int)answer->results[0]->error->code : 0;
  release(answer);
  return code;
}

static void read_and_commit(Member *member, char *topic) {
  for (size_t at = 0; at < member->count; at++) {
    TR(FetchResponse) *response = fetch(member->broker, topic, member->partitions[at], 1);
    MUST(commit(member, topic, member->partitions[at], response->partitions[0]->next_offset - 1) == 0);
    release(response);
  }
}

static void check_lag(Connection *broker, char *group) {
  TR(DescribeGroupRequest) request = TAILRACE__V1__DESCRIBE_GROUP_REQUEST__INIT;
  request.group = group;
  TR(DescribeGroupResponse) *described = CALL(broker, "GroupService/DescribeGroup", request, describe_group_response);
  MUST(described->group->state == TAILRACE__V1__GROUP_STATE__GROUP_STATE_STABLE && described->n_members == 2);
  MUST(described->n_partitions == PARTITIONS);
  for (uint32_t partition = 0; partition < PARTITIONS; partition++) {
    TR(PartitionLag) *part = described->partitions[partition];
    MUST(part->committed->partition == partition && part->lag == 1);
  }
  release(described);
}

static void leave(Member *member) {
  TR(LeaveGroupRequest) request = TAILRACE__V1__LEAVE_GROUP_REQUEST__INIT;
  request.group = member->group;
  request.member_id = member->id;
  release(CALL(member->broker, "GroupService/LeaveGroup", request, leave_group_response));
}

void share(Connection *broker, char *topic) {
  char group[256];
  snprintf(group, sizeof group, "%s-readers", topic);
  Member first = join(broker, group, topic), second = join(broker, group, topic);
  for (int turn = 0; turn < 20; turn++) {
    beat(&first, topic);
    beat(&second, topic);
  }
  unsigned owned = 0;
  MUST(first.count == PARTITIONS / 2 && second.count == PARTITIONS / 2);
  for (size_t at = 0; at < PARTITIONS / 2; at++) owned |= 1u << first.partitions[at] | 1u << second.partitions[at];
  MUST(owned == (1u << PARTITIONS) - 1);
  read_and_commit(&first, topic);
  read_and_commit(&second, topic);
  MUST(commit(&first, topic, second.partitions[0], 1) == TAILRACE__V1__ERROR_CODE__ERROR_CODE_NOT_OWNER);
  check_lag(broker, group);
  leave(&first);
  leave(&second);
}
