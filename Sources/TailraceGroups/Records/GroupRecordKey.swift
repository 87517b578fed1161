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
    guard let (kind, rest) = Self.split(text[...]), let key = Self.key(kind, rest),
      key.text.utf8.elementsEqual(text.utf8)
    else { return nil }
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
    guard let (length, names) = split(text), let count = Int(length), (1...GroupID.maxBytes).contains(count),
      names.utf8.count > count + 1
    else { return nil }
    let group = String(decoding: names.utf8.prefix(count), as: UTF8.self)
    let member = String(decoding: names.utf8.dropFirst(count + 1), as: UTF8.self)
    guard let group = GroupID(group), let member = MemberID(member) else { return nil }
    return (group, member)
  }

  private static func offset(_ text: Substring) -> GroupRecordKey? {
    guard let (topic, rest) = split(text), let (index, group) = split(rest), let topic = TopicID(hexadecimal: topic),
      let index = UInt32(index), let group = GroupID(String(group))
    else { return nil }
    return .offset(group, PartitionID(topic: topic, index: index))
  }

  /// What is before the first "/", and what is behind it.
  private static func split(_ text: Substring) -> (Substring, Substring)? {
    guard let slash = text.utf8.firstIndex(of: UInt8(ascii: "/")) else { return nil }
    return (text[..<slash], text[text.utf8.index(after: slash)...])
  }
}
