import ArgumentParser
import NIOCore
import TailraceWire

/// `tailrace rpc encode`.
struct RPCEncode: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "encode", abstract: "Turn messages in JSON into protobuf's own form.",
    discussion: """
      Takes JSON texts in a row, and prints each message as a line of base64; with --binary one message as it is.

      Example: tailrace rpc encode PingRequest '{"payload": "aGk="}'

      \(ExitStatus.help)
      """)

  @OptionGroup var conversion: ConversionOptions

  @Flag(help: "Leave out members that name no field, in place of refusing them.")
  var allowUnknownFields = false

  func execute() async throws {
    let type = try conversion.type()
    var texts = JSONTextReader(try conversion.open(), maxBytes: ConversionOptions.maxBytes)
    let options = ProtobufJSON.DecodingOptions(ignoresUnknownFields: allowUnknownFields)
    var output = StandardOutput()
    while let text = try texts.next() {
      guard !conversion.binary || text.number == 1 else {
        throw CommandFailure("\(texts.name) has several messages; --binary prints one", exitCode: ExitStatus.usage)
      }
      do throws(JSONMappingError) {
        let message = try ProtobufJSON.decode(text.bytes, as: type, options: options)
        output.append(conversion.binary ? Array(message.readableBytesView) : ConversionOptions.base64Line(message))
      } catch {
        throw CommandFailure(
          "\(texts.name), message \(text.number) (line \(text.line)): \(error)", exitCode: texts.faultCode)
      }
      try output.flush()
    }
  }
}

/// `tailrace rpc decode`.
struct RPCDecode: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "decode", abstract: "Turn messages in protobuf's own form into JSON.",
    discussion: """
      Takes a message of base64 per line, with --binary one message as it is, and prints a line of JSON for each. \
      Unknown fields are left out.

      Example: tailrace rpc decode PingRequest CgJoaQ==

      \(ExitStatus.help)
      """)

  @OptionGroup var conversion: ConversionOptions

  @Flag(help: "Print fields that have their default, too.")
  var defaults = false

  @Flag(help: "Print the names of fields that the .proto files have.")
  var protoNames = false

  func execute() async throws {
    let type = try conversion.type()
    let options = ProtobufJSON.EncodingOptions(
      alwaysPrintsFieldsWithoutPresence: defaults, preservesProtoNames: protoNames)
    var input = try conversion.open()
    let bytes = try input.readAll(maxBytes: ConversionOptions.maxBytes)
    guard !conversion.binary else { return try print(bytes, as: type, options, "\(input.name): ", input.faultCode) }
    let lines = String(buffer: bytes).split(separator: "\n", omittingEmptySubsequences: false)
    // What follows the last line feed is a line only where there is something.
    for (index, line) in (lines.last == "" ? lines.dropLast() : lines[...]).enumerated() {
      let place = "\(input.name), line \(index + 1): "
      guard let message = Base64.decode(String(line)) else {
        throw CommandFailure("\(place)no base64", exitCode: input.faultCode)
      }
      try print(ByteBuffer(bytes: message), as: type, options, place, input.faultCode)
    }
  }

  private func print(
    _ message: ByteBuffer, as type: MessageDescriptor, _ options: ProtobufJSON.EncodingOptions, _ place: String,
    _ faultCode: Int32
  ) throws(CommandFailure) {
    let json: String
    do throws(JSONMappingError) { json = try ProtobufJSON.encode(message, as: type, options: options) } catch {
      throw CommandFailure("\(place)\(error)", exitCode: faultCode)
    }
    try StandardOutput.print(json)
  }
}

/// What both conversions take.
struct ConversionOptions: ParsableArguments {
  /// Longest input, or JSON text of it, in bytes, inclusive.
  static let maxBytes = 64 << 20

  @Argument(
    help: "The type of the messages, such as ListTopicsRequest; with --proto, with its package.",
    completion: .schemaNames)
  var message: String

  @Argument(help: "The messages; - reads them from standard input, @PATH from a file.", completion: .inputPaths)
  var input: String = "-"

  @Flag(help: "One message as it is, in place of lines of base64.")
  var binary = false

  @OptionGroup var schemas: SchemaFileOptions

  func type() throws(CommandFailure) -> MessageDescriptor {
    if let file = schemas.file { return try file.message(named: message) }
    let entity = try SchemaEntity.find(message)
    guard case .message(let type) = entity else {
      throw CommandFailure("\(entity.fullName) is no message", exitCode: ExitStatus.usage)
    }
    return type
  }

  func open() throws(CommandFailure) -> ArgumentInput { try ArgumentInput(input, what: "the message") }

  static func base64Line(_ message: ByteBuffer) -> [UInt8] {
    var line: [UInt8] = []
    message.withUnsafeReadableBytes { Base64.append($0, to: &line) }
    line.append(UInt8(ascii: "\n"))
    return line
  }
}
