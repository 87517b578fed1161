import com.google.protobuf.Message;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import tailrace.v1.Frame.RequestHeader;
import tailrace.v1.Frame.Status;

/** A connection to the native door, one call at a time. Not thread-safe. */
final class Connection implements AutoCloseable {
  /** Little, so that the broker has to wait for more; a mebibyte is usual. */
  private static final int CREDIT_BYTES = 500;
  private static final int CANCELLED = 1;
  private static final MessageLite NOTHING = RequestHeader.getDefaultInstance();

  private final Socket socket = new Socket();
  private final DataInputStream stream;
  private long calls = 0;

  /** A call that failed as a whole. */
  static final class CallFailed extends IOException {
    private static final long serialVersionUID = 1;
    final transient Status status;

    CallFailed(Status status) {
      super(status.getMessage());
      this.status = status;
    }
  }

  Connection(String host, int port) throws IOException {
    socket.connect(new InetSocketAddress(host, port), 10_000);
    socket.setSoTimeout(30_000);
    socket.setTcpNoDelay(true);
    socket.getOutputStream().write(Frames.PREFACE);
    stream = new DataInputStream(new BufferedInputStream(socket.getInputStream()));
    if (!Frames.isGreeting(stream.readNBytes(8))) throw new IOException("no Tailrace broker that speaks version 1");
  }

  void send(RequestHeader header, MessageLite message) throws IOException {
    socket.getOutputStream().write(Frames.encode(header, message));
  }

  /** The next frame. Throws CallFailed where it tells of a failure. */
  Frames.Response receive() throws IOException {
    var response = Frames.read(stream);
    if (response.header().getStatus().getCode() != 0) throw new CallFailed(response.header().getStatus());
    return response;
  }

  /** Sends a request and waits for its answer. */
  <Response extends Message> Response call(String method, MessageLite request, Parser<Response> parser)
      throws IOException {
    calls += 1;
    send(RequestHeader.newBuilder().setCallId(calls).setMethod("tailrace.v1." + method).setTimeoutMs(20_000).build(),
        request);
    return parser.parseFrom(receive().message());
  }

  /** Takes responses of a stream until it returns false. */
  interface Taker<Response> {
    boolean take(Response response) throws IOException;
  }

  /** The broker sends as many bytes as it has credit for: what was taken is granted anew. */
  <Response extends Message> void stream(
      String method, MessageLite request, Parser<Response> parser, Taker<Response> taker) throws IOException {
    calls += 1;
    send(RequestHeader.newBuilder().setCallId(calls).setMethod("tailrace.v1." + method).setCredit(CREDIT_BYTES).build(),
        request);
    while (true) {
      var response = receive();
      if (!taker.take(parser.parseFrom(response.message()))) break;
      if (response.header().getEndOfStream()) return;
      send(RequestHeader.newBuilder().setCallId(calls).setCredit(response.message().length).build(), NOTHING);
    }
    cancel();
  }

  /** Gives up the last call, and drops what was under way. */
  private void cancel() throws IOException {
    send(RequestHeader.newBuilder().setCallId(calls).setCancel(true).build(), NOTHING);
    try {
      while (!receive().header().getEndOfStream()) continue;
    } catch (CallFailed failure) {
      if (failure.status.getCode() != CANCELLED) throw failure;
    }
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
