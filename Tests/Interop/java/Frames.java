import com.google.protobuf.MessageLite;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import tailrace.v1.Frame.ResponseHeader;

/** Frames of the native door. */
final class Frames {
  private static final int MAX_FRAME_BYTES = 16 << 20;

  /** What a client says first; the server's first five bytes are the same. */
  static final byte[] PREFACE = {'T', 'R', 'P', 'C', 1, 0, 0, 0};

  private Frames() {}

  /** A response's header, and its message, which is not decoded yet. */
  record Response(ResponseHeader header, byte[] message) {}

  /** Whether these eight bytes are a server's that speaks this version. */
  static boolean isGreeting(byte[] bytes) {
    return bytes.length == 8 && Arrays.equals(bytes, 0, 5, PREFACE, 0, 5);
  }

  static byte[] encode(MessageLite header, MessageLite message) {
    byte[] head = header.toByteArray();
    byte[] body = message.toByteArray();
    return ByteBuffer.allocate(6 + head.length + body.length).putInt(2 + head.length + body.length)
        .putShort((short) head.length).put(head).put(body).array();
  }

  static Response read(DataInputStream stream) throws IOException {
    int length = stream.readInt();
    int headerLength = stream.readUnsignedShort();
    if (length < 2 + headerLength || length > MAX_FRAME_BYTES) {
      throw new IOException("a frame of " + length + " bytes with a header of " + headerLength);
    }
    byte[] frame = new byte[length - 2];
    stream.readFully(frame);
    var header = ResponseHeader.parseFrom(Arrays.copyOf(frame, headerLength));
    return new Response(header, Arrays.copyOfRange(frame, headerLength, frame.length));
  }
}
