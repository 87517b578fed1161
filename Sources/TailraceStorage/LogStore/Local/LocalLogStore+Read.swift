package import NIOCore
internal import TailraceWire

extension LocalLogStore {
  package func read(
    _ targets: [ReadTarget], maxBytes: Int, form: ReadForm, completion: @escaping @Sendable ([ReadOutcome]) -> Void
  ) {
    if let outcomes = readNow(targets, maxBytes: maxBytes, form: form, mayBlock: false) {
      completion(outcomes)
      return
    }
    let isTaken = pool.submit { [self] in
      completion(readNow(targets, maxBytes: maxBytes, form: form, mayBlock: true) ?? [])
    }
    if !isTaken { completion(targets.map { _ in .failed(.storeClosed, bounds: nil) }) }
  }

  package func readAtOnce(_ target: ReadTarget, maxBytes: Int, into buffer: inout ByteBuffer) -> ReadResult? {
    guard case .success(let log) = log(of: target.partition) else { return nil }
    return log.readAtOnce(target, maxBytes: min(max(0, maxBytes), max(0, target.maxBytes)), into: &buffer)
  }

  /// Nil where an index must be built first, and `mayBlock` is false.
  private func readNow(
    _ targets: [ReadTarget], maxBytes: Int, form: ReadForm, mayBlock: Bool
  ) -> [ReadOutcome]? {
    var outcomes: [ReadOutcome] = []
    outcomes.reserveCapacity(targets.count)
    var left = max(0, maxBytes)
    var isFirst = true
    for target in targets {
      switch log(of: target.partition) {
      case .failure(let error): outcomes.append(.failed(error, bounds: nil))
      case .success(let log):
        guard
          let outcome = log.read(
            target, maxBytes: min(left, max(0, target.maxBytes)), mayExceed: isFirst, form: form, mayBlock: mayBlock)
        else { return nil }
        if case .read(let result) = outcome, result.byteCount > 0 {
          left = max(0, left - result.byteCount)
          isFirst = false
        }
        outcomes.append(outcome)
      }
    }
    return outcomes
  }
}
