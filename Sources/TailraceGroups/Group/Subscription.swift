/// What a member wants to read. Topics that do not exist yet count once they do.
enum Subscription: Hashable, Sendable {
  /// Topics by name; in ascending order, each once.
  case names([String])
  /// All topics whose whole name this regular expression matches.
  case pattern(String)
}
