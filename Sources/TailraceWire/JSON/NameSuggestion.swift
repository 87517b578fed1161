/// Finds the name that somebody who mistyped it may have meant.
package enum NameSuggestion {
  /// Longer names are not compared: the work grows with the product of the lengths.
  private static let maxNameBytes = 64
  /// Candidates looked at.
  private static let maxCandidates = 256

  /// The closest of `candidates`, if at most a third of the name's characters must change to reach it.
  package static func closest(to name: String, among candidates: some Sequence<String>) -> String? {
    let name = Array(name.utf8.prefix(maxNameBytes + 1))
    guard name.count <= maxNameBytes else { return nil }
    var best: (name: String, distance: Int)?
    for candidate in candidates.prefix(maxCandidates) where candidate.utf8.count <= maxNameBytes {
      let distance = distance(name, Array(candidate.utf8))
      if distance <= max(1, name.count / 3) && distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.name
  }

  /// Levenshtein's distance, letter case ignored.
  package static func distance(_ first: [UInt8], _ second: [UInt8]) -> Int {
    var row = Array(0...second.count)
    for (i, left) in first.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, right) in second.enumerated() {
        let substitution = diagonal + (left | 0x20 == right | 0x20 ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(substitution, row[j] + 1, row[j + 1] + 1)
      }
    }
    return row[second.count]
  }
}
