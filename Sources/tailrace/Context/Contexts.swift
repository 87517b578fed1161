import TailraceClient
import TailraceWire

/// A broker by name.
struct Context: Hashable, Sendable {
  /// 1 to 64 letters, digits, dots, underscores and dashes; does not begin with a dash.
  let name: String
  let server: ServerAddress

  static func isName(_ text: String) -> Bool {
    guard (1...64).contains(text.utf8.count), !text.hasPrefix("-") else { return false }
    return text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
  }
}

/// The brokers that a user has named, and which of them is in use.
struct Contexts: Hashable, Sendable {
  /// What this release reads and writes. A file of a later one is refused, and left as it is.
  static let version: Int64 = 1
  /// Most contexts, inclusive.
  static let maxCount = 1_000

  /// By name, each once.
  private(set) var all: [Context] = []
  /// The name of the one in use; nil: none is.
  private(set) var current: String?

  func context(named name: String) -> Context? { all.first { $0.name == name } }

  /// Adds a context; false where there is one of that name, or no room.
  mutating func add(_ context: Context) -> Bool {
    guard self.context(named: context.name) == nil, all.count < Self.maxCount else { return false }
    all.append(context)
    all.sort { $0.name < $1.name }
    return true
  }

  /// Takes a context out, also of use; false where there is none of that name.
  mutating func remove(_ name: String) -> Bool {
    guard context(named: name) != nil else { return false }
    all.removeAll { $0.name == name }
    if current == name { current = nil }
    return true
  }

  /// Takes a context into use; false where there is none of that name.
  mutating func use(_ name: String) -> Bool {
    guard context(named: name) != nil else { return false }
    current = name
    return true
  }
}

/// What is wrong with a file of contexts: "contexts[0].server is not HOST:PORT".
struct ContextsError: Error, Hashable, CustomStringConvertible {
  let description: String
}

/// The file: {"version":1,"current":"a","contexts":[{"name":"a","server":"127.0.0.1:7171"}]}.
extension Contexts {
  var json: String {
    var json = JSONWriter(isPretty: true)
    json.object { json in
      json.member("version", Self.version)
      json.member("current", current)
      json.member("contexts", all) { json, context in
        json.object { json in
          json.member("name", context.name)
          json.member("server", "\(context.server)")
        }
      }
    }
    return json.text + "\n"
  }

  /// Reads what `json` writes, and nothing else: a member that is not known may be what a context needs.
  init(json text: String) throws(ContextsError) {
    let value: JSONValue
    do throws(JSONParseError) { value = try JSONParser.parse(text) } catch {
      throw ContextsError(description: "not a JSON text: \(error)")
    }
    let members = try Self.members(of: value, "the file")
    // Before anything else: a later version may have all the rest otherwise.
    guard case .number(let digits)? = members["version"], let version = Int64(digits) else {
      throw ContextsError(description: "version is missing, or no number")
    }
    guard version == Self.version else {
      throw ContextsError(description: "version \(version) is not known; this release reads version \(Self.version)")
    }
    try Self.requireOnly(["version", "current", "contexts"], in: members, "")
    guard case .array(let elements)? = members["contexts"] else {
      throw ContextsError(description: "contexts is missing, or no array")
    }
    for (index, element) in elements.enumerated() {
      guard add(try Self.context(element, at: "contexts[\(index)]")) else {
        throw ContextsError(description: "contexts[\(index)] has the name of another, or is one too many")
      }
    }
    switch members["current"] {
    case .null?, nil: break
    case .string(let name)? where use(name): break
    default: throw ContextsError(description: "current is none of the contexts")
    }
  }

  private static func context(_ value: JSONValue, at path: String) throws(ContextsError) -> Context {
    let members = try members(of: value, path)
    try requireOnly(["name", "server"], in: members, "\(path).")
    guard case .string(let name)? = members["name"], Context.isName(name) else {
      throw ContextsError(description: "\(path).name is missing, or no name")
    }
    guard case .string(let text)? = members["server"], let server = ServerAddress(text) else {
      throw ContextsError(description: "\(path).server is missing, or not HOST:PORT")
    }
    return Context(name: name, server: server)
  }

  private static func members(of value: JSONValue, _ path: String) throws(ContextsError) -> [String: JSONValue] {
    guard case .object(let members) = value else { throw ContextsError(description: "\(path) is no object") }
    return Dictionary(members.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
  }

  private static func requireOnly(
    _ names: Set<String>, in members: [String: JSONValue], _ prefix: String
  ) throws(ContextsError) {
    guard let other = members.keys.filter({ !names.contains($0) }).min() else { return }
    throw ContextsError(description: "\(prefix)\(other) is not known")
  }
}
