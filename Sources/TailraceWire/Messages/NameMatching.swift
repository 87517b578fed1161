#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

extension UnsafeRawBufferPointer {
  /// Whether these are the bytes of `name`.
  func equals(_ name: StaticString) -> Bool {
    guard count == name.utf8CodeUnitCount else { return false }
    guard let baseAddress, count > 0 else { return true }
    return memcmp(baseAddress, name.utf8Start, count) == 0
  }
}
