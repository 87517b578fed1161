extension StringProtocol {
  /// The text as messages quote it: what came from outside is cut to 200 bytes, so that no answer grows with it.
  package var excerpt: String {
    let bound = 200
    return utf8.count <= bound ? String(self) : String(decoding: utf8.prefix(bound), as: UTF8.self) + "..."
  }
}
