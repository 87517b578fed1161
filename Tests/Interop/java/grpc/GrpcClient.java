import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import tailrace.v1.AdminServiceGrpc;
import tailrace.v1.AdminServiceOuterClass.CreateTopicRequest;
import tailrace.v1.Error.ErrorCode;
import tailrace.v1.Frame;
import tailrace.v1.LogServiceGrpc;
import tailrace.v1.LogServiceOuterClass.FetchRequest;
import tailrace.v1.LogServiceOuterClass.FetchTarget;
import tailrace.v1.LogServiceOuterClass.FetchedPartition;
import tailrace.v1.LogServiceOuterClass.FetchedRecord;
import tailrace.v1.LogServiceOuterClass.ProduceRecord;
import tailrace.v1.LogServiceOuterClass.ProduceRequest;
import tailrace.v1.LogServiceOuterClass.ProduceResult;
import tailrace.v1.LogServiceOuterClass.ProduceTarget;
import tailrace.v1.LogServiceOuterClass.SubscribeRequest;
import tailrace.v1.RecordOuterClass.Header;
import tailrace.v1.RecordOuterClass.RecordBatch;

/** Tailrace from Java over gRPC: protoc-gen-grpc-java's stubs. Usage: GrpcClient HOST PORT TOPIC TESTDATA */
final class GrpcClient {
  static final int PARTITIONS = 4;

  private final ManagedChannel channel;
  private final String topic;

  private GrpcClient(ManagedChannel channel, String topic) {
    this.channel = channel;
    this.topic = topic;
  }

  static LogServiceGrpc.LogServiceBlockingStub log(ManagedChannel channel) {
    return LogServiceGrpc.newBlockingStub(channel).withDeadlineAfter(20, TimeUnit.SECONDS);
  }

  private ProduceResult produce(ProduceTarget.Builder target) {
    var request = ProduceRequest.newBuilder().addTargets(target.setTopic(topic)).build();
    var result = log(channel).produce(request).getResults(0);
    Check.that(!result.hasError(), result);
    return result;
  }

  /** Eight records with keys and headers; the broker makes batches of them, and finds the partition by the key. */
  private void producePlain() {
    var target = ProduceTarget.newBuilder();
    for (int number = 0; number < 8; number++) {
      target.addRecords(ProduceRecord.newBuilder().setKey(Records.bytes("key-" + number))
          .setValue(Records.bytes("of key-" + number)).setTimestampMs(Records.BASE_MS)
          .addHeaders(Header.newBuilder().setKey("source").setValue(Records.bytes("interop"))));
    }
    var stored = produce(target).getRecordsList();
    for (int number = 0; number < 8; number++) {
      byte[] key = target.getRecords(number).getKey().toByteArray();
      Check.that(!stored.get(number).hasError(), stored.get(number));
      Check.that(stored.get(number).getPartition() == Records.partitionOf(key, PARTITIONS), stored.get(number));
    }
  }

  /** The same batch to each partition, each time compressed in another way. */
  private void produceBatches() throws IOException {
    for (var compression : Compression.values()) {
      var batch = Records.encodeBatch(Records.samples(), compression);
      var result = produce(ProduceTarget.newBuilder().setPartition(compression.ordinal()).addBatches(batch));
      Check.that(!result.getBatches(0).hasError(), result);
    }
  }

  private static FetchTarget target(String topic, int partition) {
    return FetchTarget.newBuilder().setTopic(topic).setPartition(partition).build();
  }

  /** What is there from the beginning of a partition. */
  static FetchedPartition fetch(ManagedChannel channel, String topic, int partition, boolean decode) {
    var request = FetchRequest.newBuilder().addTargets(target(topic, partition)).setMaxWaitMs(1000).setDecode(decode);
    return log(channel).fetch(request.build()).getPartitions(0);
  }

  /** Batches, which the client checks and takes apart, hold the records that the broker finds in them. */
  private void checkFetch() throws IOException {
    int count = 0;
    for (int partition = 0; partition < PARTITIONS; partition++) {
      count += check(partition, fetch(channel, topic, partition, false).getBatchesList());
    }
    Check.that(count == 8 + PARTITIONS * 6, count);
  }

  private int check(int partition, List<RecordBatch> batches) throws IOException {
    List<FetchedRecord> found = new ArrayList<>();
    for (var batch : batches) found.addAll(Records.fetched(batch));
    Check.that(found.equals(fetch(channel, topic, partition, true).getRecordsList()), found);
    return found.size();
  }

  /** The same as a stream, which is left once all is there: it would go on with what comes later. */
  private void subscribe() throws IOException {
    var request = SubscribeRequest.newBuilder();
    for (int partition = 0; partition < PARTITIONS; partition++) request.addTargets(target(topic, partition));
    var found = new TreeMap<Integer, List<RecordBatch>>();
    var context = Context.current().withCancellation();
    var previous = context.attach();
    try {
      var stream = log(channel).subscribe(request.build());
      for (int missing = 8 + PARTITIONS * 6; missing > 0; ) {
        for (var part : stream.next().getPartitionsList()) {
          Check.that(!part.hasError(), part);
          found.computeIfAbsent(part.getPartition(), any -> new ArrayList<>()).addAll(part.getBatchesList());
          missing -= part.getBatchesList().stream().mapToInt(RecordBatch::getRecordCount).sum();
        }
      }
    } finally {
      context.detach(previous);
      context.cancel(null);
    }
    for (var part : found.entrySet()) check(part.getKey(), part.getValue());
  }

  /** A call that fails has a status; a part of one that fails has an error in its place. */
  private void checkErrors() throws IOException {
    try {
      createTopic();
      throw new AssertionError("the topic was made twice");
    } catch (StatusRuntimeException failure) {
      Check.that(failure.getStatus().getCode() == Status.Code.ALREADY_EXISTS, failure);
      Check.that(failure.getStatus().getDescription().contains(topic), failure);
      // What gRPC's status has no place for: in its details, as it would be on the native door.
      var details = StatusProto.fromThrowable(failure).getDetails(0).unpack(Frame.Status.class);
      Check.that(details.getError() == ErrorCode.ERROR_CODE_TOPIC_EXISTS, details);
      Check.that(details.getMessage().equals(failure.getStatus().getDescription()), details);
    }
    var error = fetch(channel, topic, 99, false).getError();
    Check.that(error.getCode() == ErrorCode.ERROR_CODE_UNKNOWN_PARTITION && error.getMessage().contains("99"), error);
  }

  private void createTopic() {
    var request = CreateTopicRequest.newBuilder().setName(topic).setPartitionCount(PARTITIONS).build();
    AdminServiceGrpc.newBlockingStub(channel).withDeadlineAfter(20, TimeUnit.SECONDS).createTopic(request);
  }

  private interface Step {
    void run() throws IOException;
  }

  private static void step(String name, Step step) throws IOException {
    step.run();
    System.out.println(name + ": ok");
  }

  public static void main(String[] arguments) throws IOException {
    Golden.check(Path.of(arguments[3]));
    var channel = ManagedChannelBuilder.forAddress(arguments[0], Integer.parseInt(arguments[1])).usePlaintext().build();
    try {
      var client = new GrpcClient(channel, arguments[2]);
      client.createTopic();
      step("produce_plain", client::producePlain);
      step("produce_batches", client::produceBatches);
      step("check_fetch", client::checkFetch);
      step("subscribe", client::subscribe);
      step("share", () -> GrpcMember.share(channel, arguments[2]));
      step("check_errors", client::checkErrors);
    } finally {
      channel.shutdownNow();
    }
  }
}
