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
///
/// Memory is its own, and places in it are checked where they come from outside: every call of every connection passes
/// here twice.
struct CallTable: ~Copyable {
  private struct Slot {
    /// The client's number; 0 where the slot is free.
    var clientID: UInt64 = 0
    var serial: UInt64 = 0
    var deadline: NIODeadline = .distantFuture
    var credit: UInt64 = 0
    /// Of the credit, what was sent; it may be passed by the last message.
    var spent: UInt64 = 0
    /// The next free slot, plus one; 0 = none.
    var nextFree = 0
  }

  /// What becomes of a call that comes in.
  enum Admission: Equatable {
    case admitted(CallID)
    /// A call of that number is in flight already.
    case inFlight
    case full
  }

  let capacity: Int
  private var slots: UnsafeMutableBufferPointer<Slot>
  /// Of `slots`, those that were ever used.
  private var usedSlots = 0
  /// As `Slot.nextFree`.
  private var firstFree = 0
  /// Places in `slots`, plus one; 0 is an empty bucket. A power of two of them, twice as many as slots.
  private var buckets: UnsafeMutableBufferPointer<Int32>
  private var lastSerial: UInt64 = 0
  /// Calls in the table.
  private(set) var count = 0
  /// No call's deadline is earlier than this.
  private(set) var earliestDeadline: NIODeadline = .distantFuture

  /// - Parameter capacity: Most calls in flight, from 1 to 65,535; cut to that.
  init(capacity: Int) {
    self.capacity = min(max(1, capacity), Int(UInt16.max))
    (slots, buckets) = Self.makeMemory(slotCount: 8)
  }

  deinit {
    slots.deallocate()
    buckets.deallocate()
  }

  var isEmpty: Bool { count == 0 }
  var isFull: Bool { count >= capacity }

  /// Our number for the call in flight that the client calls `clientID`.
  func call(named clientID: UInt64) -> CallID? {
    let bucket = bucket(of: clientID)
    return buckets[bucket] == 0 ? nil : callID(at: Int(buckets[bucket]) - 1)
  }

  func contains(_ call: CallID) -> Bool {
    let place = Int(call.rawValue & 0xFFFF)
    return place < usedSlots && slots[place].serial == call.rawValue >> 16 && slots[place].clientID != 0
  }

  /// Adds a call whose number is not 0, unless it is in flight or the table is full.
  mutating func admit(clientID: UInt64, deadline: NIODeadline, credit: UInt64) -> Admission {
    precondition(clientID != 0)
    var bucket = bucket(of: clientID)
    guard buckets[bucket] == 0 else { return .inFlight }
    guard !isFull else { return .full }
    if firstFree == 0, usedSlots == slots.count {
      grow()
      bucket = self.bucket(of: clientID)
    }
    let place = takeSlot()
    lastSerial += 1
    slots[place] = Slot(clientID: clientID, serial: lastSerial, deadline: deadline, credit: credit)
    buckets[bucket] = Int32(place + 1)
    count += 1
    earliestDeadline = min(earliestDeadline, deadline)
    return .admitted(callID(at: place))
  }

  /// Removes a call and returns the client's number for it; nil where it is not in flight any more.
  mutating func remove(_ call: CallID) -> UInt64? {
    let place = Int(call.rawValue & 0xFFFF)
    guard place < usedSlots, slots[place].serial == call.rawValue >> 16, slots[place].clientID != 0 else {
      return nil
    }
    let clientID = slots[place].clientID
    empty(bucket(of: clientID))
    slots[place] = Slot(nextFree: firstFree)
    firstFree = place + 1
    count -= 1
    if count == 0 { earliestDeadline = .distantFuture }
    return clientID
  }

  /// What is left of a call's credit; 0 where it is not in flight.
  func credit(of call: CallID) -> UInt64 {
    guard contains(call) else { return 0 }
    let slot = slots[Int(call.rawValue & 0xFFFF)]
    return slot.credit > slot.spent ? slot.credit - slot.spent : 0
  }

  /// Takes bytes from the credit of a call in flight, and returns the client's number for it; nil where it is not.
  mutating func spend(_ byteCount: Int, of call: CallID) -> UInt64? {
    guard contains(call) else { return nil }
    let place = Int(call.rawValue & 0xFFFF)
    slots[place].spent &+= UInt64(byteCount)
    return slots[place].clientID
  }

  /// Adds to the credit of a call in flight. False where the sum passes what 64 bits hold.
  mutating func grant(_ credit: UInt64, to call: CallID) -> Bool {
    let place = Int(call.rawValue & 0xFFFF)
    precondition(place < usedSlots)
    let (sum, overflow) = slots[place].credit.addingReportingOverflow(credit)
    slots[place].credit = sum
    return !overflow
  }

  /// The calls whose deadline is not after `now`. Looks through all calls, and settles `earliestDeadline` anew for
  /// those that are not due.
  mutating func overdue(at now: NIODeadline) -> [CallID] {
    var due: [CallID] = []
    earliestDeadline = .distantFuture
    for place in 0..<usedSlots where slots[place].clientID != 0 {
      if slots[place].deadline <= now {
        due.append(callID(at: place))
      } else {
        earliestDeadline = min(earliestDeadline, slots[place].deadline)
      }
    }
    return due
  }

  private func callID(at place: Int) -> CallID { CallID(rawValue: slots[place].serial << 16 | UInt64(place)) }

  // MARK: Memory

  private static func makeMemory(
    slotCount: Int
  ) -> (UnsafeMutableBufferPointer<Slot>, UnsafeMutableBufferPointer<Int32>) {
    let slots = UnsafeMutableBufferPointer<Slot>.allocate(capacity: slotCount)
    slots.initialize(repeating: Slot())
    let buckets = UnsafeMutableBufferPointer<Int32>.allocate(capacity: 2 * slotCount)
    buckets.initialize(repeating: 0)
    return (slots, buckets)
  }

  /// Makes room for twice as many calls.
  private mutating func grow() {
    let (oldSlots, oldBuckets) = (slots, buckets)
    (slots, buckets) = Self.makeMemory(slotCount: 2 * oldSlots.count)
    for place in 0..<usedSlots {
      slots[place] = oldSlots[place]
      if slots[place].clientID != 0 { buckets[bucket(of: slots[place].clientID)] = Int32(place + 1) }
    }
    oldSlots.deallocate()
    oldBuckets.deallocate()
  }

  private mutating func takeSlot() -> Int {
    guard firstFree > 0 else {
      usedSlots += 1
      return usedSlots - 1
    }
    let place = firstFree - 1
    firstFree = slots[place].nextFree
    return place
  }

  // MARK: Buckets

  private func home(_ clientID: UInt64) -> Int {
    // Fibonacci hashing: the upper bits of the product are well mixed.
    let mixed = clientID &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: mixed >> UInt64(64 - buckets.count.trailingZeroBitCount))
  }

  /// The bucket that names the call of that number, or the empty one where it would be.
  private func bucket(of clientID: UInt64) -> Int {
    var bucket = home(clientID)
    while buckets[bucket] != 0, slots[Int(buckets[bucket]) - 1].clientID != clientID {
      bucket = (bucket + 1) & (buckets.count - 1)
    }
    return bucket
  }

  /// Empties a bucket and moves those behind it up, so that no search ends early.
  private mutating func empty(_ bucket: Int) {
    let mask = buckets.count - 1
    var hole = bucket
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
