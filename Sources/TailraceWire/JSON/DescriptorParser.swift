/// A message as its DescriptorProto has it, its types still names.
struct ParsedMessage {
  var fullName: String
  var isProto3: Bool
  var fields: [ParsedField] = []
  var oneofs: [String] = []
  var isMapEntry = false
}

/// A field as its FieldDescriptorProto has it.
struct ParsedField {
  var name = ""
  var jsonName: String?
  var number: UInt64 = 0
  var label: UInt64 = 1
  var type: UInt64 = 0
  var typeName = ""
  var oneofIndex: UInt64?
  var isProto3Optional = false
  var packed: Bool?
}

struct ParsedEnum {
  var fullName: String
  var values: [(name: String, number: Int32)] = []
}

struct ParsedMethod {
  var name = ""
  var input = ""
  var output = ""
  var clientStreaming = false
  var serverStreaming = false
}

struct ParsedService {
  var fullName: String
  var methods: [ParsedMethod] = []
}

/// Reads a FileDescriptorSet: the first of two steps, which leaves the names of types unresolved.
///
/// Field numbers are those of google/protobuf/descriptor.proto.
struct DescriptorParser {
  let limits: DescriptorPool.Limits
  private(set) var messages: [ParsedMessage] = []
  private(set) var enums: [ParsedEnum] = []
  private(set) var services: [ParsedService] = []
  private(set) var messageIndices: [String: Int] = [:]
  private(set) var enumIndices: [String: Int] = [:]
  private var serviceNames: Set<String> = []
  /// Fields, oneofs, values and methods seen so far.
  private var memberCount = 0

  init(limits: DescriptorPool.Limits) {
    self.limits = limits
  }

  mutating func parse(_ bytes: UnsafeRawBufferPointer) throws(DescriptorError) {
    guard bytes.count <= limits.maxBytes else { throw .tooLarge(maxBytes: limits.maxBytes) }
    try forEachField(of: WireReader(bytes)) { (number, value) throws(DescriptorError) in
      if number == 1, case .lengthDelimited(let file) = value { try parseFile(file) }
    }
  }

  private mutating func parseFile(_ file: WireReader) throws(DescriptorError) {
    var name = "", package = "", syntax = "proto2"
    try forEachField(of: file) { (number, value) throws(DescriptorError) in
      switch number {
      case 1: name = try text(value, in: "")
      case 2: package = try text(value, in: name)
      case 12: syntax = try text(value, in: name)
      case 14: syntax = "editions"
      default: break
      }
    }
    guard syntax == "proto2" || syntax == "proto3" || syntax.isEmpty else {
      throw .unsupportedSyntax(file: name, syntax: syntax)
    }
    guard package.isEmpty || package.split(separator: ".", omittingEmptySubsequences: false).allSatisfy(isIdentifier)
    else { throw .invalidName(scope: name) }
    let isProto3 = syntax == "proto3"
    try forEachField(of: file) { (number, value) throws(DescriptorError) in
      guard case .lengthDelimited(let body) = value else { return }
      switch number {
      case 4: try parseMessage(body, scope: package, isProto3: isProto3, depth: 0)
      case 5: try parseEnum(body, scope: package)
      case 6: try parseService(body, scope: package)
      default: break
      }
    }
  }

  private mutating func parseMessage(
    _ body: WireReader, scope: String, isProto3: Bool, depth: Int
  ) throws(DescriptorError) {
    guard depth <= limits.maxNesting else { throw .nestedTooDeeply(type: scope) }
    let fullName = try self.fullName(of: body, scope: scope)
    let index = messages.count
    try register(fullName)
    messageIndices[fullName] = index
    messages.append(ParsedMessage(fullName: fullName, isProto3: isProto3))
    var fields: [ParsedField] = []
    var oneofs: [String] = []
    var isMapEntry = false
    try forEachField(of: body) { (number, value) throws(DescriptorError) in
      guard case .lengthDelimited(let part) = value else { return }
      switch number {
      case 2:
        try countMember()
        fields.append(try parseField(part, in: fullName))
      case 3: try parseMessage(part, scope: fullName, isProto3: isProto3, depth: depth + 1)
      case 4: try parseEnum(part, scope: fullName)
      case 7: isMapEntry = try flag(7, of: part) ?? isMapEntry
      case 8:
        try countMember()
        oneofs.append(try name(of: part, in: fullName))
      default: break
      }
    }
    messages[index].fields = fields
    messages[index].oneofs = oneofs
    messages[index].isMapEntry = isMapEntry
  }

  private func parseField(_ body: WireReader, in scope: String) throws(DescriptorError) -> ParsedField {
    var field = ParsedField()
    try forEachField(of: body) { (number, value) throws(DescriptorError) in
      switch (number, value) {
      case (1, _): field.name = try text(value, in: scope)
      case (3, .varint(let number)): field.number = number
      case (4, .varint(let label)): field.label = label
      case (5, .varint(let type)): field.type = type
      case (6, _): field.typeName = try text(value, in: scope)
      case (8, .lengthDelimited(let options)): field.packed = try flag(2, of: options) ?? field.packed
      case (9, .varint(let index)): field.oneofIndex = index
      case (10, _): field.jsonName = try text(value, in: scope)
      case (17, .varint(let isOptional)): field.isProto3Optional = isOptional != 0
      default: break
      }
    }
    guard isIdentifier(field.name[...]) else { throw .invalidName(scope: scope) }
    return field
  }

  private mutating func parseEnum(_ body: WireReader, scope: String) throws(DescriptorError) {
    var result = ParsedEnum(fullName: try fullName(of: body, scope: scope))
    try register(result.fullName)
    try forEachField(of: body) { (number, value) throws(DescriptorError) in
      guard number == 2, case .lengthDelimited(let part) = value else { return }
      try countMember()
      let name = try name(of: part, in: result.fullName)
      var valueNumber: Int32 = 0
      try forEachField(of: part) { (number, value) throws(DescriptorError) in
        if number == 2, case .varint(let bits) = value { valueNumber = Int32(truncatingIfNeeded: bits) }
      }
      result.values.append((name, valueNumber))
    }
    guard !result.values.isEmpty else { throw .emptyEnum(result.fullName) }
    enumIndices[result.fullName] = enums.count
    enums.append(result)
  }

  private mutating func parseService(_ body: WireReader, scope: String) throws(DescriptorError) {
    var service = ParsedService(fullName: try fullName(of: body, scope: scope))
    try register(service.fullName)
    serviceNames.insert(service.fullName)
    try forEachField(of: body) { (number, value) throws(DescriptorError) in
      guard number == 2, case .lengthDelimited(let part) = value else { return }
      try countMember()
      service.methods.append(try parseMethod(part, in: service.fullName))
    }
    services.append(service)
  }

  private func parseMethod(_ body: WireReader, in scope: String) throws(DescriptorError) -> ParsedMethod {
    var method = ParsedMethod()
    try forEachField(of: body) { (number, value) throws(DescriptorError) in
      switch (number, value) {
      case (1, _): method.name = try text(value, in: scope)
      case (2, _): method.input = try text(value, in: scope)
      case (3, _): method.output = try text(value, in: scope)
      case (5, .varint(let streams)): method.clientStreaming = streams != 0
      case (6, .varint(let streams)): method.serverStreaming = streams != 0
      default: break
      }
    }
    guard isIdentifier(method.name[...]) else { throw .invalidName(scope: scope) }
    return method
  }

  private func register(_ fullName: String) throws(DescriptorError) {
    guard messages.count + enums.count + services.count < limits.maxTypes else {
      throw .tooManyTypes(maxTypes: limits.maxTypes)
    }
    guard messageIndices[fullName] == nil, enumIndices[fullName] == nil, !serviceNames.contains(fullName) else {
      throw .duplicateType(fullName)
    }
  }

  private mutating func countMember() throws(DescriptorError) {
    memberCount += 1
    guard memberCount <= limits.maxMembers else { throw .tooManyMembers(maxMembers: limits.maxMembers) }
  }
}

// MARK: Parts

extension DescriptorParser {
  /// Calls `body` with each field.
  private func forEachField(
    of reader: WireReader, _ body: (UInt32, WireValue) throws(DescriptorError) -> Void
  ) throws(DescriptorError) {
    var reader = reader
    while true {
      let field: WireField?
      do {
        field = try reader.nextField()
      } catch {
        throw .malformed(error)
      }
      guard let field else { return }
      try body(field.number, field.value)
    }
  }

  /// The last value of bool field `wanted`.
  private func flag(_ wanted: UInt32, of reader: WireReader) throws(DescriptorError) -> Bool? {
    var result: Bool?
    try forEachField(of: reader) { (number, value) throws(DescriptorError) in
      if number == wanted, case .varint(let bits) = value { result = bits != 0 }
    }
    return result
  }

  private func text(_ value: WireValue, in scope: String) throws(DescriptorError) -> String {
    guard case .lengthDelimited(let reader) = value, reader.rest.count <= limits.maxNameBytes,
      let text = String(validating: reader.rest, as: UTF8.self)
    else { throw .invalidName(scope: scope) }
    return text
  }

  /// Field 1 of nearly everything in a descriptor: an identifier.
  private func name(of body: WireReader, in scope: String) throws(DescriptorError) -> String {
    var name = ""
    try forEachField(of: body) { (number, value) throws(DescriptorError) in
      if number == 1 { name = try text(value, in: scope) }
    }
    guard isIdentifier(name[...]) else { throw .invalidName(scope: scope) }
    return name
  }

  private func fullName(of body: WireReader, scope: String) throws(DescriptorError) -> String {
    let name = try name(of: body, in: scope)
    let fullName = scope.isEmpty ? name : "\(scope).\(name)"
    guard fullName.utf8.count <= limits.maxNameBytes else { throw .invalidName(scope: scope) }
    return fullName
  }
}

private func isIdentifier(_ name: Substring) -> Bool {
  guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return false }
  return name.utf8.allSatisfy { byte in
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
