#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif
internal import TailraceWire

/// The latest offset of each key that a pass of compaction has seen, in a fixed piece of memory.
///
/// Open addressing with linear probing, 24 bytes a slot, three quarters of the slots used at most. The system commits a
/// page of it when it is first written, so a partition with few keys costs little. Not thread-safe.
final class KeyMap {
  private struct Slot {
    var low: UInt64
    var high: UInt64
    /// The offset plus one; 0 where the slot is free.
    var mark: Int64
  }

  /// Bytes of a slot.
  static let slotBytes = 24
  /// The least that a map may have.
  static let minBytes = 8 * slotBytes

  private let slots: UnsafeMutablePointer<Slot>
  private let slotCount: Int
  /// Keys in the map.
  private(set) var count = 0

  /// A map of at most `byteCount` bytes, but at least `minBytes`; nil where there is no memory for it.
  init?(byteCount: Int) {
    slotCount = max(byteCount, Self.minBytes) / Self.slotBytes
    guard let memory = calloc(slotCount, MemoryLayout<Slot>.stride) else { return nil }
    slots = memory.bindMemory(to: Slot.self, capacity: slotCount)
  }

  deinit { free(slots) }

  /// Keys that the map takes.
  var capacity: Int { slotCount / 4 * 3 }

  /// Notes that the key's latest offset is `offset`; offsets come in order. False, and nothing is noted, where the key
  /// is new and the map full.
  func note(_ key: KeyHash, at offset: Offset) -> Bool {
    let slot = place(of: key)
    if slots[slot].mark == 0 {
      guard count < capacity else { return false }
      count += 1
    }
    slots[slot] = Slot(low: key.low, high: key.high, mark: offset.rawValue + 1)
    return true
  }

  /// The latest offset of a key; nil where it was not seen.
  func latestOffset(of key: KeyHash) -> Offset? {
    let mark = slots[place(of: key)].mark
    return mark == 0 ? nil : Offset(mark - 1)
  }

  /// The slot with the key, or the free one where it belongs. There always is a free one.
  private func place(of key: KeyHash) -> Int {
    var slot = Int(key.low.multipliedFullWidth(by: UInt64(slotCount)).high)
    while slots[slot].mark != 0, slots[slot].low != key.low || slots[slot].high != key.high {
      slot += 1
      if slot == slotCount { slot = 0 }
    }
    return slot
  }
}
