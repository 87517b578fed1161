/// Why a batch or its records cannot be accepted or read: a code for programs, a sentence for people.
package struct RecordBatchError: Error, Hashable, Sendable, CustomStringConvertible {
  package let code: ErrorCode
  package let message: String

  package init(_ code: ErrorCode, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { message }
}
