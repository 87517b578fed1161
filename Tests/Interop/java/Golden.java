import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import tailrace.v1.AdminServiceOuterClass.CreateTopicResponse;
import tailrace.v1.AdminServiceOuterClass.Limits;
import tailrace.v1.Error.ErrorCode;
import tailrace.v1.Frame.Metadata;
import tailrace.v1.Frame.RequestHeader;
import tailrace.v1.LogServiceOuterClass.Acks;
import tailrace.v1.LogServiceOuterClass.ProduceRequest;
import tailrace.v1.LogServiceOuterClass.ProduceResponse;
import tailrace.v1.LogServiceOuterClass.ProduceTarget;
import tailrace.v1.RecordOuterClass.RecordSet;
import tailrace.v1.RecordOuterClass.Segment;

/** Checks that this client's bytes are those of the files in proto/testdata. */
final class Golden {
  private final Path directory;

  private Golden(Path directory) {
    this.directory = directory;
  }

  /** Throws AssertionError, naming the file. */
  static void check(Path directory) throws IOException {
    var golden = new Golden(directory);
    golden.checkHashes();
    golden.same("record_set.bin", RecordSet.newBuilder().addAllRecords(Records.samples()).build().toByteArray());
    for (var compression : Compression.values()) golden.checkBatch(compression);
    golden.checkRequest();
    golden.checkResponses();
    golden.same("client_preface.bin", Frames.PREFACE);
    Check.that(Frames.isGreeting(golden.read("server_preface.bin")), "server_preface.bin");
  }

  private byte[] read(String name) throws IOException {
    return Files.readAllBytes(directory.resolve(name));
  }

  private void same(String name, byte[] bytes) throws IOException {
    Check.that(Arrays.equals(read(name), bytes), name + " is not what this client encodes");
  }

  private void checkHashes() throws IOException {
    for (String line : Files.readAllLines(directory.resolve("hashes.txt"))) {
      String[] parts = line.split(" ");
      byte[] key = HexFormat.of().parseHex(parts[0].replace("-", ""));
      Check.that(Records.crc32c(key) == Integer.parseUnsignedInt(parts[1], 16), line);
      Check.that(Records.murmur2(key) == Integer.parseUnsignedInt(parts[2], 16), line);
      Check.that(Records.partitionOf(key, 7) == Integer.parseInt(parts[3]), line);
    }
  }

  private void checkBatch(Compression compression) throws IOException {
    String name = "batch_" + compression.name().toLowerCase() + ".bin";
    byte[] content = read(name);
    var batch = Segment.parseFrom(content).getBatches(0);
    Check.that(batch.getHeaderCrc32C() == Records.crc32c(Arrays.copyOf(content, 105)), name);
    Check.that(batch.getAttributes() == compression.ordinal() && batch.getProducerId() == 4711, name);
    var records = Records.decodeBatch(batch);
    Check.that(records.equals(Records.samples()), name);
    Check.that(Arrays.equals(Records.offsets(batch, records), new long[] {42, 43, 44, 45, 46, 47}), name);
  }

  private void checkRequest() throws IOException {
    var header = RequestHeader.newBuilder().setCallId(7).setMethod("tailrace.v1.LogService/Produce").setTimeoutMs(1500)
        .addMetadata(Metadata.newBuilder().setKey("trace").setValue("abc")).build();
    var target = ProduceTarget.newBuilder().setTopic("golden").setPartition(1)
        .addBatches(Records.encodeBatch(Records.samples(), Compression.NONE));
    var request = ProduceRequest.newBuilder().setAcks(Acks.ACKS_DURABLE).addTargets(target).build();
    same("request.frame", Frames.encode(header, request));
  }

  private void checkResponses() throws IOException {
    var response = frame("response.frame");
    var produced = ProduceResponse.parseFrom(response.message());
    Check.that(response.header().getCallId() == 7 && response.header().getEndOfStream(), response.header());
    var stored = produced.getResults(0).getBatches(0);
    Check.that(stored.getBaseOffset() == 42 && stored.getAppendTimestampMs() == Records.BASE_MS + 1000, produced);
    same("response.frame", Frames.encode(response.header(), produced));

    var failure = frame("error.frame");
    var status = failure.header().getStatus();
    Check.that(status.getCode() == 6 && status.getError() == ErrorCode.ERROR_CODE_TOPIC_EXISTS, status);
    Check.that(status.getDetails(0).getType().equals("tailrace.v1.Limits"), status);
    Check.that(Limits.parseFrom(status.getDetails(0).getValue()).getMaxFrameBytes() == 16 << 20, status);
    same("error.frame", Frames.encode(failure.header(), CreateTopicResponse.parseFrom(failure.message())));
  }

  private Frames.Response frame(String name) throws IOException {
    return Frames.read(new DataInputStream(new ByteArrayInputStream(read(name))));
  }
}
