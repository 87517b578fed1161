package import TailraceWire

/// What a record of the groups' log is about. Of each key the latest record counts:
///
/// | key | value | no value |
/// |---|---|---|
/// | `group/GROUP` | `GroupRecord` | the group is gone |
/// | `member/BYTES/GROUP/MEMBER` | `GroupMemberRecord` | the member is out |
/// | `assignment/BYTES/GROUP/MEMBER` | `GroupAssignmentRecord` | it has nothing |
/// | `offset/TOPIC-ID/PARTITION/GROUP` | `CommittedOffsetRecord` | it is forgotten |
///
/// Names may hold any sign, "/" too: what has no "/" comes first, and BYTES says how long GROUP is.
package enum GroupRecordKey: Sendable, Hashable {
  case group(GroupID)
  case member(GroupID, MemberID)
  case assignment(GroupID, MemberID)
  case offset(GroupID, PartitionID)

  /// The group that the record belongs to.
  package var group: GroupID {
    switch self {
    case .group(let group), .member(let group, _), .assignment(let group, _), .offset(let group, _): group
    }
  }

  /// As it is stored.
  package var text: String {
    switch self {
    case .group(let group): "group/\(group)"
    case .member(let group, let member): "member/\(group.name.utf8.count)/\(group)/\(member)"
    case .assignment(let group, let member): "assignment/\(group.name.utf8.count)/\(group)/\(member)"
    case .offset(let group, let partition): "offset/\(partition.topic)/\(partition.index)/\(group)"
    }
  }

  /// Nil for keys of a later release, and for what no key of this one looks like.
  package init?(_ text: String) {
    guard let (kind, rest) = Self.split(text[...]), let key = Self.key(kind, rest) else { return nil }
    self = key
  }

  private static func key(_ kind: Substring, _ rest: Substring) -> GroupRecordKey? {
    switch kind {
    case "group": GroupID(String(rest)).map { .group($0) }
    case "member": groupAndMember(rest).map { .member($0, $1) }
    case "assignment": groupAndMember(rest).map { .assignment($0, $1) }
    case "offset": offset(rest)
    default: nil
    }
  }

  private static func groupAndMember(_ text: Substring) -> (GroupID, MemberID)? {
    guard let (length, names) = split(text), let count = number(length).map(Int.init),
      let slash = names.utf8.index(names.startIndex, offsetBy: count, limitedBy: names.endIndex),
      slash < names.endIndex, names.utf8[slash] == UInt8(ascii: "/"),
      let group = GroupID(String(names[..<slash])),
      let member = MemberID(String(names[names.utf8.index(after: slash)...]))
    else { return nil }
    return (group, member)
  }

  private static func offset(_ text: Substring) -> GroupRecordKey? {
    guard let (topic, rest) = split(text), let (index, group) = split(rest), let topic = self.topic(topic),
      let index = number(index), let group = GroupID(String(group))
    else { return nil }
    return .offset(group, PartitionID(topic: topic, index: index))
  }

  // By hand, byte by byte: a million keys are read at a start, and library functions of any text and any number take
  // most of its time.

  /// A number as `text` writes it: digits, without zeros in front.
  private static func number(_ text: Substring) -> UInt32? {
    guard let first = text.utf8.first, first != UInt8(ascii: "0") || text.utf8.count == 1 else { return nil }
    var value: UInt32 = 0
    for digit in text.utf8 {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      let (shifted, isLong) = value.multipliedReportingOverflow(by: 10)
      let (sum, isLarge) = shifted.addingReportingOverflow(UInt32(digit - UInt8(ascii: "0")))
      guard !isLong, !isLarge else { return nil }
      value = sum
    }
    return value
  }

  /// A topic's id as `text` writes it: 32 lower-case hexadecimal digits.
  private static func topic(_ text: Substring) -> TopicID? {
    guard text.utf8.count == 32 else { return nil }
    var high: UInt64 = 0
    var low: UInt64 = 0
    for digit in text.utf8 {
      let value: UInt8
      switch digit {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
      default: return nil
      }
      high = high << 4 | low >> 60
      low = low << 4 | UInt64(value)
    }
    return TopicID(high: high, low: low)
  }

  /// What is before the first "/", and what is behind it.
  private static func split(_ text: Substring) -> (Substring, Substring)? {
    guard let slash = text.utf8.firstIndex(of: UInt8(ascii: "/")) else { return nil }
    return (text[..<slash], text[text.utf8.index(after: slash)...])
  }
}
