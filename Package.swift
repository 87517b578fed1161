// swift-tools-version: 6.2
import PackageDescription

let swiftSettings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHPACK = Target.Dependency.product(name: "NIOHPACK", package: "swift-nio-http2")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let collections = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let tracing = Target.Dependency.product(name: "Tracing", package: "swift-distributed-tracing")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")

func example(_ name: String) -> Target {
  .executableTarget(
    name: name, dependencies: ["TailraceClient"], path: "Sources/Examples/\(name)", swiftSettings: swiftSettings)
}

let package = Package(
  name: "tailrace",
  products: [
    .executable(name: "tailrace", targets: ["tailrace"]),
    .library(name: "TailraceClient", targets: ["TailraceClient"]),
    .library(name: "TailraceProtobuf", targets: ["TailraceProtobuf"]),
    .library(name: "TailraceTesting", targets: ["TailraceTesting"]),
  ],
  dependencies: [
    // Sockets, event loops and the buffers that cross every boundary.
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    // HTTP/2 of the gRPC door: frames, header compression, the state of connections and streams.
    .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
    // The command line: parsing, help texts, usage errors.
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    // Loggers are injected everywhere; only the executable chooses where they write.
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    // Deques for queues that are popped at the front, a heap for deadlines.
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    // Starts and stops the broker's long-running parts in order, and turns signals into a graceful stop.
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    // Clients report what they do to the metrics and tracing systems of whoever uses them.
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
    // Latency histograms of `tailrace bench`.
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    // Records with protobuf messages, in a product of their own; and tests: an independent decoder of what we encode.
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
  ],
  targets: [
    .target(
      name: "CTailraceWire",
      linkerSettings: [.linkedLibrary("protobuf-c")]
    ),
    .target(
      name: "CTailraceCompression",
      linkerSettings: [.linkedLibrary("z"), .linkedLibrary("lz4"), .linkedLibrary("zstd")]
    ),
    // Load generator and reference programs of `tailrace bench`; no part of the broker.
    .target(name: "CTailraceBench", dependencies: ["CTailraceWire"]),
    .target(
      name: "TailraceWire",
      dependencies: ["CTailraceWire", "CTailraceCompression", nioCore, collections],
      exclude: ["README.md"],
      swiftSettings: swiftSettings
    ),
    .target(
      name: "TailraceStorage",
      dependencies: ["TailraceWire", nioCore, logging, collections],
      exclude: ["README.md"],
      swiftSettings: swiftSettings
    ),
    .target(
      name: "TailraceGroups",
      dependencies: ["TailraceWire", nioCore, heap],
      exclude: ["README.md"],
      swiftSettings: swiftSettings
    ),
    .target(
      name: "TailraceBroker",
      dependencies: ["TailraceWire", "TailraceStorage", "TailraceGroups", nioCore, logging, collections, heap],
      exclude: ["README.md", "LOCKS.md"],
      swiftSettings: swiftSettings
    ),
    .target(
      name: "TailraceTransport",
      dependencies: ["TailraceWire", nioCore, nioPosix, nioHTTP2, nioHPACK, logging, collections],
      exclude: ["README.md"],
      swiftSettings: swiftSettings
    ),
    .target(
      name: "TailraceClient",
      dependencies: [
        "TailraceWire", nioCore, nioPosix, logging, collections, lifecycle, metrics, tracing,
      ],
      exclude: ["README.md"],
      swiftSettings: swiftSettings
    ),
    .target(
      name: "TailraceProtobuf",
      dependencies: ["TailraceClient", protobuf, nioCore],
      exclude: ["README.md"],
      swiftSettings: swiftSettings
    ),
    .target(
      name: "TailraceTesting",
      dependencies: [
        "TailraceWire", "TailraceStorage", "TailraceBroker", "TailraceTransport", "TailraceClient", nioCore, nioPosix,
        logging, collections, .product(name: "NIOEmbedded", package: "swift-nio"),
      ],
      exclude: ["README.md"],
      swiftSettings: swiftSettings
    ),
    .executableTarget(
      name: "tailrace",
      dependencies: [
        "CTailraceWire", "TailraceWire", "TailraceStorage", "TailraceGroups", "TailraceBroker", "TailraceTransport",
        "TailraceClient",
        "CTailraceBench", nioCore, nioPosix, nioHTTP2, nioHPACK, logging, collections,
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        lifecycle, .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        .product(name: "Histogram", package: "hdrhistogram-swift"),
      ],
      exclude: ["README.md"],
      swiftSettings: swiftSettings
    ),
    // Programs to copy from.
    example("ActivityTracking"),
    example("WorkQueue"),
    example("ChangeFeed"),
    // What random tests share. Knows none of the modules above, so that tests of any of them can use it.
    .target(
      name: "TailraceTestSupport",
      dependencies: [nioCore, nioPosix],
      path: "Tests/TailraceTestSupport",
      swiftSettings: swiftSettings
    ),
    // gRPC's own test service on a broker: what its clients' tests of interoperability are made against.
    .executableTarget(
      name: "GRPCTestServer",
      dependencies: ["TailraceTesting", "TailraceTransport"],
      path: "Tests/GRPCTestServer",
      swiftSettings: swiftSettings
    ),
    .testTarget(
      name: "CTailraceWireTests",
      dependencies: ["CTailraceWire", "CTailraceCompression", "TailraceTestSupport"],
      swiftSettings: swiftSettings
    ),
    .testTarget(
      name: "TailraceWireTests",
      dependencies: [
        "TailraceWire", "TailraceTestSupport", protobuf, nioCore,
      ],
      swiftSettings: swiftSettings
    ),
    .testTarget(
      name: "TailraceStorageTests",
      dependencies: [
        "TailraceStorage", "TailraceWire", "CTailraceWire", "TailraceTesting", "TailraceTestSupport", nioCore, logging,
      ],
      swiftSettings: swiftSettings
    ),
    .testTarget(
      name: "TailraceGroupsTests",
      dependencies: ["TailraceGroups", "TailraceWire", "TailraceTestSupport", nioCore],
      swiftSettings: swiftSettings
    ),
    .testTarget(
      name: "TailraceBrokerTests",
      dependencies: [
        "TailraceBroker", "TailraceGroups", "TailraceStorage", "TailraceTransport", "TailraceClient", "TailraceWire",
        "TailraceTesting", "TailraceTestSupport", nioCore, nioPosix, logging, collections,
        .product(name: "NIOEmbedded", package: "swift-nio"),
      ],
      swiftSettings: swiftSettings
    ),
    .testTarget(
      name: "TailraceTransportTests",
      dependencies: [
        "TailraceTransport", "TailraceWire", "TailraceTesting", "TailraceTestSupport", nioCore, nioPosix, nioHPACK,
        logging, collections, .product(name: "NIOEmbedded", package: "swift-nio"),
      ],
      swiftSettings: swiftSettings
    ),
    .testTarget(
      name: "TailraceClientTests",
      dependencies: [
        "TailraceClient", "TailraceTransport", "TailraceStorage", "TailraceTesting", "TailraceTestSupport",
        "TailraceWire", nioCore, nioPosix, logging, collections, lifecycle, metrics, tracing,
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        .product(name: "NIOEmbedded", package: "swift-nio"),
        .product(name: "MetricsTestKit", package: "swift-metrics"),
        .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
      ],
      swiftSettings: swiftSettings
    ),
    .testTarget(
      name: "TailraceProtobufTests",
      dependencies: ["TailraceProtobuf", "TailraceClient", protobuf, nioCore],
      swiftSettings: swiftSettings
    ),
    .testTarget(
      name: "tailraceTests",
      dependencies: [
        "tailrace", "TailraceClient", "TailraceWire", "TailraceTestSupport", nioCore, nioPosix, nioHTTP2, nioHPACK,
      ],
      swiftSettings: swiftSettings
    ),
  ],
  cLanguageStandard: .c17
)
