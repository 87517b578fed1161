import TailraceWire

/// Fetches and prints, the next fetch under way while the last one is printed.
struct ConsumeLoop {
  private var session: ConsumeSession
  private let fetcher: Fetcher
  private let interruption: Interruption
  private(set) var printer: RecordPrinter
  /// Records still to be printed; nil: no bound.
  private var left: Int?
  private var output = StandardOutput()

  /// Output is written once it is as long, and after each response.
  private static let outputBytes = 256 << 10

  init(
    session: ConsumeSession, fetcher: Fetcher, interruption: Interruption, printer: RecordPrinter, limit: Int?
  ) {
    self.session = session
    self.fetcher = fetcher
    self.interruption = interruption
    self.printer = printer
    left = limit
  }

  /// Returns at the end, at the limit, or when interrupted. Throws CommandFailure and RPCError.
  mutating func run() async throws {
    var next = startFetch()
    defer { next?.cancel() }
    while let fetch = next {
      let response: FetchResponse
      do {
        response = try await fetch.value
      } catch {
        if interruption.isRequested { return }
        throw error
      }
      let fetched = try session.take(response)
      if let failure = fetched.failures.first { throw failure }
      next = startFetch()
      for batch in fetched.batches where left != 0 && !interruption.isRequested { try print(batch) }
      try output.flush()
      if left == 0 || interruption.isRequested { return }
      // `consume | head` ends even where no more records come.
      if output.descriptor.hasLostReader { throw CommandFailure.readerGone }
    }
  }

  private mutating func startFetch() -> Task<FetchResponse, any Error>? {
    guard !session.isAtEnd else { return nil }
    let request = session.nextRequest()
    return Task { [fetcher] in try await fetcher.fetch(request) }
  }

  private mutating func print(_ batch: FetchedBatch) throws(CommandFailure) {
    var records = FetchedRecords(batch)
    do throws(CommandFailure) {
      while left != 0, !interruption.isRequested, let record = try records.next() {
        if try printer.print(record, to: &output) { left = left.map { $0 - 1 } }
        if output.bytes.count >= Self.outputBytes { try output.flush() }
      }
    } catch {
      // What is whole before the failure is printed.
      try output.flush()
      throw error
    }
  }
}
