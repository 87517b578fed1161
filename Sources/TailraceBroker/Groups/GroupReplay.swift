internal import NIOCore
internal import TailraceGroups

/// Groups as they come from the log. Of each key the latest record counts: one that is damaged does no harm once there is a
/// later one.
struct GroupReplay {
  private let catalog: TopicCatalog
  private let limits: GroupLimits
  /// Records of other groups are left out; nil: of none.
  private let wanted: Set<GroupID>?
  private(set) var groups: [GroupID: Group] = [:]
  private var damaged: [GroupID: [GroupRecordKey: GroupError]] = [:]

  /// `wanted`: groups that are read whether or not the log has records of them, and no others; nil: all it has.
  init(_ wanted: [GroupID]? = nil, catalog: TopicCatalog, limits: GroupLimits) {
    self.catalog = catalog
    self.limits = limits
    self.wanted = wanted.map { Set($0) }
    for id in wanted ?? [] { groups[id] = Group(id, topics: catalog, limits: limits) }
  }

  /// `value` nil: a tombstone.
  mutating func take(_ key: GroupRecordKey, _ value: ByteBuffer?) {
    let id = key.group
    guard wanted?.contains(id) ?? true else { return }
    do throws(GroupError) {
      try groups[id, default: Group(id, topics: catalog, limits: limits)].replay(key, value)
      if !damaged.isEmpty { damaged[id]?[key] = nil }
    } catch { damaged[id, default: [:]][key] = error }
  }

  /// Why a group cannot be used; nil where it can.
  func damage(of id: GroupID) -> GroupError? { damaged[id]?.values.first }
}
