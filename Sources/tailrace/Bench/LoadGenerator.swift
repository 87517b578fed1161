import CTailraceBench
import NIOCore
import TailraceWire

/// Request frames, encoded before a run: as many as are in flight, or a multiple of that.
struct LoadFrames {
  private(set) var frames: [ByteBuffer] = []
  let depth: Int
  private let encoder = FrameEncoder()

  init(depth: Int) { self.depth = depth }

  /// Adds a call; frames of one slot share a call id.
  mutating func append(_ method: RPCMethod, _ message: some WireMessage) throws {
    var frame = ByteBuffer()
    let header = RequestHeader(callID: UInt64(frames.count % depth) + 1, method: method.fullName)
    try encoder.writeRequest(header, message: try message.encoded(), to: &frame)
    frames.append(frame)
  }

  /// Drops what is past the last multiple of the depth.
  mutating func trim() { frames.removeLast(frames.count % depth) }

  /// The frames as the generator takes them.
  func withCFrames<R>(_ body: (UnsafeBufferPointer<ctb_frame>) -> R) -> R {
    // One block for all, so that the pointers stay put for as long as the run takes.
    let bytes = frames.flatMap { Array($0.readableBytesView) }
    return bytes.withUnsafeBufferPointer { block in
      var at = 0
      let cFrames = frames.map { frame in
        defer { at += frame.readableBytes }
        return ctb_frame(data: block.baseAddress.map { $0 + at }, length: frame.readableBytes)
      }
      return cFrames.withUnsafeBufferPointer(body)
    }
  }
}

/// One run of the generator.
struct Load {
  var target: BenchTarget
  var connections: Int
  var frames: LoadFrames
  var warmUpSeconds: Double
  var seconds: Double
  /// Of a closed loop; 0 = no bound.
  var maxCalls: UInt64 = 0
  /// Calls per second, on all connections together, that are due whatever became of those before; 0 = a closed loop.
  var rate: Double = 0
}

extension Load {
  /// Runs the load on this thread and returns when it is over.
  func run() throws -> LoadResult {
    try LoadResult.measure(target) { latencies, capacity, result in
      frames.withCFrames { cFrames in
        target.host.withCString { host in
          var load = ctb_load(
            address: host, port: target.port, connections: UInt32(connections), depth: UInt32(frames.depth),
            frames: cFrames.baseAddress, frame_count: cFrames.count, warm_up_seconds: warmUpSeconds, seconds: seconds,
            max_calls: maxCalls, rate: rate)
          return ctb_run_load(&load, latencies, capacity, &result)
        }
      }
    }
  }
}
