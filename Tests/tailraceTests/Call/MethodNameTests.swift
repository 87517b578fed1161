import TailraceWire
import Testing

@testable import tailrace

@Suite struct MethodNameTests {
  @Test(arguments: [
    "tailrace.v1.AdminService/ListTopics", "/tailrace.v1.AdminService/ListTopics", "AdminService/ListTopics",
    "AdminService.ListTopics", "tailrace.v1.AdminService.ListTopics",
  ])
  func `a method is found by its full and its short name`(name: String) {
    #expect(MethodName.find(name) == .adminServiceListTopics)
  }

  @Test(arguments: ["", "/", "ListTopics", "AdminService/", "AdminService/listtopics", "LogService/ListTopics", "."])
  func `anything else is no method`(name: String) {
    #expect(MethodName.find(name) == nil)
  }

  @Test func `every method is found by its short name`() {
    for method in RPCMethod.allCases { #expect(MethodName.find(MethodName.shortName(method)) == method) }
  }

  @Test func `near names are told, those of the same service first`() {
    #expect(MethodName.near("AdminService/ListTopic").first == "AdminService/ListTopics")
    #expect(MethodName.near("LogService/fetsh").first == "LogService/Fetch")
    #expect(MethodName.near("Topics").contains("AdminService/ListTopics"))
    #expect(MethodName.near("zzzzzzzzzzzzzzzzzzzzzzzzz/qqqqqqqqqqqqqqqqqqqqqqq").isEmpty)
    #expect(MethodName.near(String(repeating: "x", count: 100_000)).count <= 5)
  }
}
