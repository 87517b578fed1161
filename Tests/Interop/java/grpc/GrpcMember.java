import io.grpc.ManagedChannel;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import tailrace.v1.Error.ErrorCode;
import tailrace.v1.GroupServiceGrpc;
import tailrace.v1.GroupServiceOuterClass.CommitOffsetRequest;
import tailrace.v1.GroupServiceOuterClass.DescribeGroupRequest;
import tailrace.v1.GroupServiceOuterClass.GroupState;
import tailrace.v1.GroupServiceOuterClass.HeartbeatRequest;
import tailrace.v1.GroupServiceOuterClass.JoinGroupRequest;
import tailrace.v1.GroupServiceOuterClass.LeaveGroupRequest;
import tailrace.v1.GroupServiceOuterClass.OffsetCommit;
import tailrace.v1.GroupServiceOuterClass.TopicPartitions;

/** Of a group. What it is assigned it counts as read from its next heartbeat on. */
final class GrpcMember {
  private final ManagedChannel broker;
  private final String group;
  private final String topic;
  private final String id;
  private int epoch;
  private List<TopicPartitions> assignment;

  private GrpcMember(ManagedChannel broker, String group, String topic) {
    this.broker = broker;
    this.group = group;
    this.topic = topic;
    var request = JoinGroupRequest.newBuilder().setGroup(group).addTopics(topic).build();
    var joined = groups(broker).joinGroup(request);
    id = joined.getMemberId();
    epoch = joined.getMemberEpoch();
    assignment = joined.getAssignmentList();
  }

  private static GroupServiceGrpc.GroupServiceBlockingStub groups(ManagedChannel broker) {
    return GroupServiceGrpc.newBlockingStub(broker).withDeadlineAfter(20, TimeUnit.SECONDS);
  }

  /** Whoever reads and commits does so before he lets go of what is not listed any more. */
  private void beat() {
    var request = HeartbeatRequest.newBuilder().setGroup(group).setMemberId(id).setMemberEpoch(epoch)
        .addAllOwned(assignment).build();
    var answer = groups(broker).heartbeat(request);
    epoch = answer.getMemberEpoch();
    assignment = answer.getAssignmentList();
  }

  private List<Integer> partitions() {
    return assignment.stream().flatMap(part -> part.getPartitionsList().stream()).toList();
  }

  private ErrorCode commit(int partition, long offset) {
    var commit = OffsetCommit.newBuilder().setTopic(topic).setPartition(partition).setOffset(offset);
    var request = CommitOffsetRequest.newBuilder().setGroup(group).setMemberId(id).setMemberEpoch(epoch)
        .addOffsets(commit).build();
    return groups(broker).commitOffset(request).getResults(0).getError().getCode();
  }

  private void readAndCommit() {
    for (int partition : partitions()) {
      long next = GrpcClient.fetch(broker, topic, partition, true).getNextOffset();
      var code = commit(partition, next - 1);
      Check.that(code == ErrorCode.ERROR_CODE_UNSPECIFIED, code);
    }
  }

  private void leave() {
    var request = LeaveGroupRequest.newBuilder().setGroup(group).setMemberId(id).build();
    groups(broker).leaveGroup(request);
  }

  /** Two members share the partitions, read them, and commit all but the last record of each. */
  static void share(ManagedChannel broker, String topic) {
    String group = topic + "-readers";
    var first = new GrpcMember(broker, group, topic);
    var second = new GrpcMember(broker, group, topic);
    for (int turn = 0; turn < 20; turn++) {
      first.beat();
      second.beat();
    }
    var all = Stream.concat(first.partitions().stream(), second.partitions().stream()).sorted().toList();
    Check.that(all.equals(IntStream.range(0, GrpcClient.PARTITIONS).boxed().toList()), all);
    Check.that(first.partitions().size() == second.partitions().size(), first.partitions());
    first.readAndCommit();
    second.readAndCommit();
    var code = first.commit(second.partitions().get(0), 1);
    Check.that(code == ErrorCode.ERROR_CODE_NOT_OWNER, code);
    checkLag(broker, group);
    first.leave();
    second.leave();
  }

  private static void checkLag(ManagedChannel broker, String group) {
    var request = DescribeGroupRequest.newBuilder().setGroup(group).build();
    var described = groups(broker).describeGroup(request);
    Check.that(described.getGroup().getState() == GroupState.GROUP_STATE_STABLE, described);
    Check.that(described.getMembersCount() == 2 && described.getPartitionsCount() == GrpcClient.PARTITIONS, described);
    for (var part : described.getPartitionsList()) Check.that(part.getLag() == 1, part);
  }
}
