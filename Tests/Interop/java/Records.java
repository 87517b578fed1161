import com.google.protobuf.ByteString;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;
import tailrace.v1.LogServiceOuterClass.FetchedRecord;
import tailrace.v1.RecordOuterClass.Header;
import tailrace.v1.RecordOuterClass.Record;
import tailrace.v1.RecordOuterClass.RecordBatch;
import tailrace.v1.RecordOuterClass.RecordSet;

/** What a client does itself, whatever the door: hash, checksum, record batches. */
final class Records {
  /** Of all records that are sent here, so that every run and every language sends the same. */
  static final long BASE_MS = 1_700_000_000_000L;

  private Records() {}

  /** CRC-32C (Castagnoli), as fixed32 fields have it. */
  static int crc32c(byte[] content) {
    var checksum = new CRC32C();
    checksum.update(content);
    return (int) checksum.getValue();
  }

  /** Murmur2 with the seed and the finish of Kafka's Java client. */
  static int murmur2(byte[] key) {
    final int mixer = 0x5BD1E995;
    int hash = 0x9747B28C ^ key.length;
    int whole = key.length & ~3;
    for (int at = 0; at < whole; at += 4) {
      int word = key[at] & 0xFF | (key[at + 1] & 0xFF) << 8 | (key[at + 2] & 0xFF) << 16 | key[at + 3] << 24;
      word *= mixer;
      hash = hash * mixer ^ (word ^ word >>> 24) * mixer;
    }
    for (int at = whole; at < key.length; at++) hash ^= (key[at] & 0xFF) << 8 * (at - whole);
    if (whole < key.length) hash *= mixer;
    hash = (hash ^ hash >>> 13) * mixer;
    return hash ^ hash >>> 15;
  }

  /** Where a record with this key goes; an empty key is a key. */
  static int partitionOf(byte[] key, int partitions) {
    return (murmur2(key) & Integer.MAX_VALUE) % partitions;
  }

  /** The records of the golden files: all that may be absent, empty, negative or long. */
  static List<Record> samples() {
    byte[] everyByte = new byte[256];
    for (int at = 0; at < 256; at++) everyByte[at] = (byte) at;
    return List.of(
        Record.newBuilder().setKey(bytes("user-1")).setValue(bytes("hello"))
            .addHeaders(Header.newBuilder().setKey("source").setValue(bytes("interop")))
            .addHeaders(Header.newBuilder().setKey("empty").setValue(ByteString.EMPTY))
            .addHeaders(Header.newBuilder().setKey("absent")).build(),
        Record.newBuilder().setValue(bytes("no key")).build(),
        Record.newBuilder().setKey(ByteString.EMPTY).setValue(ByteString.EMPTY).setTimestampDeltaMs(-5).build(),
        Record.newBuilder().setKey(bytes("gone")).setTimestampDeltaMs(300).build(),
        Record.newBuilder().setKey(bytes("schlüssel")).setValue(ByteString.copyFrom(everyByte)).build(),
        Record.newBuilder().setKey(bytes("long")).setValue(bytes("tailrace ".repeat(100))).setOffsetDelta(5).build());
  }

  static ByteString bytes(String text) {
    return ByteString.copyFromUtf8(text);
  }

  /** A batch as a producer without an id sends it. */
  static RecordBatch encodeBatch(List<Record> records, Compression compression) throws IOException {
    byte[] stored = compression.compress(RecordSet.newBuilder().addAllRecords(records).build().toByteArray());
    long latest = records.stream().mapToLong(Record::getTimestampDeltaMs).max().orElseThrow();
    return RecordBatch.newBuilder().setFormatVersion(1).setRecordCount(records.size())
        .setLastOffsetDelta(records.size() - 1).setBaseTimestampMs(BASE_MS).setMaxTimestampMs(BASE_MS + latest)
        .setAttributes(compression.ordinal()).setRecordsCrc32C(crc32c(stored))
        .setRecords(ByteString.copyFrom(stored)).build();
  }

  /** The records of a fetched batch. Throws IOException for what is damaged. */
  static List<Record> decodeBatch(RecordBatch batch) throws IOException {
    byte[] stored = batch.getRecords().toByteArray();
    if (crc32c(stored) != batch.getRecordsCrc32C()) {
      throw new IOException("the batch at offset " + batch.getBaseOffset() + " is damaged");
    }
    int codec = batch.getAttributes() & 7;
    if ((batch.getAttributes() & ~0xF) != 0 || codec >= Compression.values().length) {
      throw new IOException("the batch at offset " + batch.getBaseOffset() + " needs a newer client");
    }
    var records = RecordSet.parseFrom(Compression.values()[codec].decompress(stored)).getRecordsList();
    long[] offsets = offsets(batch, records);
    boolean isWhole = offsets.length > 0 && offsets.length == batch.getRecordCount()
        && offsets[offsets.length - 1] <= batch.getBaseOffset() + batch.getLastOffsetDelta();
    if (isWhole) return records;
    throw new IOException("the batch at offset " + batch.getBaseOffset() + " does not hold what its header says");
  }

  /** The offsets of a batch's records: after compaction there may be gaps. */
  static long[] offsets(RecordBatch batch, List<Record> records) {
    long[] offsets = new long[records.size()];
    long offset = batch.getBaseOffset() - 1;
    for (int at = 0; at < offsets.length; at++) {
      var record = records.get(at);
      offset = record.hasOffsetDelta() ? batch.getBaseOffset() + record.getOffsetDelta() : offset + 1;
      offsets[at] = offset;
    }
    return offsets;
  }

  /** The records of a batch as the broker would return them decoded. Throws IOException for what is damaged. */
  static List<FetchedRecord> fetched(RecordBatch batch) throws IOException {
    var records = decodeBatch(batch);
    long[] offsets = offsets(batch, records);
    List<FetchedRecord> found = new ArrayList<>();
    for (int at = 0; at < offsets.length; at++) {
      var record = records.get(at);
      var fetched = FetchedRecord.newBuilder().setOffset(offsets[at]).addAllHeaders(record.getHeadersList())
          .setTimestampMs(batch.getBaseTimestampMs() + record.getTimestampDeltaMs());
      if (record.hasKey()) fetched.setKey(record.getKey());
      if (record.hasValue()) fetched.setValue(record.getValue());
      found.add(fetched.build());
    }
    return found;
  }
}
