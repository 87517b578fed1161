internal import NIOCore

/// What a crash takes.
package enum CrashLoss: Sendable, Hashable {
  /// Nothing: the process was killed, the page cache stays.
  case nothing
  /// All that no fsync covers.
  case allUnsynced
  /// Of what no fsync covers some, by chance: see `CrashCursor.crash`.
  case someUnsynced
}

extension CrashCursor {
  /// The disk as the next start finds it.
  ///
  /// With `.someUnsynced` each crash draws how it goes about files, lengths and directories, and then:
  /// - a sector of 512 bytes holds what any number of the writes to it left, or else each write's part of a sector is
  ///   there or not, whatever came before and after; a truncate happened or not;
  /// - a file is as long as its bytes say, or as it was after any of its changes, with zeros where nothing was written;
  /// - a directory's changes are lost from some change on, or else each by itself, but for those that build on a lost
  ///   one: a rename happens as a whole or not at all.
  package func crash(_ loss: CrashLoss, using generator: inout some RandomNumberGenerator) -> RecordingFileSystem {
    switch loss {
    case .nothing: return RecordingFileSystem(tree)
    case .allUnsynced: return disk(files: \.durable, directories: \.durable)
    case .someUnsynced:
      let data = DataLoss.allCases.randomElement(using: &generator) ?? .all
      let length = LengthLoss.allCases.randomElement(using: &generator) ?? .asWritten
      let entries = EntryLoss.allCases.randomElement(using: &generator) ?? .all
      return disk(
        files: { $0.afterLoss(data, length, using: &generator) },
        directories: { $0.afterLoss(entries, using: &generator) })
    }
  }

  /// A disk of what can be reached from the root.
  private func disk(
    files content: (FileOnDisk) -> [UInt8], directories entries: (DirectoryOnDisk) -> [String: Inode]
  ) -> RecordingFileSystem {
    var result = DiskTree()
    var unvisited = [Inode.root]
    while let inode = unvisited.popLast() {
      if let directory = directories[inode] {
        let found = entries(directory)
        result.addDirectory(inode, found)
        // Dictionaries have no order of their own: chance must fall the same way each time.
        unvisited += found.values.sorted { $0.number < $1.number }
      } else if let file = files[inode] {
        result.addFile(inode, content(file))
      }
    }
    return RecordingFileSystem(result)
  }
}

/// How unsynced bytes of files fare.
private enum DataLoss: CaseIterable {
  case none
  case all
  /// Of each sector the later writes are lost.
  case sectorVersions
  /// Each write's part of each sector is lost or not.
  case sectorsOfWrites
  /// Each write is lost or not.
  case wholeWrites
}

/// How the lengths of files fare.
private enum LengthLoss: CaseIterable {
  case asWritten
  /// As long as the process saw it.
  case full
  /// As long as it was after some change.
  case earlier
}

/// How unsynced directory entries fare.
private enum EntryLoss: CaseIterable {
  case none
  case all
  case suffix
  case some
}

extension FileOnDisk {
  private static let sectorBytes = 512

  /// The file's bytes after a power loss.
  fileprivate func afterLoss(
    _ data: DataLoss, _ length: LengthLoss, using generator: inout some RandomNumberGenerator
  ) -> [UInt8] {
    guard !pending.isEmpty else { return durable }
    var bytes = durable
    var lengths = [durable.count]
    var versions: [Int: Int] = [:]
    for (number, (_, change)) in pending.enumerated() {
      switch change {
      case .truncate(_, let byteCount):
        lengths.append(byteCount)
        if keeps(data, using: &generator) { bytes.resize(to: byteCount) }
      case .write(_, let position, let written):
        lengths.append(max(lengths[number], position + written.readableBytes))
        let keepsWrite = keeps(data, using: &generator)
        for (at, piece) in pieces(of: written, at: position) {
          let keepsPiece: Bool
          switch data {
          case .none, .all, .wholeWrites: keepsPiece = keepsWrite
          case .sectorsOfWrites: keepsPiece = .random(using: &generator)
          case .sectorVersions:
            let version =
              versions[at / Self.sectorBytes] ?? Int.random(in: 0...pending.count, using: &generator)
            versions[at / Self.sectorBytes] = version
            keepsPiece = number < version
          }
          if keepsPiece { bytes.write(piece, at: at) }
        }
      default: break
      }
    }
    switch length {
    case .asWritten: break
    case .full: bytes.resize(to: lengths[lengths.count - 1])
    case .earlier: bytes.resize(to: lengths[Int.random(in: 0..<lengths.count, using: &generator)])
    }
    return bytes
  }

  private func keeps(_ data: DataLoss, using generator: inout some RandomNumberGenerator) -> Bool {
    switch data {
    case .none: true
    case .all: false
    case .sectorVersions, .sectorsOfWrites, .wholeWrites: .random(using: &generator)
    }
  }

  /// A write's parts, none of which goes over the end of a sector.
  private func pieces(of bytes: ByteBuffer, at position: Int) -> [(position: Int, bytes: ByteBuffer)] {
    var rest = bytes
    var at = position
    var pieces: [(Int, ByteBuffer)] = []
    while rest.readableBytes > 0 {
      let count = min(rest.readableBytes, Self.sectorBytes - at % Self.sectorBytes)
      if let piece = rest.readSlice(length: count) { pieces.append((at, piece)) }
      at += count
    }
    return pieces
  }
}

extension DirectoryOnDisk {
  /// The directory's entries after a power loss.
  fileprivate func afterLoss(
    _ loss: EntryLoss, using generator: inout some RandomNumberGenerator
  ) -> [String: Inode] {
    guard !pending.isEmpty, loss != .all else { return durable }
    var entries = durable
    var left = loss == .suffix ? Int.random(in: 0...pending.count, using: &generator) : pending.count
    var lost: Set<String> = []
    for (_, change) in pending where left > 0 {
      left -= 1
      let names = change.names
      if loss == .some, !lost.isDisjoint(with: names) || Bool.random(using: &generator) {
        lost.formUnion(names)
      } else {
        entries.apply(change)
      }
    }
    return entries
  }
}

extension DiskChange {
  /// The names in its directory that it is about.
  fileprivate var names: [String] {
    switch self {
    case .createFile(_, let name, _), .createDirectory(_, let name, _), .remove(let name, _): [name]
    case .rename(let source, let target, _): [source, target]
    default: []
    }
  }
}
