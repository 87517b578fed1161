/// Resolves the names of types: the second step of reading a FileDescriptorSet.
struct DescriptorLinker {
  private let parsed: DescriptorParser

  init(_ parsed: DescriptorParser) {
    self.parsed = parsed
  }

  func link() throws(DescriptorError) -> (
    messages: [MessageLayout], enums: [EnumDescriptor], services: [ServiceLayout]
  ) {
    var messages: [MessageLayout] = []
    for message in parsed.messages { messages.append(try layout(of: message)) }
    var enums: [EnumDescriptor] = []
    for type in parsed.enums { enums.append(try descriptor(of: type)) }
    var services: [ServiceLayout] = []
    for service in parsed.services {
      var methods: [MethodLayout] = []
      for method in service.methods {
        let name = "\(service.fullName).\(method.name)"
        methods.append(
          MethodLayout(
            name: method.name, inputIndex: try messageIndex(method.input, usedBy: name),
            outputIndex: try messageIndex(method.output, usedBy: name), clientStreaming: method.clientStreaming,
            serverStreaming: method.serverStreaming))
      }
      services.append(ServiceLayout(fullName: service.fullName, methods: methods))
    }
    return (messages, enums, services)
  }

  private func layout(of message: ParsedMessage) throws(DescriptorError) -> MessageLayout {
    var fields: [FieldDescriptor] = []
    var placeByNumber: [UInt32: Int] = [:]
    var placeByName: [String: Int] = [:]
    for parsedField in message.fields {
      let field = try link(parsedField, of: message)
      guard placeByNumber.updateValue(fields.count, forKey: field.number) == nil,
        placeByName.updateValue(fields.count, forKey: field.jsonName) == nil,
        field.name == field.jsonName || placeByName.updateValue(fields.count, forKey: field.name) == nil
      else { throw .duplicateMember(field.name, type: message.fullName) }
      fields.append(field)
    }
    return MessageLayout(
      fullName: message.fullName, fields: fields, isMapEntry: message.isMapEntry, oneofCount: message.oneofs.count,
      placeByNumber: placeByNumber, placeByName: placeByName)
  }

  private func link(_ field: ParsedField, of message: ParsedMessage) throws(DescriptorError) -> FieldDescriptor {
    guard field.number >= 1, field.number < 1 << 29, (1...3).contains(field.label) else {
      throw .invalidField(field.name, type: message.fullName)
    }
    let kind = try kind(of: field, in: message)
    let isRepeated = field.label == 3
    var oneofIndex: Int?
    if let index = field.oneofIndex {
      guard !isRepeated, index < UInt64(message.oneofs.count) else {
        throw .invalidField(field.name, type: message.fullName)
      }
      // `optional` of proto3 is declared as a oneof of one field, which is nobody's business.
      if !field.isProto3Optional { oneofIndex = Int(index) }
    }
    let hasPresence =
      !isRepeated
      && (!message.isProto3 || kind.messageIndex != nil || field.isProto3Optional || field.oneofIndex != nil)
    return FieldDescriptor(
      name: field.name, jsonName: field.jsonName ?? lowerCamelCase(field.name), number: UInt32(field.number),
      kind: kind, isRepeated: isRepeated,
      isPacked: isRepeated && kind.isPackable && (field.packed ?? message.isProto3), hasPresence: hasPresence,
      oneof: oneofIndex.map { message.oneofs[$0] }, oneofIndex: oneofIndex)
  }

  private func kind(of field: ParsedField, in message: ParsedMessage) throws(DescriptorError) -> FieldKind {
    let scalars: [FieldKind] = [
      .double, .float, .int64, .uint64, .int32, .fixed64, .fixed32, .bool, .string, .string, .bytes, .bytes, .uint32,
      .bytes, .sfixed32, .sfixed64, .sint32, .sint64,
    ]
    switch field.type {
    case 10: return .group(index: try messageIndex(field.typeName, usedBy: "\(message.fullName).\(field.name)"))
    case 11: return .message(index: try messageIndex(field.typeName, usedBy: "\(message.fullName).\(field.name)"))
    case 14:
      guard let index = parsed.enumIndices[withoutDot(field.typeName)] else {
        throw .unknownType(field.typeName, usedBy: "\(message.fullName).\(field.name)")
      }
      return .enumeration(index: index)
    case 1...18: return scalars[Int(field.type) - 1]
    default: throw .invalidField(field.name, type: message.fullName)
    }
  }

  private func messageIndex(_ typeName: String, usedBy user: String) throws(DescriptorError) -> Int {
    guard let index = parsed.messageIndices[withoutDot(typeName)] else {
      throw .unknownType(typeName, usedBy: user)
    }
    return index
  }

  private func descriptor(of type: ParsedEnum) throws(DescriptorError) -> EnumDescriptor {
    var nameByNumber: [Int32: String] = [:]
    var numberByName: [String: Int32] = [:]
    for (name, number) in type.values {
      guard numberByName.updateValue(number, forKey: name) == nil else {
        throw .duplicateMember(name, type: type.fullName)
      }
      // Of aliases the first is the one to print.
      if nameByNumber[number] == nil { nameByNumber[number] = name }
    }
    return EnumDescriptor(
      fullName: type.fullName, values: type.values, nameByNumber: nameByNumber, numberByName: numberByName)
  }
}

private func withoutDot(_ typeName: String) -> String {
  typeName.hasPrefix(".") ? String(typeName.dropFirst()) : typeName
}

/// "topic_id" to "topicId", as protoc derives `json_name`.
func lowerCamelCase(_ name: String) -> String {
  var result = ""
  var upperNext = false
  for character in name.unicodeScalars {
    if character == "_" {
      upperNext = true
    } else {
      result += upperNext ? character.properties.uppercaseMapping : String(character)
      upperNext = false
    }
  }
  return result
}
