internal import TailraceStorage
internal import TailraceWire

/// How much a Fetch may be answered with, and how much it waits for, in bytes of batches.
struct FetchBounds: Sendable, Hashable {
  /// What the response has room for, beside what it keeps for each target.
  let ceilingBytes: Int
  /// In the whole response.
  let maxBytes: Int
  let minBytes: Int

  /// What a response may take in all, and what it keeps for itself: in sum below the frame limit.
  private static let responseCeilingBytes = (16 << 20) - (64 << 10)
  private static let bytesPerTarget = 768

  /// As the request has them. `targets`: max_bytes of each.
  init(minBytes: UInt32, maxBytes: UInt32, targets: some Collection<UInt32>, door: Door) {
    let ceiling = Self.responseCeilingBytes - targets.count * Self.bytesPerTarget
    let standard = door == .native ? 8 << 20 : 1 << 20
    let most = min(maxBytes == 0 ? standard : Int(maxBytes), ceiling)
    let targetBytes = targets.reduce(0) { min(Int(UInt32.max), $0 + ($1 == 0 ? most : Int($1))) }
    // What the bounds do not let through is not worth waiting for.
    self.minBytes = min(max(1, Int(minBytes)), most, targetBytes)
    self.maxBytes = most
    ceilingBytes = ceiling
  }

  /// How much a result counts. A target of which a read could bring no more has as much as its bound lets through: more
  /// of it would change nothing.
  func counted(_ result: ReadResult, of target: ReadTarget) -> Int {
    result.hasMore ? max(result.byteCount, min(target.maxBytes, maxBytes)) : result.byteCount
  }
}
