import ArgumentParser
import NIOCore
import TailraceClient
import TailraceWire

/// `tailrace call`: any RPC, from JSON to JSON.
struct CallCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "call", abstract: "Make calls: JSON in, JSON out.",
    discussion: """
      Requests and responses have protobuf's JSON form: bytes are base64, 64-bit numbers strings, enums their names; \
      requests may have numbers for all three, and the names of the .proto files for fields. 'tailrace rpc list' lists \
      the methods, and 'tailrace rpc describe METHOD' shows their messages.

      There may be several requests in a row, each made when the one before was answered: then each response is on a \
      line of its own; so are those of a call that is answered with a stream, as they come. The first that fails ends it, unless --keep-going is given. Who gives none with - or @ makes no call.

      With --grpc calls are made as gRPC over HTTP/2, to a broker or any other server that has the method; there is no \
      TLS. Output and exit codes are the same. Metadata goes as headers: the value of a key that ends in -bin is base64, \
      all others are printable ASCII.

      SIGINT and SIGTERM give the call up, at the server too; a second one ends at once.

      Examples:
        tailrace call AdminService/ListTopics '{"prefix": "page_"}'
        jq -c '{name: .}' names.json | tailrace call AdminService/DescribeTopic -
        tailrace call --grpc LogService/Subscribe \\
          '{"targets": [{"topic": "orders"}], "decode": true}'

      \(ExitStatus.help)
      """)

  @Argument(help: "SERVICE/METHOD, such as AdminService/ListTopics.", completion: .methods)
  var method: String

  @Argument(
    help: "The requests as JSON; - reads them from standard input, @PATH from a file.", completion: .inputPaths)
  var request: String = "{}"

  @Option(
    name: [.customShort("H"), .long],
    help: ArgumentHelp("Metadata to send with each request. May be given several times.", valueName: "key=value"))
  var header: [HeaderArgument] = []

  @Option(
    name: [.long, .customLong("deadline")], parsing: .unconditional,
    help: ArgumentHelp(
      "Give each call up after this many seconds. (default: 60; never, where a stream answers)", valueName: "seconds"))
  var timeout: Double?

  @Flag(help: "Leave out members of requests that name no field, in place of refusing them.")
  var allowUnknownFields = false

  @Flag(help: "Go on with the next request after one that failed; exit as the first failure says.")
  var keepGoing = false

  @Flag(help: "Speak gRPC in place of Tailrace's own protocol.")
  var grpc = false

  @Flag(help: "With --grpc: compress requests with gzip, and let the server compress its answers.")
  var compress = false

  @Flag(name: [.short, .long], help: "Tell times, sizes and metadata on standard error.")
  var verbose = false

  @OptionGroup var client: ClientOptions

  func validate() throws {
    guard timeout.map({ $0 > 0 && $0 <= 86_400 }) ?? true else {
      throw ValidationError("--timeout is up to 86400 seconds, and above 0")
    }
    guard grpc || !compress else { throw ValidationError("--compress goes with --grpc") }
    if grpc, let problem = header.lazy.compactMap(\.problemOfGRPC).first { throw ValidationError(problem) }
    guard header.count <= 64 else { throw ValidationError("--header is given \(header.count) times; 64 are the most") }
  }

  func execute() async throws {
    let rpc = try Self.find(method)
    let interruption = try CallInterruption()
    var session = try CallSession(
      rpc, client: client, door: grpc ? .grpc(compresses: compress) : .native, interruption: interruption,
      isPretty: request != "-" && !request.hasPrefix("@") && !rpc.isServerStreaming
        && Descriptor.standardOutput.isTerminal)
    session.metadata = header.map(\.metadata)
    session.timeout =
      timeout.map { .milliseconds(Int64(($0 * 1_000).rounded(.up))) } ?? (rpc.isServerStreaming ? nil : .seconds(60))
    session.allowsUnknownFields = allowUnknownFields
    session.isVerbose = verbose
    var requests = JSONTextReader(
      try ArgumentInput(request, what: "the request"), maxBytes: CallSession.maxRequestBytes)
    var failures = PartialFailure()
    var first = try requests.next()
    // An argument is a request, however empty.
    if first == nil, requests.name == "the request" { first = JSONText(bytes: ByteBuffer(), number: 1, line: 1) }
    var next = first
    while let text = next {
      do {
        try await session.call(text, from: requests.name, faultCode: requests.faultCode)
      } catch let failure as CommandFailure where keepGoing && failure.exitCode != 0 && !interruption.isRequested {
        failures.tell(failure)
      }
      next = try requests.next()
    }
    try failures.check()
  }

  private static func find(_ name: String) throws(CommandFailure) -> RPCMethod {
    if let method = MethodName.find(name) { return method }
    let near = MethodName.near(name)
    let hint =
      near.isEmpty
      ? "there are " + RPCMethod.allCases.map(MethodName.shortName).joined(separator: ", ")
      : "did you mean " + near.joined(separator: ", ") + "?"
    throw CommandFailure("there is no method '\(name)'; \(hint)", exitCode: ExitStatus.usage)
  }
}
