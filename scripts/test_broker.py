"""Tests of what drives a broker from Python: encodings against known bytes, and answers that are not as they should."""

import array
import pathlib
import random
import socket
import struct
import subprocess
import tempfile
import threading
import unittest

from broker import batch, client, measure, open_loop, requests, responses, sparse_log, wire

# A batch's header as a broker wrote it: 93 bytes of records, at offset 0.
WRITTEN = bytes.fromhex(
    "7acd818080000d01000000110000000000000000" "1d0100000025000000002d00000000319ae32816a2010000"
    "399ae32816a2010000419ae32816a20100004d00000000510000000000000000" "5d0000000065000000006900000000000000"
    "00755d0000007d4d9219c085019044c1128a01dd80808000")


def response(call, message=b"", status=b""):
    header = wire.number(1, call) + (wire.data(2, status) if status else b"") + wire.number(3, 1)
    return struct.pack(">IH", 2 + len(header) + len(message), len(header)) + header + message


class Wire(unittest.TestCase):
    def test_fields_are_read_as_they_were_written(self):
        for value in [0, 1, 127, 128, 300, 1 << 32, (1 << 64) - 1]:
            self.assertEqual(list(wire.fields(wire.number(1, value) + wire.data(200, b"x" * 130))),
                             [(1, value), (200, b"x" * 130)])
        self.assertEqual(list(wire.fields(b"\x0d\1\2\3\4\x11" + bytes(8))), [(1, b"\1\2\3\4"), (2, bytes(8))])

    def test_what_is_cut_off_or_no_message_is_told(self):
        for message in [b"\x08", b"\x08\x80", b"\x0a\x05abc", b"\x0d\1\2\3", b"\x0b", b"\x08" + b"\xff" * 11]:
            with self.assertRaises(wire.Malformed):
                list(wire.fields(message))

    def test_answers_are_taken_whole_wherever_they_are_cut(self):
        whole = response(1, b"one") + response(300, b"", wire.number(1, 9) + wire.data(2, "no") + wire.number(3, 26)) + response(2, b"two")
        for cut in range(len(whole)):
            received = bytearray(whole[:cut])
            found = list(wire.take_answers(received))
            received += whole[cut:]
            found += wire.take_answers(received)
            self.assertEqual(found, [(1, None, b"one", 0), (300, "no", b"", 26), (2, None, b"two", 0)])
            self.assertEqual(received, b"")

    def test_a_call_is_a_frame_with_its_number_and_method(self):
        self.assertEqual(wire.frame(b"abc", b"de"), b"\0\0\0\7\0\3abcde")
        self.assertEqual(wire.call(5, "M", b"!"), b"\0\0\0\x14\0\x11\x08\5\x12\x0dtailrace.v1.M!")
        self.assertEqual(wire.calls(2, "M", first_id=7), wire.call(7, "M") + wire.call(8, "M"))

    def test_numbers_of_0_are_left_out(self):
        self.assertEqual(wire.numbers({1: 0, 2: 300, 3: 0}), wire.number(2, 300))

    def test_a_header_longer_than_its_frame_is_told(self):
        with self.assertRaises(wire.Malformed):
            list(wire.take_answers(bytearray(b"\0\0\0\2\0\1\0\0")))


class Batches(unittest.TestCase):
    def test_checksums_and_headers_are_a_brokers(self):
        self.assertEqual(batch.crc32c(b"123456789"), 0xE3069283)
        time_ms = struct.unpack("<q", WRITTEN[36:44])[0]
        self.assertEqual(batch.header(1, 93, 0xC019924D, time_ms=time_ms), WRITTEN)

    def test_a_batch_is_its_header_and_its_records(self):
        records = batch.record_set([b"a", b"bc"])
        self.assertEqual(records, b"\x0a\x03\x12\x01a\x0a\x04\x12\x02bc")
        encoded = batch.encode([b"a", b"bc"], offset=7)
        self.assertEqual(encoded, batch.header(2, len(records), batch.crc32c(records), offset=7) + records)
        found = dict(wire.fields(batch.message(encoded)))
        self.assertEqual((found[2], found[3], found[17]), (struct.pack("<q", 7), struct.pack("<I", 2), records))


class Parts(unittest.TestCase):
    def test_an_error_in_any_part_of_a_produce_is_told(self):
        error = wire.number(1, 19) + wire.data(2, "full")
        responses.check_produced(wire.data(1, wire.data(3, wire.number(2, 5))))
        for part in [wire.data(1, error), wire.data(2, wire.data(4, error)), wire.data(3, wire.data(3, error))]:
            with self.assertRaisesRegex(responses.BrokerError, "full"):
                responses.check_produced(wire.data(1, part))

    def test_offsets_and_batches_are_found(self):
        self.assertEqual(responses.offset_found(wire.number(2, 300)), 300)
        with self.assertRaisesRegex(responses.BrokerError, "error 3"):
            responses.offset_found(wire.data(1, wire.number(1, 3)))
        fetched = wire.data(1, wire.data(1, "t") + wire.data(15, b"one") + wire.data(15, b"two"))
        self.assertEqual(responses.fetched_batches(fetched), [b"one", b"two"])

    def test_where_plain_records_went_and_what_decoded_ones_hold_is_found(self):
        results = wire.data(3, wire.numbers({1: 2, 2: 7})) + wire.data(3, wire.numbers({1: 2, 2: 8}))
        self.assertEqual(responses.produced_offsets(wire.data(1, results)), [7, 8])
        record = wire.number(1, 5) + wire.data(4, b"v")
        part = wire.data(1, "t") + wire.numbers({3: 2, 9: 6}) + wire.data(10, record)
        self.assertEqual(responses.fetched_records(wire.data(1, part)), [(2, 6, [(5, b"v")])])
        with self.assertRaises(responses.BrokerError) as told:
            responses.fetched_records(wire.data(1, wire.data(4, wire.number(1, 9))))
        self.assertEqual(told.exception.code, 9)


class OpenLoop(unittest.TestCase):
    def test_a_request_is_due_with_the_tick_that_it_is_counted_in(self):
        for rate in [300, 1000, 20000, 20001]:
            for index in range(0, 500, 7):
                at = open_loop.due_at(index, rate)
                self.assertGreaterEqual(at, 0)
                self.assertGreater(open_loop.due(at + 1e-6, rate, 1000), index)
                self.assertLessEqual(open_loop.due(at - 1e-6, rate, 1000), index)
        self.assertEqual(open_loop.due(10, 300, 1000), 1000)

    def run_against(self, answers, total):
        ours, theirs = socket.socketpair()
        connection = client.Connection.__new__(client.Connection)
        connection.socket = ours
        frames = [wire.call(call, requests.PRODUCE, b"x") for call in (1, 2, 3)]

        def serve():
            for _ in range(total):
                length = struct.unpack(">I", theirs.recv(4, socket.MSG_WAITALL))[0]
                content = theirs.recv(length, socket.MSG_WAITALL)
                call = dict(wire.fields(content[2 : 2 + struct.unpack(">H", content[:2])[0]]))[1]
                theirs.sendall(answers(call))
            theirs.close()

        thread = threading.Thread(target=serve)
        thread.start()
        with ours:
            try:
                return open_loop.run(connection, frames, rate=2000, total=total)
            finally:
                ours.shutdown(socket.SHUT_RDWR)
                thread.join(10)

    def test_every_request_is_answered_once_and_never_before_it_was_due(self):
        outcome = self.run_against(response, 100)
        self.assertEqual(len(outcome.latencies_us), 100)
        self.assertGreaterEqual(outcome.latencies_us[0], 0)
        self.assertEqual(outcome.latencies_us, array.array("d", sorted(outcome.latencies_us)))
        self.assertGreater(outcome.seconds, 0.045)

    def test_a_refused_call_ends_it(self):
        with self.assertRaisesRegex(responses.BrokerError, "no room"):
            self.run_against(lambda call: response(call, b"", wire.number(1, 8) + wire.data(2, "no room")), 1)

    def test_a_closed_connection_ends_it(self):
        with self.assertRaisesRegex(responses.BrokerError, "closed"):
            self.run_against(lambda call: b"", 1)


class Sparse(unittest.TestCase):
    def test_zeros_are_framed_to_the_length_asked_for(self):
        for length in [1 << 20, (1 << 20) - 1242, 200_000, 16_400]:
            prefix = sparse_log.zeros_prefix(length)
            ((field, record),) = wire.fields(prefix + bytes(length - len(prefix)))
            ((inner, value),) = wire.fields(record)
            self.assertEqual((field, inner, set(value)), (1, 2, {0}))

    def test_a_log_is_as_long_as_it_says_and_its_batches_are_in_order(self):
        log = sparse_log.SparseLog(sparse_log.STRIDES_PER_SEGMENT + 2, start_ms=1_000_000)
        with tempfile.TemporaryDirectory() as name:
            partition = pathlib.Path(name) / f"topics/t@{b'i'.hex()}/0"
            partition.mkdir(parents=True)
            (partition / f"{0:020}.log").write_bytes(b"old")
            sparse_log.write(log, pathlib.Path(name), b"i")
            segments = sorted(partition.glob("*.log"))
            self.assertEqual([path.name for path in segments], [f"{0:020}.log", f"{2048:020}.log"])
            self.assertEqual([path.stat().st_size for path in segments], [1 << 30, 2 << 20])
            found = [dict(wire.fields(content)) for field, content in wire.fields(segments[1].read_bytes())]
            self.assertEqual([struct.unpack("<q", fields[2])[0] for fields in found], [2048, 2049, 2050, 2051])
            for fields in found:
                self.assertEqual(struct.unpack("<I", fields[15])[0], batch.crc32c(fields[17]))
                self.assertEqual(struct.unpack("<q", fields[7])[0] - 1_000_000, struct.unpack("<q", fields[2])[0])


class Measure(unittest.TestCase):
    def test_percentiles_are_of_the_values_that_are_there(self):
        values = list(range(1, 101))
        self.assertEqual([measure.percentile(values, share) for share in (0.5, 0.99, 0.999)], [50, 99, 100])
        self.assertEqual(measure.percentile([7], 0.5), 7)
        ordered = sorted(random.Random(1).random() for _ in range(1234))
        for share in (0.01, 0.5, 0.999):
            value = measure.percentile(ordered, share)
            self.assertGreaterEqual(sum(other <= value for other in ordered), share * len(ordered))

    def test_bad_options_are_told_in_a_line(self):
        growth, memory = (str(pathlib.Path(__file__).with_name(f"bench_{name}.py")) for name in ("growth", "memory"))
        good = ["--tailrace", "true", "--directory", tempfile.gettempdir()]
        for command, words in [
            ([memory, "idle", *good, "--rounds", "0"], "'0' is no number of 1 to 100"),
            ([memory, "idle", "--tailrace", "no-such-program", "--directory", "."], "no program 'no-such-program'"),
            ([memory, "idle", "--tailrace", "true", "--directory", "no/where"], "cannot write to 'no/where'"),
            ([growth, "produce", *good, "--partitions", "10001"], "'10001' is no number of 1 to 10,000"),
            ([memory, "start", *good], "the broker does not serve"),
        ]:
            done = subprocess.run(["python3", *command], capture_output=True, text=True)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(words, done.stderr.splitlines()[-1])
            self.assertNotIn("Traceback", done.stderr)


if __name__ == "__main__":
    unittest.main()
