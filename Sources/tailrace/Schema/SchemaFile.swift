import Foundation
import NIOCore
import TailraceWire

/// A file with protobuf schemas: a serialised FileDescriptorSet, or a .proto file, which protoc makes one of.
struct SchemaFile {
  let path: String
  /// Where imports are looked for, beside the file's own directory.
  let importPaths: [String]

  /// The type of that full name. Throws CommandFailure.
  func message(named name: String) throws(CommandFailure) -> MessageDescriptor {
    let pool = try pool()
    let wanted = name.hasPrefix(".") ? String(name.dropFirst()) : name
    if let type = pool.message(named: wanted) { return type }
    let names = pool.messages.lazy.filter { !$0.isMapEntry }.map(\.fullName).filter {
      !$0.hasPrefix("google.protobuf.")
    }
    let shown = names.prefix(10).joined(separator: ", ") + (names.dropFirst(10).isEmpty ? "" : ", ...")
    throw usage("no message '\(name)' in '\(path)'" + (shown.isEmpty ? "" : "; there are \(shown)"))
  }

  private func pool() throws(CommandFailure) -> DescriptorPool {
    let bytes = path.hasSuffix(".proto") ? try ProtoCompiler.descriptorSet(of: path, importPaths) : try Self.read(path)
    do throws(DescriptorError) {
      return try bytes.withUnsafeReadableBytes { bytes in
        Result { () throws(DescriptorError) in try DescriptorPool(serialized: bytes) }
      }.get()
    } catch {
      let hint = path.hasSuffix(".proto") ? "" : "; a descriptor set is what 'protoc --include_imports -o FILE' makes"
      throw usage("'\(path)' has no usable schemas: \(error)\(hint)")
    }
  }

  /// All of a file that is no longer than a descriptor set may be.
  static func read(_ path: String) throws(CommandFailure) -> ByteBuffer {
    let maxBytes = DescriptorPool.Limits.default.maxBytes
    var bytes = ByteBuffer()
    do throws(SystemError) {
      let file = try Descriptor.open(reading: path)
      defer { file.close() }
      while try file.read(into: &bytes, maxBytes: 256 << 10) > 0 {
        guard bytes.readableBytes <= maxBytes else { break }
      }
    } catch {
      throw usage("cannot read '\(path)': \(error)")
    }
    guard bytes.readableBytes <= maxBytes else { throw usage("'\(path)' is longer than \(maxBytes) bytes") }
    return bytes
  }
}

private func usage(_ message: String) -> CommandFailure { CommandFailure(message, exitCode: ExitStatus.usage) }

/// Runs protoc, wherever PATH has it.
enum ProtoCompiler {
  private static let maxSeconds = 30
  private static let maxErrorBytes = 2_000

  /// The descriptor set of a .proto file and all that it imports.
  static func descriptorSet(of path: String, _ importPaths: [String]) throws(CommandFailure) -> ByteBuffer {
    let places = [path] + (path.hasPrefix("/") ? [] : importPaths.map { "\($0)/\(path)" })
    guard let path = places.first(where: FileManager.default.isReadableFile) else {
      throw usage("cannot read '\(path)'" + (places.count > 1 ? ", nor is it in --proto-path" : ""))
    }
    guard let protoc = find() else {
      throw usage(
        "'\(path)' needs protoc, which is not in PATH: install it (Debian: protobuf-compiler, libprotobuf-dev), or give a descriptor set"
          + " that was made elsewhere with 'protoc --include_imports -o FILE'")
    }
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("tailrace-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: directory) }
    do {
      try FileManager.default.createDirectory(
        at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      let output = directory.appendingPathComponent("set")
      try run(protoc, path, importPaths, output: output, errors: directory.appendingPathComponent("errors"))
      return try SchemaFile.read(output.path)
    } catch let error as CommandFailure {
      throw error
    } catch {
      throw CommandFailure("cannot run protoc: \(error.localizedDescription)", exitCode: ExitStatus.inputOutputFailed)
    }
  }

  private static func find() -> URL? {
    let paths = ProcessInfo.processInfo.environment["PATH"] ?? ""
    return paths.split(separator: ":").lazy.map { URL(fileURLWithPath: String($0)).appendingPathComponent("protoc") }
      .first { FileManager.default.isExecutableFile(atPath: $0.path) }
  }

  private static func run(
    _ protoc: URL, _ path: String, _ importPaths: [String], output: URL, errors: URL
  ) throws {
    let file = URL(fileURLWithPath: path)
    _ = FileManager.default.createFile(atPath: errors.path, contents: nil)
    let process = Process()
    process.executableURL = protoc
    process.arguments =
      ["--include_imports", "--descriptor_set_out=\(output.path)"] + importPaths.map { "--proto_path=\($0)" }
      + ["--proto_path=\(file.deletingLastPathComponent().path)", file.path]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    let watchdog = DispatchWorkItem { process.terminate() }
    DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(maxSeconds), execute: watchdog)
    process.waitUntilExit()
    watchdog.cancel()
    guard process.terminationReason == .exit else { throw usage("protoc was stopped: it took over \(maxSeconds) s") }
    guard process.terminationStatus != 0 else { return }
    let text = try FileHandle(forReadingFrom: errors).read(upToCount: maxErrorBytes) ?? Data()
    let line = String(decoding: text, as: UTF8.self).split(separator: "\n").first ?? "it did not say why"
    throw usage("protoc cannot read '\(path)': \(line)\(hint(for: line))")
  }

  private static func hint(for line: Substring) -> String {
    guard line.hasSuffix("File not found.") else { return "" }
    return line.hasPrefix("google/protobuf/")
      ? "; it comes with protoc's headers (Debian: libprotobuf-dev)"
      : "; --proto-path says where imports are looked for"
  }
}
