internal import Synchronization

/// Refuses appends while the disk has less than a reserve left, so that the broker's own bookkeeping always finds room.
///
/// The disk is looked at once for every few MiB that are appended, and for every append while it is short: so appends go
/// on by themselves as soon as there is space. Thread-safe.
final class DiskReserve: Sendable {
  /// Not more than so much is appended between two looks: others write to the disk, too.
  private static let maxAllowance = 16 << 20

  private let fileSystem: any FileSystem
  private let directory: String
  private let reserveBytes: Int
  /// What may be appended until the next look.
  private let allowance = Atomic<Int>(0)

  /// `reserveBytes` 0: nothing is refused.
  init(fileSystem: any FileSystem, directory: String, reserveBytes: Int) {
    self.fileSystem = fileSystem
    self.directory = directory
    self.reserveBytes = reserveBytes
  }

  /// Why `byteCount` bytes must not be appended now (`.full`); nil where they may, and then they count as appended.
  func take(_ byteCount: Int) -> StorageError? {
    guard reserveBytes > 0, allowance.subtract(byteCount, ordering: .relaxed).newValue < 0 else { return nil }
    let available: Int
    do throws(FileSystemError) { available = try fileSystem.availableBytes(directory) } catch {
      // A disk that does not say how full it is still says so when it is full.
      allowance.store(Self.maxAllowance, ordering: .relaxed)
      return nil
    }
    let (free, overflow) = available.subtractingReportingOverflow(reserveBytes)
    guard !overflow, free >= byteCount else {
      allowance.store(0, ordering: .relaxed)
      return StorageError(
        .full,
        "the disk has \(available) bytes left, and \(reserveBytes) of them are kept in reserve; appends go on by"
          + " themselves once there is more")
    }
    allowance.store(min(free - byteCount, Self.maxAllowance), ordering: .relaxed)
    return nil
  }

  /// Why a file of `byteCount` bytes must not be begun now (`.full`); nil where it may.
  func refusal(ofFileOf byteCount: Int) -> StorageError? {
    guard reserveBytes > 0 else { return nil }
    let available: Int
    do throws(FileSystemError) { available = try fileSystem.availableBytes(directory) } catch { return nil }
    let (free, overflow) = available.subtractingReportingOverflow(reserveBytes)
    guard overflow || free < byteCount else { return nil }
    return StorageError(
      .full, "the disk has \(available) bytes left, \(reserveBytes) of them kept in reserve; \(byteCount) are needed")
  }

  /// What there is, as the disk tells it now; nil where it does not.
  func space() -> StoreSpace? {
    guard let available = try? fileSystem.availableBytes(directory) else { return nil }
    return StoreSpace(availableBytes: available, reserveBytes: reserveBytes)
  }

  /// Lets the next append look at the disk again.
  func refresh() { allowance.store(0, ordering: .relaxed) }
}
