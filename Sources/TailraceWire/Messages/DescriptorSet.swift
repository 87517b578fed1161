internal import CTailraceWire

/// The schemas themselves, for reflection, descriptions of calls and the JSON form.
package enum DescriptorSet {
  /// A serialised google.protobuf.FileDescriptorSet: every file after those that it imports, with the comments that stand
  /// before declarations. In the executable's read-only data: valid for the life of the process.
  package static var bytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: trw_descriptor_set_start(), count: trw_descriptor_set_length)
  }

  /// The same of gRPC's own services, health and server reflection, which are no part of our schemas.
  package static var grpcBytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: trw_grpc_descriptor_set_start(), count: trw_grpc_descriptor_set_length)
  }
}
