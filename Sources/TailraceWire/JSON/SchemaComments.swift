/// What the comments of a FileDescriptorSet say that stand before messages, fields, enums, values, services and methods.
///
/// Kept apart from `DescriptorPool`: only descriptions for people need them. Immutable and thread-safe.
package struct SchemaComments: Sendable {
  /// Levels of declarations in declarations, inclusive; what is nested deeper has no comment.
  private static let maxNesting = 32

  private var byName: [String: [String]] = [:]

  /// Of the schemas of this package.
  package static let tailrace: SchemaComments = {
    do {
      return try SchemaComments(serialized: DescriptorSet.bytes)
    } catch {
      preconditionFailure("the embedded schemas cannot be read: \(error)")
    }
  }()

  /// Reads a serialised google.protobuf.FileDescriptorSet. Nothing of `bytes` is kept.
  package init(serialized bytes: UnsafeRawBufferPointer) throws(WireError) {
    for file in try Self.parts(1, of: WireReader(bytes)) {
      var names: [[UInt64]: String] = [:]
      try Self.collect(file, .file, path: [], scope: "", into: &names)
      for info in try Self.parts(9, of: file) {
        for location in try Self.parts(1, of: info) { try note(location, names) }
      }
    }
  }

  /// The lines of the comment on what has that full name, "tailrace.v1.FetchRequest.targets"; none where there is none.
  /// A value of an enum is named below its enum, and a method below its service, each behind a dot.
  package func lines(on fullName: String) -> [String] { byName[fullName] ?? [] }

  private mutating func note(_ location: WireReader, _ names: [[UInt64]: String]) throws(WireError) {
    var path: [UInt64] = []
    for var run in try Self.parts(1, of: location) {
      while !run.isAtEnd { path.append(try run.readVarint()) }
    }
    guard let name = names[path], let comment = try Self.parts(3, of: location).last else { return }
    var lines = String(decoding: comment.rest, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    if lines.last == "" { lines.removeLast() }
    byName[name] = lines.map { String($0.hasPrefix(" ") ? $0.dropFirst() : $0) }
  }

  /// Which declarations a declaration may hold. Field numbers are those of google/protobuf/descriptor.proto.
  private enum Declaration {
    case file, message, enumeration, service, member

    func inner(_ number: UInt32) -> Declaration? {
      switch (self, number) {
      case (.file, 4), (.message, 3): .message
      case (.file, 5), (.message, 4): .enumeration
      case (.file, 6): .service
      case (.message, 2), (.enumeration, 2), (.service, 2): .member
      default: nil
      }
    }

    /// The field that has its name; a file's is its package.
    var nameField: UInt32 { self == .file ? 2 : 1 }
  }

  /// Notes the full names of a declaration and all in it, by their paths: numbers of fields and places in them, in turns.
  private static func collect(
    _ body: WireReader, _ declaration: Declaration, path: [UInt64], scope: String, into names: inout [[UInt64]: String]
  ) throws(WireError) {
    guard path.count <= 2 * maxNesting else { return }
    let name = try parts(declaration.nameField, of: body).last.map { String(decoding: $0.rest, as: UTF8.self) } ?? ""
    let fullName = scope.isEmpty ? name : "\(scope).\(name)"
    if declaration != .file { names[path] = fullName }
    var places: [UInt32: UInt64] = [:]
    var reader = body
    while let field = try reader.nextField() {
      guard let inner = declaration.inner(field.number), case .lengthDelimited(let part) = field.value else { continue }
      let place = places[field.number, default: 0]
      places[field.number] = place + 1
      try collect(part, inner, path: path + [UInt64(field.number), place], scope: fullName, into: &names)
    }
  }

  /// The length-delimited fields of that number.
  private static func parts(_ number: UInt32, of body: WireReader) throws(WireError) -> [WireReader] {
    var reader = body
    var parts: [WireReader] = []
    while let field = try reader.nextField() {
      if field.number == number, case .lengthDelimited(let part) = field.value { parts.append(part) }
    }
    return parts
  }
}
