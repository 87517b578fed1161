import Foundation
import TailraceWire

/// Where in a JSON text a value is: `user.id`, `items[0].sku`, `["odd.name"]`; a `$` or a dot may stand before it.
struct JSONPath: Hashable, Sendable {
  enum Step: Hashable, Sendable {
    case member(String)
    case element(Int)
  }

  /// At least one.
  let steps: [Step]

  /// Nil where `text` is no path.
  init?(_ text: String) {
    var rest = Substring(text)
    if rest.first == "$" { rest.removeFirst() }
    var steps: [Step] = []
    while !rest.isEmpty {
      guard let step = rest.first == "[" ? Self.bracketed(&rest) : Self.named(&rest, isFirst: steps.isEmpty) else {
        return nil
      }
      steps.append(step)
    }
    guard !steps.isEmpty else { return nil }
    self.steps = steps
  }

  /// What lies there; nil where nothing does. Of members of one name the last counts.
  func value(in json: JSONValue) -> JSONValue? {
    var value = json
    for step in steps {
      switch (step, value) {
      case (.member(let name), .object):
        guard let next = value[name] else { return nil }
        value = next
      case (.element(let index), .array(let elements)):
        guard elements.indices.contains(index) else { return nil }
        value = elements[index]
      default: return nil
      }
    }
    return value
  }

  private static func named(_ rest: inout Substring, isFirst: Bool) -> Step? {
    if rest.first == "." { rest.removeFirst() } else if !isFirst { return nil }
    let name = rest.prefix { $0 != "." && $0 != "[" }
    guard !name.isEmpty else { return nil }
    rest = rest[name.endIndex...]
    return .member(String(name))
  }

  private static func bracketed(_ rest: inout Substring) -> Step? {
    rest.removeFirst()
    if rest.first == "\"" {
      rest.removeFirst()
      guard let end = rest.range(of: "\"]") else { return nil }
      defer { rest = rest[end.upperBound...] }
      return .member(String(rest[..<end.lowerBound]))
    }
    guard let end = rest.firstIndex(of: "]"), let index = Int(rest[..<end]), index >= 0 else { return nil }
    defer { rest = rest[rest.index(after: end)...] }
    return .element(index)
  }
}
