import ArgumentParser
import Foundation

/// `tailrace fuzz decode`: frames, headers, messages and batches, random and damaged, at the decoders.
struct FuzzDecode: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "decode", abstract: "Decode random and damaged frames, messages and batches.",
    discussion: """
      Exits with 1 where a decoder accepts what it must not, refuses what it must accept, or takes more memory than its \
      limit. Input number I depends on the seed and I alone: --first I --iterations 1 repeats it.
      """)

  @Option(help: "Inputs.")
  var iterations: UInt64 = 1_000_000

  @Option(help: "Number of the first input.")
  var first: UInt64 = 0

  @Option(help: "Where random numbers begin; drawn where it is not given.")
  var seed: UInt64?

  @Option(help: "Kibibytes that may be allocated and not freed after the first tenth: any leak is more.")
  var maxGrowthKib: Int = 256

  @Option(help: "Mebibytes by which address space may ever peak above that before the first input.")
  var maxPeakMib: Int = 64

  func validate() throws {
    guard iterations > 0, (0...65_536).contains(maxGrowthKib), (0...65_536).contains(maxPeakMib),
      !first.addingReportingOverflow(iterations).overflow
    else { throw ValidationError("--iterations is above 0, --max-growth-kib and --max-peak-mib up to 65536") }
  }

  func run() async throws {
    let seed = seed ?? UInt64.random(in: 0...UInt64.max)
    // Before all else: a crash says nothing any more.
    StandardError.write("fuzz decode: --seed \(seed) --first \(first) --iterations \(iterations)\n")
    do {
      try fuzz(seed: seed)
    } catch let failure as FuzzFailure {
      StandardError.write("fuzz decode: FAILED: \(failure)\n")
      throw ExitCode(1)
    }
  }

  private func fuzz(seed: UInt64) throws {
    let types = try FuzzTypes.all()
    let maker = FuzzInputMaker(seed: seed, types: types)
    let target = try FuzzTarget(types: types)
    var report = FuzzDecodeReport()
    let start = ContinuousClock.now
    let before = FuzzMemory.now()
    var allocatedEarly = 0
    let tenth = max(1, iterations / 10)
    for number in first..<(first + iterations) {
      let input = try maker.input(number)
      var generator = FuzzGenerator(seed: seed &+ 1, stream: number)
      do throws(FuzzFailure) {
        report.add(try target.run(input, &generator), input.kind)
      } catch {
        throw FuzzFailure(
          "\(error)\n  kind \(input.kind), rerun: tailrace fuzz decode --seed \(seed) --first \(number) --iterations 1")
      }
      let done = number - first + 1
      if done == tenth { allocatedEarly = FuzzMemory.allocatedBytes }
      if done % tenth == 0 && done < iterations { StandardError.write("  up to \(number + 1)\n") }
    }
    report.print(seconds: (ContinuousClock.now - start).fuzzSeconds)
    print("greatest arena use: \(target.greatestArenaUse) bytes of \(FuzzTarget.arenaBytes)")
    try check(allocatedEarly, FuzzMemory.allocatedBytes, before, .now(), seed: seed)
  }

  private func check(
    _ allocatedEarly: Int, _ allocatedLate: Int, _ before: FuzzMemory, _ after: FuzzMemory, seed: UInt64
  ) throws(FuzzFailure) {
    let growth = allocatedLate - allocatedEarly
    let peak = after.peakAddressSpace - before.peakAddressSpace
    print("allocated and not freed after a tenth: \(allocatedEarly) bytes; at the end: \(allocatedLate)")
    print("peak resident: \(mebibytes(after.peakResident)); address space peaked \(mebibytes(peak)) above the start")
    let rerun = "rerun: tailrace fuzz decode --seed \(seed) --first \(first) --iterations \(iterations)"
    guard growth <= maxGrowthKib << 10 else {
      throw FuzzFailure("\(growth) bytes more were not freed; the bound is \(maxGrowthKib) KiB\n  \(rerun)")
    }
    guard peak <= maxPeakMib << 20 else {
      throw FuzzFailure("address space peaked \(mebibytes(peak)) higher; the bound is \(maxPeakMib) MiB\n  \(rerun)")
    }
  }
}

/// What became of the inputs, by kind.
private struct FuzzDecodeReport {
  private struct Line {
    var inputs = 0
    var outcome = FuzzTarget.Outcome()
  }

  private var lines = Array(repeating: Line(), count: FuzzKind.allCases.count)

  mutating func add(_ outcome: FuzzTarget.Outcome, _ kind: FuzzKind) {
    lines[kind.rawValue].inputs += 1
    lines[kind.rawValue].outcome.frames += outcome.frames
    lines[kind.rawValue].outcome.messagesAccepted += outcome.messagesAccepted
    lines[kind.rawValue].outcome.messagesRefused += outcome.messagesRefused
    lines[kind.rawValue].outcome.batchesAccepted += outcome.batchesAccepted
    lines[kind.rawValue].outcome.batchesRefused += outcome.batchesRefused
  }

  func print(seconds: Double) {
    let total = lines.reduce(0) { $0 + $1.inputs }
    Swift.print("iterations: \(total) in \(String(format: "%.1f", seconds)) s")
    for kind in FuzzKind.allCases {
      let line = lines[kind.rawValue]
      let outcome = line.outcome
      var text = "  \(kind): \(line.inputs) inputs, \(outcome.frames) frames, messages \(outcome.messagesAccepted)"
      text += " accepted, \(outcome.messagesRefused) refused"
      if outcome.batchesAccepted + outcome.batchesRefused > 0 {
        text += ", batches \(outcome.batchesAccepted) accepted, \(outcome.batchesRefused) refused"
      }
      Swift.print(text)
    }
  }
}

extension Duration {
  /// As a number of seconds.
  var fuzzSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
