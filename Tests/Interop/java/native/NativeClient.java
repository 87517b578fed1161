import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import tailrace.v1.AdminServiceOuterClass.CreateTopicRequest;
import tailrace.v1.AdminServiceOuterClass.CreateTopicResponse;
import tailrace.v1.Error.ErrorCode;
import tailrace.v1.LogServiceOuterClass.FetchRequest;
import tailrace.v1.LogServiceOuterClass.FetchResponse;
import tailrace.v1.LogServiceOuterClass.FetchTarget;
import tailrace.v1.LogServiceOuterClass.FetchedPartition;
import tailrace.v1.LogServiceOuterClass.FetchedRecord;
import tailrace.v1.LogServiceOuterClass.ProduceRecord;
import tailrace.v1.LogServiceOuterClass.ProduceRequest;
import tailrace.v1.LogServiceOuterClass.ProduceResponse;
import tailrace.v1.LogServiceOuterClass.ProduceResult;
import tailrace.v1.LogServiceOuterClass.ProduceTarget;
import tailrace.v1.LogServiceOuterClass.SubscribeRequest;
import tailrace.v1.LogServiceOuterClass.SubscribeResponse;
import tailrace.v1.RecordOuterClass.Header;
import tailrace.v1.RecordOuterClass.RecordBatch;

/** Tailrace from Java, on the native door: protoc's messages and a socket. Usage: NativeClient HOST PORT TOPIC TESTDATA */
final class NativeClient {
  static final int PARTITIONS = 4;

  private final Connection broker;
  private final String topic;

  private NativeClient(Connection broker, String topic) {
    this.broker = broker;
    this.topic = topic;
  }

  private ProduceResult produce(ProduceTarget.Builder target) throws IOException {
    var request = ProduceRequest.newBuilder().addTargets(target.setTopic(topic)).build();
    var result = broker.call("LogService/Produce", request, ProduceResponse.parser()).getResults(0);
    Check.that(!result.hasError(), result);
    return result;
  }

  /** Eight records with keys and headers; the broker makes batches of them, and finds the partition by the key. */
  private void producePlain() throws IOException {
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
  static FetchedPartition fetch(Connection broker, String topic, int partition, boolean decode) throws IOException {
    var request = FetchRequest.newBuilder().addTargets(target(topic, partition)).setMaxWaitMs(1000).setDecode(decode);
    return broker.call("LogService/Fetch", request.build(), FetchResponse.parser()).getPartitions(0);
  }

  /** Batches, which the client checks and takes apart, hold the records that the broker finds in them. */
  private void checkFetch() throws IOException {
    int count = 0;
    for (int partition = 0; partition < PARTITIONS; partition++) {
      count += check(partition, fetch(broker, topic, partition, false).getBatchesList());
    }
    Check.that(count == 8 + PARTITIONS * 6, count);
  }

  private int check(int partition, List<RecordBatch> batches) throws IOException {
    List<FetchedRecord> found = new ArrayList<>();
    for (var batch : batches) found.addAll(Records.fetched(batch));
    Check.that(found.equals(fetch(broker, topic, partition, true).getRecordsList()), found);
    return found.size();
  }

  /** The same as a stream, which is left once all is there: it would go on with what comes later. */
  private void subscribe() throws IOException {
    var request = SubscribeRequest.newBuilder();
    for (int partition = 0; partition < PARTITIONS; partition++) request.addTargets(target(topic, partition));
    var found = new TreeMap<Integer, List<RecordBatch>>();
    broker.stream("LogService/Subscribe", request.build(), SubscribeResponse.parser(), response -> {
      for (var part : response.getPartitionsList()) {
        Check.that(!part.hasError(), part);
        found.computeIfAbsent(part.getPartition(), any -> new ArrayList<>()).addAll(part.getBatchesList());
      }
      return found.values().stream().flatMap(List::stream).mapToInt(RecordBatch::getRecordCount).sum()
          < 8 + PARTITIONS * 6;
    });
    for (var part : found.entrySet()) check(part.getKey(), part.getValue());
  }

  /** A call that fails has a status; a part of one that fails has an error in its place. */
  private void checkErrors() throws IOException {
    try {
      createTopic();
      throw new AssertionError("the topic was made twice");
    } catch (Connection.CallFailed failure) {
      var status = failure.status;
      Check.that(status.getCode() == 6 && status.getError() == ErrorCode.ERROR_CODE_TOPIC_EXISTS, status);
      Check.that(status.getMessage().contains(topic), status);
    }
    var error = fetch(broker, topic, 99, false).getError();
    Check.that(error.getCode() == ErrorCode.ERROR_CODE_UNKNOWN_PARTITION && error.getMessage().contains("99"), error);
  }

  private void createTopic() throws IOException {
    var request = CreateTopicRequest.newBuilder().setName(topic).setPartitionCount(PARTITIONS).build();
    broker.call("AdminService/CreateTopic", request, CreateTopicResponse.parser());
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
    try (var broker = new Connection(arguments[0], Integer.parseInt(arguments[1]))) {
      var client = new NativeClient(broker, arguments[2]);
      client.createTopic();
      step("produce_plain", client::producePlain);
      step("produce_batches", client::produceBatches);
      step("check_fetch", client::checkFetch);
      step("subscribe", client::subscribe);
      step("share", () -> Member.share(broker, arguments[2]));
      step("check_errors", client::checkErrors);
    }
  }
}
