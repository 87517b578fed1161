import ArgumentParser
import TailraceWire

/// Where schemas are that are not built in.
struct SchemaFileOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The schemas of protobuf messages: a .proto file (protoc has to be in PATH), or a descriptor set.",
      valueName: "path"), completion: .file())
  var proto: String?

  @Option(
    help: ArgumentHelp(
      "With --proto: a directory in which imports are looked for; may be given several times.", valueName: "directory"),
    completion: .directory)
  var protoPath: [String] = []

  func validate() throws {
    if proto == nil, !protoPath.isEmpty { throw ValidationError("--proto-path goes with --proto") }
  }

  /// The file; nil where none is given.
  var file: SchemaFile? { proto.map { SchemaFile(path: $0, importPaths: protoPath) } }
}

/// What protobuf messages the values of records are, in JSON on this side.
struct PayloadOptions: ParsableArguments {
  @OptionGroup var schemas: SchemaFileOptions

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "With --proto: values are messages of this type, with its package, and JSON here.", valueName: "message"))
  var type: String?

  func validate() throws {
    guard (schemas.proto == nil) == (type == nil) else { throw ValidationError("--proto and --type go together") }
  }

  /// The values' type, read from its file; nil where they are no messages. Throws CommandFailure.
  func messageType() throws(CommandFailure) -> MessageDescriptor? {
    guard let file = schemas.file, let type else { return nil }
    return try file.message(named: type)
  }
}
