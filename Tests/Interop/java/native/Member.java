import java.io.IOException;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import tailrace.v1.Error.ErrorCode;
import tailrace.v1.GroupServiceOuterClass.CommitOffsetRequest;
import tailrace.v1.GroupServiceOuterClass.CommitOffsetResponse;
import tailrace.v1.GroupServiceOuterClass.DescribeGroupRequest;
import tailrace.v1.GroupServiceOuterClass.DescribeGroupResponse;
import tailrace.v1.GroupServiceOuterClass.GroupState;
import tailrace.v1.GroupServiceOuterClass.HeartbeatRequest;
import tailrace.v1.GroupServiceOuterClass.HeartbeatResponse;
import tailrace.v1.GroupServiceOuterClass.JoinGroupRequest;
import tailrace.v1.GroupServiceOuterClass.JoinGroupResponse;
import tailrace.v1.GroupServiceOuterClass.LeaveGroupRequest;
import tailrace.v1.GroupServiceOuterClass.LeaveGroupResponse;
import tailrace.v1.GroupServiceOuterClass.OffsetCommit;
import tailrace.v1.GroupServiceOuterClass.TopicPartitions;

/** Of a group. What it is assigned it counts as read from its next heartbeat on. */
final class Member {
  private final Connection broker;
  private final String group;
  private final String topic;
  private final String id;
  private int epoch;
  private List<TopicPartitions> assignment;

  private Member(Connection broker, String group, String topic) throws IOException {
    this.broker = broker;
    this.group = group;
    this.topic = topic;
    var request = JoinGroupRequest.newBuilder().setGroup(group).addTopics(topic).build();
    var joined = broker.call("GroupService/JoinGroup", request, JoinGroupResponse.parser());
    id = joined.getMemberId();
    epoch = joined.getMemberEpoch();
    assignment = joined.getAssignmentList();
  }

  /** Whoever reads and commits does so before he lets go of what is not listed any more. */
  private void beat() throws IOException {
    var request = HeartbeatRequest.newBuilder().setGroup(group).setMemberId(id).setMemberEpoch(epoch)
        .addAllOwned(assignment).build();
    var answer = broker.call("GroupService/Heartbeat", request, HeartbeatResponse.parser());
    epoch = answer.getMemberEpoch();
    assignment = answer.getAssignmentList();
  }

  private List<Integer> partitions() {
    return assignment.stream().flatMap(part -> part.getPartitionsList().stream()).toList();
  }

  private ErrorCode commit(int partition, long offset) throws IOException {
    var commit = OffsetCommit.newBuilder().setTopic(topic).setPartition(partition).setOffset(offset);
    var request = CommitOffsetRequest.newBuilder().setGroup(group).setMemberId(id).setMemberEpoch(epoch)
        .addOffsets(commit).build();
    return broker.call("GroupService/CommitOffset", request, CommitOffsetResponse.parser()).getResults(0).getError()
        .getCode();
  }

  private void readAndCommit() throws IOException {
    for (int partition : partitions()) {
      long next = NativeClient.fetch(broker, topic, partition, true).getNextOffset();
      var code = commit(partition, next - 1);
      Check.that(code == ErrorCode.ERROR_CODE_UNSPECIFIED, code);
    }
  }

  private void leave() throws IOException {
    var request = LeaveGroupRequest.newBuilder().setGroup(group).setMemberId(id).build();
    broker.call("GroupService/LeaveGroup", request, LeaveGroupResponse.parser());
  }

  /** Two members share the partitions, read them, and commit all but the last record of each. */
  static void share(Connection broker, String topic) throws IOException {
    String group = topic + "-readers";
    var first = new Member(broker, group, topic);
    var second = new Member(broker, group, topic);
    for (int turn = 0; turn < 20; turn++) {
      first.beat();
      second.beat();
    }
    var all = Stream.concat(first.partitions().stream(), second.partitions().stream()).sorted().toList();
    Check.that(all.equals(IntStream.range(0, NativeClient.PARTITIONS).boxed().toList()), all);
    Check.that(first.partitions().size() == second.partitions().size(), first.partitions());
    first.readAndCommit();
    second.readAndCommit();
    var code = first.commit(second.partitions().get(0), 1);
    Check.that(code == ErrorCode.ERROR_CODE_NOT_OWNER, code);
    checkLag(broker, group);
    first.leave();
    second.leave();
  }

  private static void checkLag(Connection broker, String group) throws IOException {
    var request = DescribeGroupRequest.newBuilder().setGroup(group).build();
    var described = broker.call("GroupService/DescribeGroup", request, DescribeGroupResponse.parser());
    Check.that(described.getGroup().getState() == GroupState.GROUP_STATE_STABLE, described);
    Check.that(described.getMembersCount() == 2 && described.getPartitionsCount() == NativeClient.PARTITIONS, described);
    for (var part : described.getPartitionsList()) Check.that(part.getLag() == 1, part);
  }
}
