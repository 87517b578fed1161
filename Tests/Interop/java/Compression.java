import com.github.luben.zstd.ZstdInputStream;
import com.github.luben.zstd.ZstdOutputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import net.jpountz.lz4.LZ4FrameInputStream;
import net.jpountz.lz4.LZ4FrameOutputStream;

/** Ways to compress the records of a batch: bits 0 to 2 of its attributes. */
enum Compression {
  NONE, GZIP, LZ4, ZSTD;

  private static final int MAX_BATCH_BYTES = 64 << 20;

  byte[] compress(byte[] plain) throws IOException {
    var stored = new ByteArrayOutputStream();
    try (var stream = writer(stored)) {
      stream.write(plain);
    }
    return stored.toByteArray();
  }

  /** What came from elsewhere: bounded, so that a small batch cannot fill the memory. */
  byte[] decompress(byte[] stored) throws IOException {
    try (var stream = reader(new ByteArrayInputStream(stored))) {
      byte[] plain = stream.readNBytes(MAX_BATCH_BYTES + 1);
      if (plain.length > MAX_BATCH_BYTES) throw new IOException("a batch of over " + MAX_BATCH_BYTES + " bytes");
      return plain;
    }
  }

  private OutputStream writer(OutputStream stored) throws IOException {
    return switch (this) {
      case NONE -> stored;
      case GZIP -> new GZIPOutputStream(stored);
      case LZ4 -> new LZ4FrameOutputStream(stored);
      case ZSTD -> new ZstdOutputStream(stored);
    };
  }

  private InputStream reader(InputStream stored) throws IOException {
    return switch (this) {
      case NONE -> stored;
      case GZIP -> new GZIPInputStream(stored);
      case LZ4 -> new LZ4FrameInputStream(stored);
      case ZSTD -> new ZstdInputStream(stored);
    };
  }
}
