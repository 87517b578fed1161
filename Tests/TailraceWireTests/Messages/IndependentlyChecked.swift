import Foundation
import NIOCore
import SwiftProtobuf
import TailraceWire

/// A message with its twin of swift-protobuf's making. The conformances are generated.
protocol IndependentlyChecked: WireMessage {
  associatedtype Independent: SwiftProtobuf.Message & Equatable

  static func random(_ values: inout RandomValues) -> Self
  static func randomIndependent(_ values: inout RandomValues) -> Independent

  /// Paths of the fields whose values differ, presence included.
  func differences(from other: Independent) -> [String]
}

/// Collects the fields in which a message and its twin differ.
struct Differences {
  private(set) var paths: [String] = []

  mutating func check<T: Equatable>(_ name: String, _ ours: T?, _ theirs: T?) {
    if ours != theirs { paths.append(name) }
  }

  mutating func check(_ name: String, _ ours: ByteBuffer?, _ theirs: Data?) {
    if ours.map({ Array($0.readableBytesView) }) != theirs.map({ Array($0) }) { paths.append(name) }
  }

  mutating func check<E: WireEnum, P: SwiftProtobuf.Enum>(_ name: String, _ ours: E?, _ theirs: P?) {
    if ours.map({ Int($0.rawValue) }) != theirs.map({ $0.rawValue }) { paths.append(name) }
  }

  mutating func check<M: IndependentlyChecked>(_ name: String, _ ours: M?, _ theirs: M.Independent?) {
    switch (ours, theirs) {
    case (nil, nil): break
    case (let ours?, let theirs?): paths += ours.differences(from: theirs).map { "\(name).\($0)" }
    default: paths.append(name)
    }
  }

  mutating func check<M: IndependentlyChecked>(_ name: String, _ ours: [M], _ theirs: [M.Independent]) {
    if ours.count != theirs.count { paths.append(name) }
    for (index, pair) in zip(ours, theirs).enumerated() {
      paths += pair.0.differences(from: pair.1).map { "\(name)[\(index)].\($0)" }
    }
  }
}

extension ByteBuffer {
  /// What swift-protobuf serialised.
  init(serialized message: some SwiftProtobuf.Message) throws {
    let bytes: [UInt8] = try message.serializedBytes()
    self.init(bytes: bytes)
  }

  var allBytes: [UInt8] { Array(readableBytesView) }
}
