import ArgumentParser
import TailraceStorage

/// How the broker keeps its logs.
struct StorageOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: "Mebibytes that are left free on the disk: below that, produces are refused until there is more.")
  var diskReserveMib: Int = 256

  @Option(
    parsing: .unconditional,
    help: """
      Mebibytes that are made ready at most on disk behind what a partition holds, where produces wait for the disk; 0 \
      turns it off.
      """)
  var preallocateMib: Int = LocalLogStore.Options().preallocatedBytes >> 20

  @Option(
    parsing: .unconditional,
    help: "Mebibytes that the scrub, which looks for damage on disk, reads in a second at most; 0 turns it off.")
  var scrubMibPerSecond: Int = LocalLogStore.Options().scrubBytesPerSecond >> 20

  @Option(
    parsing: .unconditional,
    help: "Mebibytes that the keys of a partition may take while it is compacted; with more keys it takes more passes.")
  var compactionMemoryMib: Int = LocalLogStore.Options().compactionKeyMapBytes >> 20

  @Option(
    parsing: .unconditional,
    help: "Hours after which a producer with an id that did not write to a partition is forgotten there.")
  var producerExpiryHours: Int = Int(LocalLogStore.Options().producerExpiryMs / 3_600_000)

  func validate() throws {
    let bounds: [(flag: String, value: Int, range: ClosedRange<Int>)] = [
      ("--disk-reserve-mib", diskReserveMib, 0...16_777_216),
      ("--preallocate-mib", preallocateMib, 0...64),
      ("--scrub-mib-per-second", scrubMibPerSecond, 0...65_536),
      ("--compaction-memory-mib", compactionMemoryMib, 1...65_536),
      ("--producer-expiry-hours", producerExpiryHours, 1...87_600),
    ]
    for (flag, value, range) in bounds where !range.contains(value) {
      throw ValidationError("\(flag) is \(value); \(range.lowerBound) to \(range.upperBound) are allowed")
    }
  }

  var options: LocalLogStore.Options {
    var options = LocalLogStore.Options()
    options.diskReserveBytes = diskReserveMib << 20
    options.preallocatedBytes = preallocateMib << 20
    options.scrubBytesPerSecond = scrubMibPerSecond << 20
    options.compactionKeyMapBytes = compactionMemoryMib << 20
    options.producerExpiryMs = Int64(producerExpiryHours) * 3_600_000
    return options
  }
}
