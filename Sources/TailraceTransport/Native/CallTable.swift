internal import NIOCore
internal import TailraceWire

/// The calls in flight on one connection.
///
/// The client's number for a call finds it again when a second call or a `cancel` names that number. To the dispatcher
/// a call goes by a number of our own that is never used twice: a client may use its number again as soon as the call
/// is answered, while the answer to a call that was given up can still come from another thread.
///
/// Numbers of our own are a place in `slots` (lower 16 bits) and a serial number. Client's numbers are found through
/// an open-addressing table of places: one multiplication to find a bucket, and, should a client choose its numbers so
/// as to collide, at worst a walk over as many buckets as there may be calls.
struct CallTable {
  private struct Slot {
    /// The client's number; 0 where the slot is free.
    var clientID: UInt64 = 0
    var serial: UInt64 = 0
    var deadline: NIODeadline = .distantFuture
    var credit: UInt64 = 0
  }

  let capacity: Int
  private var slots: [Slot] = []
  private var freeSlots: [Int] = []
  /// Places in `slots`, plus one; 0 is an empty bucket. A power of two of them, at least twice as many as slots.
  private var buckets: [Int32] = []
  private var lastSerial: UInt64 = 0
  /// Calls in the table.
  private(set) var count = 0
  /// No call's deadline is earlier than this.
  private(set) var earliestDeadline: NIODeadline = .distantFuture

  /// - Parameter capacity: Most calls in flight, from 1 to 65,535; cut to that.
  init(capacity: Int) {
    self.capacity = min(max(1, capacity), Int(UInt16.max))
  }

  var isEmpty: Bool { count == 0 }
  var isFull: Bool { count >= capacity }

  /// Our number for the call in flight that the client calls `clientID`.
  func call(named clientID: UInt64) -> CallID? {
    guard let bucket = bucket(of: clientID) else { return nil }
    let place = Int(buckets[bucket]) - 1
    return CallID(rawValue: slots[place].serial << 16 | UInt64(place))
  }

  /// Adds a call whose number is not 0 and not in flight, to a table that is not full.
  mutating func insert(clientID: UInt64, deadline: NIODeadline, credit: UInt64) -> CallID {
    precondition(!isFull && clientID != 0)
    let place = takeSlot()
    lastSerial += 1
    slots[place] = Slot(clientID: clientID, serial: lastSerial, deadline: deadline, credit: credit)
    count += 1
    earliestDeadline = min(earliestDeadline, deadline)
    link(place)
    return CallID(rawValue: lastSerial << 16 | UInt64(place))
  }

  /// Removes a call and returns the client's number for it; nil where it is not in flight any more.
  mutating func remove(_ call: CallID) -> UInt64? {
    let place = Int(call.rawValue & 0xFFFF)
    guard place < slots.count, slots[place].serial == call.rawValue >> 16, slots[place].clientID != 0 else {
      return nil
    }
    let clientID = slots[place].clientID
    unlink(clientID)
    slots[place] = Slot()
    freeSlots.append(place)
    count -= 1
    if count == 0 { earliestDeadline = .distantFuture }
    return clientID
  }

  /// Adds to a call's credit. False where the sum passes what 64 bits hold.
  mutating func grant(_ credit: UInt64, to call: CallID) -> Bool {
    let place = Int(call.rawValue & 0xFFFF)
    let (sum, overflow) = slots[place].credit.addingReportingOverflow(credit)
    slots[place].credit = sum
    return !overflow
  }

  /// The calls whose deadline is not after `now`. Looks through all calls, and settles `earliestDeadline` anew for
  /// those that are not due.
  mutating func overdue(at now: NIODeadline) -> [CallID] {
    var due: [CallID] = []
    earliestDeadline = .distantFuture
    for place in slots.indices where slots[place].clientID != 0 {
      if slots[place].deadline <= now {
        due.append(CallID(rawValue: slots[place].serial << 16 | UInt64(place)))
      } else {
        earliestDeadline = min(earliestDeadline, slots[place].deadline)
      }
    }
    return due
  }

  // MARK: Buckets

  private mutating func takeSlot() -> Int {
    if let place = freeSlots.popLast() { return place }
    slots.append(Slot())
    if slots.count * 2 > buckets.count {
      buckets = Array(repeating: 0, count: max(16, buckets.count * 2))
      for place in slots.indices where slots[place].clientID != 0 { link(place) }
    }
    return slots.count - 1
  }

  private func home(_ clientID: UInt64) -> Int {
    // Fibonacci hashing: the upper bits of the product are well mixed.
    let mixed = clientID &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: mixed >> UInt64(64 - buckets.count.trailingZeroBitCount))
  }

  private func bucket(of clientID: UInt64) -> Int? {
    guard !buckets.isEmpty else { return nil }
    var bucket = home(clientID)
    while buckets[bucket] != 0 {
      if slots[Int(buckets[bucket]) - 1].clientID == clientID { return bucket }
      bucket = (bucket + 1) & (buckets.count - 1)
    }
    return nil
  }

  private mutating func link(_ place: Int) {
    var bucket = home(slots[place].clientID)
    while buckets[bucket] != 0 { bucket = (bucket + 1) & (buckets.count - 1) }
    buckets[bucket] = Int32(place + 1)
  }

  /// Empties a bucket and moves those behind it up, so that no search ends early.
  private mutating func unlink(_ clientID: UInt64) {
    guard var hole = bucket(of: clientID) else { return }
    let mask = buckets.count - 1
    var next = (hole + 1) & mask
    while buckets[next] != 0 {
      let home = home(slots[Int(buckets[next]) - 1].clientID)
      // Whether the hole lies between its home and where it stands, around the table's end.
      if (next - home) & mask >= (next - hole) & mask {
        buckets[hole] = buckets[next]
        hole = next
      }
      next = (next + 1) & mask
    }
    buckets[hole] = 0
  }
}
