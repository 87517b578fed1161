"""Names must be what protobuf-c and swift-protobuf make of them."""

import unittest

from tailrace_codegen import names


class NamesTest(unittest.TestCase):
    def test_lower_camel_writes_acronyms_in_capitals_except_at_the_beginning(self):
        expected = {
            "topic_id": "topicID",
            "id": "id",
            "id_count": "idCount",
            "timeout_ms": "timeoutMs",
            "records_crc32c": "recordsCRC32C",
            "crc32c": "crc32c",
            "UNKNOWN_TOPIC_ID": "unknownTopicID",
            "max_wait_ms": "maxWaitMs",
        }
        self.assertEqual({name: names.lower_camel(name) for name in expected}, expected)

    def test_keywords_are_escaped(self):
        self.assertEqual(names.escaped("internal"), "`internal`")
        self.assertEqual(names.escaped("topic"), "topic")

    def test_c_names_are_those_of_protobuf_c(self):
        self.assertEqual(names.c_type("tailrace.v1.FetchTarget"), "Tailrace__V1__FetchTarget")
        self.assertEqual(names.c_function_prefix("tailrace.v1.FetchTarget"), "tailrace__v1__fetch_target")
        self.assertEqual(names.c_camel_to_lower("RPCError"), "rpcerror")
        self.assertEqual(names.c_field("default"), "default_")

    def test_independent_names_are_those_of_swift_protobuf(self):
        self.assertEqual(names.independent_type("tailrace.v1.Limits"), "Tailrace_V1_Limits")
        self.assertEqual(names.independent_field("records_crc32c"), "recordsCrc32C")
        self.assertEqual(names.independent_field("topic_id"), "topicID")
        self.assertEqual(names.independent_field("timeout_ms"), "timeoutMs")

    def test_upper_snake_gives_the_prefix_of_enum_values(self):
        self.assertEqual(names.upper_snake("ErrorCode"), "ERROR_CODE")
        self.assertEqual(names.upper_snake("Acks"), "ACKS")

    def test_file_stem(self):
        self.assertEqual(names.file_stem("tailrace/v1/log_service.proto"), "LogService")


if __name__ == "__main__":
    unittest.main()
