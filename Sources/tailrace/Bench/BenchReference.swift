import ArgumentParser
import CTailraceBench
import Foundation

/// `tailrace bench-reference`: the C programs that the benchmarks are held against; started by them.
struct BenchReference: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-reference", abstract: "Serve what a benchmark is held against.", shouldDisplay: false,
    subcommands: [Echo.self, File.self])

  /// Announces the port as `serve` does, then serves until it is ended.
  static func serve(_ body: (Int32) -> Int32) throws {
    // Started from a thread that blocks signals, this process would never see the one that ends it.
    var all = sigset_t()
    sigfillset(&all)
    sigprocmask(SIG_UNBLOCK, &all, nil)
    var port: UInt16 = 0
    let listener = ctb_listen(&port)
    guard listener >= 0 else { throw BenchError(description: "cannot listen: \(SystemError.last)") }
    FileHandle.standardError.write(Data("listening on 127.0.0.1:\(port)\n".utf8))
    throw BenchError(description: "the reference server ended: \(SystemError(code: body(listener)))")
  }

  struct Echo: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "echo")

    @Option var threads: Int = 2

    func run() throws { try BenchReference.serve { ctb_serve_echo($0, UInt32(clamping: threads)) } }
  }

  struct File: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "file")

    @Option var path: String
    @Option var bytes: Int

    func run() throws {
      let file = open(path, O_RDONLY)
      var status = stat()
      guard file >= 0, fstat(file, &status) == 0 else {
        throw BenchError(description: "cannot open \(path): \(SystemError.last)")
      }
      try BenchReference.serve { ctb_serve_file($0, file, UInt64(clamping: status.st_size), UInt32(clamping: bytes)) }
    }
  }
}
