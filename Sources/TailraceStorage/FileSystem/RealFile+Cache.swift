#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// Reading without pushing out of the page cache what others need.
extension RealFile {
  func readLeavingCache(
    into bytes: UnsafeMutableRawBufferPointer, at position: Int
  ) throws(FileSystemError) -> Int {
    // Without read-ahead: it would bring in pages that look as if somebody else had wanted them.
    _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_RANDOM)
    let absent = absentPages(position, bytes.count)
    let count = try read(into: bytes, at: position)
    for range in absent {
      _ = posix_fadvise(descriptor, off_t(range.lowerBound), off_t(range.count), POSIX_FADV_DONTNEED)
    }
    return count
  }

  /// The parts of a range of the file, in whole pages, that are not in the page cache; none where that cannot be told.
  private func absentPages(_ position: Int, _ count: Int) -> [Range<Int>] {
    let pageBytes = sysconf(Int32(_SC_PAGESIZE))
    guard pageBytes > 0, count > 0 else { return [] }
    let start = position / pageBytes * pageBytes
    let length = position + count - start
    // Only looked up, never touched: a file that shrinks meanwhile does no harm.
    guard let memory = mmap(nil, length, PROT_READ, MAP_SHARED, descriptor, off_t(start)), memory != MAP_FAILED else {
      return []
    }
    defer { munmap(memory, length) }
    var residency = [UInt8](repeating: 0, count: (length + pageBytes - 1) / pageBytes)
    guard mincore(memory, length, &residency) == 0 else { return [] }
    var ranges: [Range<Int>] = []
    for (page, state) in residency.enumerated() where state & 1 == 0 {
      let pageStart = start + page * pageBytes
      if let last = ranges.last, last.upperBound == pageStart {
        ranges[ranges.count - 1] = last.lowerBound..<(pageStart + pageBytes)
      } else {
        ranges.append(pageStart..<(pageStart + pageBytes))
      }
    }
    return ranges
  }
}
