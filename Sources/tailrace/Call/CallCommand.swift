import ArgumentParser
import NIOCore
import TailraceClient
import TailraceWire

/// `tailrace call`: any unary RPC, from JSON to JSON.
struct CallCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "call", abstract: "Make a call: JSON in, JSON out.",
    discussion: """
      For example: tailrace call AdminService/ListTopics '{"prefix": "page_"}'

      Requests and responses have protobuf's JSON form: bytes are base64, 64-bit numbers strings, enums their names. \
      'tailrace call AdminService/DescribeCluster' lists the methods.

      \(ExitStatus.help)
      """)

  /// The longest request that is read.
  private static let maxInputBytes = 64 << 20

  @Argument(help: "SERVICE/METHOD, such as AdminService/ListTopics.")
  var method: String

  @Argument(help: "The request as JSON; - reads it from standard input, @PATH from a file.")
  var request: String = "{}"

  @Option(help: ArgumentHelp("Give up after this many seconds.", valueName: "seconds"))
  var timeout: Double = 60

  @OptionGroup var client: ClientOptions

  func validate() throws {
    guard timeout > 0, timeout <= 86_400 else { throw ValidationError("--timeout is up to 86400 seconds, and above 0") }
  }

  func execute() async throws {
    let rpc = try Self.find(method)
    let pool = DescriptorPool.tailrace
    guard let input = pool.message(named: rpc.requestName), let output = pool.message(named: rpc.responseName) else {
      throw CommandFailure(RPCError(.internalError, "the schemas do not describe \(rpc.fullName)"))
    }
    let message = try encode(try readRequest(), as: input)
    let connection = try await client.connect()
    let answer = try await connection.call(
      rpc, message, CallOptions(timeout: .milliseconds(Int64((timeout * 1_000).rounded(.up)))))
    let options = ProtobufJSON.EncodingOptions(
      alwaysPrintsFieldsWithoutPresence: true, isPretty: Descriptor.standardOutput.isTerminal)
    try StandardOutput.print(try decode(answer, as: output, options))
  }

  private func encode(_ json: ByteBuffer, as type: MessageDescriptor) throws(CommandFailure) -> ByteBuffer {
    do throws(JSONMappingError) {
      return try ProtobufJSON.decode(json, as: type)
    } catch {
      throw CommandFailure("the request: \(error)", exitCode: ExitStatus.usage)
    }
  }

  private func decode(
    _ answer: ByteBuffer, as type: MessageDescriptor, _ options: ProtobufJSON.EncodingOptions
  ) throws(CommandFailure) -> String {
    do throws(JSONMappingError) {
      return try ProtobufJSON.encode(answer, as: type, options: options)
    } catch {
      throw CommandFailure(RPCError(.internalError, "the broker's answer: \(error)"))
    }
  }

  private func readRequest() throws(CommandFailure) -> ByteBuffer {
    guard request == "-" || request.hasPrefix("@") else { return ByteBuffer(string: request) }
    let name = request == "-" ? "standard input" : "'\(request.dropFirst())'"
    var bytes = ByteBuffer()
    do throws(SystemError) {
      let input =
        request == "-" ? Descriptor.standardInput : try Descriptor.open(reading: String(request.dropFirst()))
      while try input.read(into: &bytes, maxBytes: 64 << 10) > 0 && bytes.readableBytes <= Self.maxInputBytes {}
    } catch {
      throw CommandFailure("cannot read \(name): \(error)", exitCode: ExitStatus.usage)
    }
    guard bytes.readableBytes <= Self.maxInputBytes else {
      throw CommandFailure("\(name) is longer than \(Self.maxInputBytes) bytes", exitCode: ExitStatus.usage)
    }
    return bytes
  }

  private static func find(_ name: String) throws(CommandFailure) -> RPCMethod {
    if let method = MethodName.find(name) {
      guard !method.isServerStreaming else {
        throw CommandFailure(
          "\(method.fullName) answers with a stream; this tool makes calls with one answer only",
          exitCode: ExitStatus.usage)
      }
      return method
    }
    let near = MethodName.near(name)
    let hint =
      near.isEmpty
      ? "there are " + RPCMethod.allCases.map(MethodName.shortName).joined(separator: ", ")
      : "did you mean " + near.joined(separator: ", ") + "?"
    throw CommandFailure("there is no method '\(name)'; \(hint)", exitCode: ExitStatus.usage)
  }
}
