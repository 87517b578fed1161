/// Where the store is not as the model.
struct Divergence: Error, CustomStringConvertible {
  var description: String

  init(_ description: String) { self.description = description }
}

/// Throws what is wrong where `isTrue` does not hold.
func require(_ isTrue: Bool, _ what: @autoclosure () -> String) throws(Divergence) {
  guard isTrue else { throw Divergence(what()) }
}
