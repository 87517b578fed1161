"""RPCMethod, handler protocols and client stubs."""

from . import names
from .model import Method, Schema, Service
from .writer import Writer


def emit_methods(schema: Schema) -> str:
    """The enum of all methods of all services."""
    services = [service for file in schema.files for service in file.services]
    methods = [method for service in services for method in service.methods]
    out = Writer("the services in proto/tailrace/v1")
    out.blank()
    out.doc("Every method of every service, in the order of the schemas.")
    with out.block("package enum RPCMethod: UInt8, CaseIterable, Hashable, Sendable {"):
        for method in methods:
            out.doc(method.comment)
            out.line(f"case {method.case}")
        out.blank()
        _emit_lookup(out, methods)
    out.blank()
    with out.block("extension RPCMethod {"):
        _emit_property(out, "As it stands in a request header: \"tailrace.v1.LogService/Produce\".", "fullName",
                       [(m, f'"{m.full_name}"') for m in methods])
        _emit_property(out, "The service's full name: \"tailrace.v1.LogService\".", "serviceName",
                       [(m, f'"{m.full_name.split("/")[0]}"') for m in methods])
        _emit_property(out, "The name within the service: \"Produce\".", "methodName",
                       [(m, f'"{m.name}"') for m in methods])
        _emit_property(out, "Full name of the request message.", "requestName",
                       [(m, f'"{m.request_full_name}"') for m in methods])
        _emit_property(out, "Full name of the response message.", "responseName",
                       [(m, f'"{m.response_full_name}"') for m in methods])
        out.doc("Whether the method answers with a stream of responses.")
        with out.block("package var isServerStreaming: Bool {"):
            with out.switch("self"):
                for method in methods:
                    if method.streaming:
                        out.line(f"case .{method.case}: true")
                out.line("default: false")
    return out.text()


def _emit_property(out: Writer, doc: str, name: str, values: list[tuple[Method, str]]) -> None:
    out.doc(doc)
    with out.block(f"package var {name}: String {{"):
        with out.switch("self"):
            for method, value in values:
                out.line(f"case .{method.case}: {value}")
    out.blank()


def _emit_lookup(out: Writer, methods: list[Method]) -> None:
    out.doc("The method of this full name, or nil. Neither allocates nor hashes: at most the few names of the same "
            "length are compared.")
    by_length: dict[int, list[Method]] = {}
    for method in methods:
        by_length.setdefault(len(method.full_name), []).append(method)
    with out.block("package init?(nameBytes: UnsafeRawBufferPointer) {"):
        with out.switch("nameBytes.count"):
            for length, candidates in sorted(by_length.items()):
                out.line(f"case {length}:")
                with out.indented():
                    for index, method in enumerate(candidates):
                        keyword = "if" if index == 0 else "} else if"
                        out.line(f'{keyword} nameBytes.equals("{method.full_name}") {{')
                        out.line(f"  self = .{method.case}")
                    out.line("} else {")
                    out.line("  return nil")
                    out.line("}")
            out.line("default: return nil")


def emit_handler(path: str, service: Service) -> str:
    """The protocol that a server implements, its defaults and its dispatch from bytes."""
    out = Writer(f"proto/{path}")
    out.blank()
    out.line("package import NIOCore")
    out.blank()
    handled = [method for method in service.methods if not method.inline]
    inline = [method.name for method in service.methods if method.inline]
    comment = f"{service.comment}\n\nEvery method has a default that throws UNIMPLEMENTED."
    if inline:
        comment += f" Not here: {' and '.join(inline)}, which the broker answers on the event loop, from the raw bytes."
    out.doc(comment)
    with out.block(f"package protocol {service.name}Handler: Sendable {{"):
        for index, method in enumerate(handled):
            if index:
                out.blank()
            out.doc(method.comment)
            _emit_signature(out, method, "")
    out.blank()
    with out.block(f"extension {service.name}Handler {{"):
        for index, method in enumerate(handled):
            if index:
                out.blank()
            _emit_signature(out, method, f" {{ throw RPCError.unimplemented(.{method.case}) }}", "package ")
    out.blank()
    with out.block(f"extension {service.name}Handler {{"):
        _emit_unary_dispatch(out, service, [m for m in handled if not m.streaming])
        streams = [m for m in handled if m.streaming]
        if streams:
            out.blank()
            _emit_stream_dispatch(out, service, streams)
    return out.text()


def _emit_signature(out: Writer, method: Method, body: str, access: str = "") -> None:
    name = names.escaped(method.swift)
    if not method.streaming:
        out.line(f"{access}func {name}(")
        out.line(f"  _ request: {method.request}, _ call: CallContext")
        out.line(f") async throws(RPCError) -> {method.response}{body}")
    else:
        out.line(f"{access}func {name}(")
        out.line(f"  _ request: {method.request}, _ call: CallContext,")
        out.line(f"  _ write: @Sendable ({method.response}) async throws(RPCError) -> Void")
        out.line(f") async throws(RPCError){body}")


def _emit_unary_dispatch(out: Writer, service: Service, methods: list[Method]) -> None:
    out.doc(f"Decodes the request of a unary method of {service.name}, has it handled, and encodes the response."
            "\n\nThrows UNIMPLEMENTED for a method that is not one of these.")
    out.line("package func handle(")
    out.line("  _ method: RPCMethod, _ request: ByteBuffer, _ call: CallContext")
    with out.block(") async throws(RPCError) -> ByteBuffer {"):
        with out.switch("method"):
            for method in methods:
                out.line(f"case .{method.case}:")
                with out.indented():
                    out.line(f"let response = try await {names.escaped(method.swift)}(decodeRequest(request), call)")
                    out.line("return try encodeResponse(response)")
            out.line("default:")
            out.line("  throw RPCError.unimplemented(method)")


def _emit_stream_dispatch(out: Writer, service: Service, methods: list[Method]) -> None:
    out.doc(f"As `handle`, for the methods of {service.name} that answer with a stream; `write` gets each response, "
            "serialised, in order.")
    out.line("package func handleStream(")
    out.line("  _ method: RPCMethod, _ request: ByteBuffer, _ call: CallContext,")
    out.line("  write: @Sendable (ByteBuffer) async throws(RPCError) -> Void")
    with out.block(") async throws(RPCError) {"):
        with out.switch("method"):
            for method in methods:
                out.line(f"case .{method.case}:")
                with out.indented():
                    out.line(f"try await {names.escaped(method.swift)}(decodeRequest(request), call) {{")
                    out.line(f"  (response: {method.response}) async throws(RPCError) in")
                    out.line("  try await write(encodeResponse(response))")
                    out.line("}")
            out.line("default:")
            out.line("  throw RPCError.unimplemented(method)")


def emit_client(path: str, service: Service) -> str:
    """The typed client stub."""
    out = Writer(f"proto/{path}")
    out.blank()
    if any(method.streaming for method in service.methods):
        out.line("internal import NIOCore")
        out.blank()
    out.doc(f"Calls {service.name}. {service.comment}")
    with out.block(f"package struct {service.name}Client<Caller: RPCCaller>: Sendable {{"):
        out.doc("Carries the calls.")
        out.line("package let caller: Caller")
        out.blank()
        out.doc("A client whose calls are carried by `caller`.")
        out.line("package init(caller: Caller) { self.caller = caller }")
        for method in service.methods:
            out.blank()
            (_emit_stream_call if method.streaming else _emit_unary_call)(out, method)
    return out.text()


def _emit_unary_call(out: Writer, method: Method) -> None:
    out.doc(method.comment)
    out.line(f"package func {names.escaped(method.swift)}(")
    out.line(f"  _ request: {method.request}, options: CallOptions = CallOptions()")
    with out.block(f") async throws(RPCError) -> {method.response} {{"):
        out.line(f"try await decodeResponse(caller.call(.{method.case}, encodeRequest(request), options))")


def _emit_stream_call(out: Writer, method: Method) -> None:
    out.doc(f"{method.comment}\n\n`onResponse` is awaited for each response, in order; what it throws ends the call.")
    out.line(f"package func {names.escaped(method.swift)}(")
    out.line(f"  _ request: {method.request}, options: CallOptions = CallOptions(),")
    out.line(f"  onResponse: @Sendable ({method.response}) async throws(RPCError) -> Void")
    with out.block(") async throws(RPCError) {"):
        out.line(f"try await caller.stream(.{method.case}, encodeRequest(request), options) {{")
        out.line("  (response: ByteBuffer) async throws(RPCError) in")
        out.line("  try await onResponse(decodeResponse(response))")
        out.line("}")
