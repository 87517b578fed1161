"""How names in the schemas become names in Swift and in protobuf-c's output."""

import re

# Parts of a name that are written in capitals, except at its beginning.
ACRONYMS = {"id": "ID", "crc32c": "CRC32C", "rpc": "RPC", "url": "URL"}

# Reserved in Swift: a declaration of that name needs backticks.
SWIFT_KEYWORDS = frozenset(
    """
    Any Protocol Self Type as associatedtype async await break case catch class continue default defer deinit do else
    enum extension fallthrough false fileprivate for func guard if import in init inout internal is let nil operator
    precedencegroup private protocol public repeat rethrows return self static struct subscript super switch throw
    throws true try typealias var where while
    """.split()
)

# protobuf-c appends an underscore to fields of these names (kKeywordList in its c_helpers.cc).
C_KEYWORDS = frozenset(
    """
    and and_eq asm auto bitand bitor bool break case catch char class compl const const_cast continue default delete do
    double dynamic_cast else enum explicit extern false float for friend goto if inline int long mutable namespace new
    not not_eq operator or or_eq private protected public register reinterpret_cast return short signed sizeof static
    static_cast struct switch template this throw true try typedef typeid typename union unsigned using virtual void
    volatile wchar_t while xor xor_eq
    """.split()
)


def lower_camel(snake: str) -> str:
    """"topic_id" -> "topicID", "records_crc32c" -> "recordsCRC32C"."""
    parts = [part for part in snake.lower().split("_") if part]
    return parts[0] + "".join(ACRONYMS.get(part, part[:1].upper() + part[1:]) for part in parts[1:])


def lower_first(camel: str) -> str:
    """"LogService" -> "logService"."""
    return camel[:1].lower() + camel[1:]


def upper_snake(camel: str) -> str:
    """"ErrorCode" -> "ERROR_CODE"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", camel).upper()


def escaped(identifier: str) -> str:
    """The identifier as it must stand in a Swift declaration."""
    return f"`{identifier}`" if identifier in SWIFT_KEYWORDS else identifier


def file_stem(proto_path: str) -> str:
    """"tailrace/v1/log_service.proto" -> "LogService"."""
    stem = proto_path.rsplit("/", 1)[-1].removesuffix(".proto")
    return "".join(part[:1].upper() + part[1:] for part in stem.split("_"))


def c_camel_to_lower(camel: str) -> str:
    """protobuf-c's CamelToLower: "FetchTarget" -> "fetch_target"."""
    result, was_upper = "", True
    for character in camel:
        is_upper = character.isupper()
        if is_upper and not was_upper:
            result += "_"
        result += character.lower()
        was_upper = is_upper
    return result


def c_type(full_name: str) -> str:
    """protobuf-c's FullNameToC: "tailrace.v1.FetchTarget" -> "Tailrace__V1__FetchTarget"."""
    parts = full_name.split(".")
    return "__".join(part[:1].upper() + part[1:] for part in parts)


def c_function_prefix(full_name: str) -> str:
    """protobuf-c's FullNameToLower: "tailrace.v1.FetchTarget" -> "tailrace__v1__fetch_target"."""
    return "__".join(c_camel_to_lower(part) for part in full_name.split("."))


def c_field(name: str) -> str:
    """protobuf-c's FieldName."""
    lowered = name.lower()
    return lowered + "_" if lowered in C_KEYWORDS else lowered


def independent_type(full_name: str) -> str:
    """swift-protobuf's name of a type, used by the tests: "tailrace.v1.Limits" -> "Tailrace_V1_Limits"."""
    return "_".join(part[:1].upper() + part[1:] for part in full_name.split("."))


def independent_field(name: str) -> str:
    """swift-protobuf's name of a field: "records_crc32c" -> "recordsCrc32C"."""
    parts = re.findall(r"[a-zA-Z]+|[0-9]+", name)
    result = parts[0].lower()
    for part in parts[1:]:
        lowered = part.lower()
        is_acronym = lowered in ("url", "http", "https", "id")
        result += lowered.upper() if is_acronym else lowered[:1].upper() + lowered[1:]
    return result
