import NIOCore
import NIOHPACK
import TailraceWire
import Testing

@testable import tailrace

@Suite struct GRPCAnswerTests {
  @Test(arguments: [
    ("plain", "plain"), ("a%20b", "a b"), ("%E4%B8%AD", "中"), ("100%", "100%"), ("%4", "%4"), ("%zz%41", "%zzA"),
    ("", ""),
    ("%e4%b8%ad%", "中%"), ("%FF", "\u{FFFD}"),
  ])
  func `percent-encoding is undone, and what is none stays as it is`(_ text: String, _ decoded: String) {
    #expect(GRPCAnswer.percentDecoded(text) == decoded)
  }

  @Test func `metadata is what is neither HTTP's nor gRPC's own`() {
    let headers: HPACKHeaders = [
      ":status": "200", "content-type": "application/grpc", "grpc-status": "5", "a": "1",
      "grpc-status-details-bin": "CAU",
      "b-bin": "AA",
    ]
    #expect(GRPCAnswer.metadata(headers).map(\.key) == ["a", "grpc-status-details-bin", "b-bin"])
  }

  @Test func `details that are no message are none`() {
    #expect(GRPCStatusDetails(base64: "?") == nil)
    #expect(GRPCStatusDetails(base64: "Gv8") == nil)
    #expect(GRPCStatusDetails(base64: "")?.details.isEmpty == true)
  }

  @Test func `the first frame tells whether it is HTTP2, however it is cut`() {
    let settings: [UInt8] = [0, 0, 6, 4, 0, 0, 0, 0, 0]
    for count in 0..<settings.count { #expect(HTTP2Recognizer.judge(ByteBuffer(bytes: settings[..<count])) == .open) }
    #expect(HTTP2Recognizer.judge(ByteBuffer(bytes: settings + [1, 2])) == .http2)
    #expect(HTTP2Recognizer.judge(ByteBuffer(bytes: [0, 0, 6, 4, 0, 0, 0, 0, 1])) == .other("another protocol"))
    #expect(HTTP2Recognizer.judge(ByteBuffer(bytes: [0, 0, 6, 1, 0, 0, 0, 0, 0])) == .other("another protocol"))
  }
}
