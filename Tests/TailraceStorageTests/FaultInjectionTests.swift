import Glibc
import TailraceStorage
import TailraceTestSupport
import TailraceTesting
import Testing

/// Each call that storage makes of the file system fails in turn, alone or with all after it.
@Suite struct FaultInjectionTests {
  struct Kind: Sendable, CustomTestStringConvertible {
    var name: String
    var calls: Set<FileSystemCall> = Set(FileSystemCall.allCases)
    var code: Int32
    var writtenPercent = 0
    var count = 1

    var testDescription: String { name }
  }

  static let opening: Set<FileSystemCall> = [.open, .list, .syncDirectory, .lock]
  static let kinds = [
    Kind(name: "EIO once", code: EIO),
    Kind(name: "EIO from then on", code: EIO, count: .max),
    Kind(name: "ENOSPC once", code: ENOSPC),
    Kind(name: "ENOSPC from then on", code: ENOSPC, count: .max),
    Kind(name: "EDQUOT from then on", calls: [.open, .write, .createDirectory, .rename], code: EDQUOT, count: .max),
    Kind(name: "a short write, then ENOSPC", calls: [.write], code: ENOSPC, writtenPercent: 40),
    Kind(name: "a short write, then EIO", calls: [.write], code: EIO, writtenPercent: 75),
    Kind(
      name: "a short write and nothing after it", calls: [.write, .truncate], code: EIO, writtenPercent: 60, count: .max
    ),
    Kind(name: "EMFILE once", calls: opening, code: EMFILE),
    // Flushes wait for as long as descriptors are wanting.
    Kind(name: "EMFILE for a while", calls: opening, code: EMFILE, count: 25),
  ]

  @Test(arguments: kinds) func `whichever call fails the error is told and nothing acked is lost`(
    _ kind: Kind
  ) async throws {
    var generator = SeededGenerator(for: "FaultInjectionTests, \(kind.name)")
    let seed = generator.seed
    let whole = FaultRun(nil)
    try await whole.run(seed: seed)
    let callCount = whole.plan.callCount(kind.calls)
    let stride = isLongRun ? 1 : 4
    let numbers = Array(Swift.stride(from: generator.below(stride), to: callCount, by: stride))
    let total = Guarded(FaultRun.Counts())
    await withTaskGroup(of: Void.self) { group in
      for part in 0..<2 {
        let own = numbers.filter { $0 / stride % 2 == part }
        group.addTask {
          for number in own {
            let counts = await Self.run(kind, failingFrom: number, seed: seed)
            total.withLock { $0.add(counts) }
          }
        }
      }
    }
    print("FaultInjectionTests, \(kind.name): \(numbers.count) of \(callCount) calls, \(total.withLock { $0 })")
  }

  private static func run(_ kind: Kind, failingFrom number: Int, seed: UInt64) async -> FaultRun.Counts {
    let run = FaultRun(
      FileSystemFault(
        kind.calls, first: number, count: kind.count, code: kind.code, writtenPercent: kind.writtenPercent))
    do {
      try await run.run(seed: seed)
    } catch {
      Issue.record("\(error); \(kind.name), call \(number), seed \(seed)")
    }
    return run.counts
  }
}
