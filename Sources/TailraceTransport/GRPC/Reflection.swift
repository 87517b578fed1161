internal import NIOCore
internal import TailraceWire

/// What the schemas' files define, to be told by server reflection (grpc/reflection/v1/reflection.proto).
struct Reflection: Sendable {
  private struct File: Sendable {
    /// A serialised FileDescriptorProto.
    var bytes: ByteBuffer
    var name = ""
    var package = ""
    var dependencies: [String] = []
    var symbols: [String] = []
    var services: [String] = []
  }

  /// Of all that the door serves: the broker's services, and gRPC's own.
  static let door = Reflection([DescriptorSet.bytes, DescriptorSet.grpcBytes])

  private let files: [String: File]
  /// The name of the file that defines each full name.
  private let symbols: [String: String]
  /// Full names of services, in order.
  let services: [String]

  /// `sets`: serialised FileDescriptorSets (file = 1).
  init(_ sets: [UnsafeRawBufferPointer]) {
    var files: [String: File] = [:]
    for set in sets {
      _ = ByteBuffer(bytes: set).forEachField { field, value in
        guard field == 1, case .lengthDelimited(let reader) = value else { return }
        let file = Self.file(ByteBuffer(bytes: reader.rest))
        files[file.name] = file
      }
    }
    self.files = files
    services = files.values.flatMap(\.services).sorted()
    symbols = Dictionary(
      files.values.flatMap { file in file.symbols.map { ($0, file.name) } }, uniquingKeysWith: { first, _ in first })
  }

  // MARK: Requests

  /// No request is longer, in bytes: the longest name is a small part of it.
  static let maxRequestBytes = 64 << 10

  /// The answer to a ServerReflectionRequest, as a ServerReflectionResponse; nil where it is none, or too long.
  ///
  /// | request | answer |
  /// |---|---|
  /// | 3 file_by_filename, 4 file_containing_symbol | 4 file_descriptor_response: 1 each file, serialised, with those it needs |
  /// | 7 list_services | 6 list_services_response: 1 each service: 1 its name |
  /// | any other | 7 error_response: 1 a gRPC code, 2 why |
  ///
  /// Beside that it has 1 valid_host and 2 original_request.
  func answer(_ request: ByteBuffer) -> ByteBuffer? {
    guard request.readableBytes <= Self.maxRequestBytes else { return nil }
    var host = ""
    // The last one counts, as in every oneof. However many there are, one is answered.
    var question: (field: UInt32, text: String)?
    let isRead = request.forEachField { field, value in
      guard case .lengthDelimited(let reader) = value else { return }
      let text = String(decoding: reader.rest, as: UTF8.self)
      if field == 1 { host = text } else { question = (field, text) }
    }
    guard isRead, let question else { return nil }
    let result = result(question.field, question.text)
    var answer = ProtobufBytes()
    answer.add(1, host)
    answer.add(2, request)
    answer.add(result.field, result.message)
    return answer.bytes
  }

  private func result(_ field: UInt32, _ text: String) -> (field: UInt32, message: ByteBuffer) {
    switch field {
    case 3: filesAnswer(text, "there is no file '\(text.prefix(100))'")
    case 4: filesAnswer(fileName(of: text), "there is no symbol '\(text.prefix(100))'")
    case 7: (6, servicesAnswer)
    default: Self.failure(.unimplemented, "extensions are not part of these schemas")
    }
  }

  private func fileName(of symbol: String) -> String { symbols[symbol] ?? "" }

  private var servicesAnswer: ByteBuffer {
    var answer = ProtobufBytes()
    for name in services {
      var service = ProtobufBytes()
      service.add(1, name)
      answer.add(1, service.bytes)
    }
    return answer.bytes
  }

  private func filesAnswer(_ name: String, _ reason: String) -> (field: UInt32, message: ByteBuffer) {
    guard files[name] != nil else { return Self.failure(.notFound, reason) }
    var answer = ProtobufBytes()
    var (told, toTell) = (Set<String>(), [name])
    while let next = toTell.popLast() {
      guard let file = files[next], told.insert(next).inserted else { continue }
      answer.add(1, file.bytes)
      toTell += file.dependencies
    }
    return (4, answer.bytes)
  }

  private static func failure(_ code: StatusCode, _ reason: String) -> (field: UInt32, message: ByteBuffer) {
    var error = ProtobufBytes()
    error.add(1, UInt64(code.rawValue))
    error.add(2, reason)
    return (7, error.bytes)
  }

  // MARK: Descriptors

  /// FileDescriptorProto: name = 1, package = 2, dependency = 3, message_type = 4, enum_type = 5, service = 6.
  private static func file(_ bytes: ByteBuffer) -> File {
    var file = File(bytes: bytes)
    var definitions: [(field: UInt32, bytes: ByteBuffer)] = []
    _ = bytes.forEachField { field, value in
      guard case .lengthDelimited(let reader) = value else { return }
      let text = String(decoding: reader.rest, as: UTF8.self)
      switch field {
      case 1: file.name = text
      case 2: file.package = text
      case 3: file.dependencies.append(text)
      case 4...6: definitions.append((field, ByteBuffer(bytes: reader.rest)))
      default: break
      }
    }
    for definition in definitions {
      let names = symbols(of: definition.bytes, field: definition.field, in: file.package)
      file.symbols += names
      if definition.field == 6, let service = names.first { file.services.append(service) }
    }
    return file
  }

  /// The full names that a message, an enum or a service defines, its own first. DescriptorProto: name = 1, nested_type =
  /// 3, enum_type = 4; ServiceDescriptorProto: name = 1, method = 2, which has its name = 1.
  private static func symbols(of bytes: ByteBuffer, field kind: UInt32, in scope: String) -> [String] {
    var name = ""
    var inner: [(field: UInt32, bytes: ByteBuffer)] = []
    _ = bytes.forEachField { field, value in
      guard case .lengthDelimited(let reader) = value else { return }
      switch (kind, field) {
      case (_, 1): name = String(decoding: reader.rest, as: UTF8.self)
      case (4, 3): inner.append((4, ByteBuffer(bytes: reader.rest)))
      case (4, 4), (6, 2): inner.append((5, ByteBuffer(bytes: reader.rest)))
      default: break
      }
    }
    let full = scope.isEmpty ? name : "\(scope).\(name)"
    return [full] + inner.flatMap { symbols(of: $0.bytes, field: $0.field, in: full) }
  }
}
