"""Tests of bench-peers that need no server: its table, its options, and how its client takes what a server sends."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

import bench_peers
from peers import servers, table
from peers.workloads import P50, PER_SECOND, WORKLOADS, Workload

SCRIPTS = pathlib.Path(__file__).parent
COMPILER = shutil.which("gcc") or shutil.which("clang")


class Table(unittest.TestCase):
    def measurement(self, server, round_number=1, **values):
        return {"workload": "w", "server": server, "round": round_number, "is_warm_up": round_number == 0, **values}

    def test_medians_leave_out_warm_ups_and_failures(self):
        found = [self.measurement("a", n, per_second=v) for n, v in enumerate([900, 3, 1, 2])]
        found += [self.measurement("a", 4, error="no"), self.measurement("b", 1, per_second=50)]
        self.assertEqual(table.median(found, "w", "a", "per_second"), 2)
        self.assertIsNone(table.median(found, "other", "a", "per_second"))

    def test_the_ratio_is_to_the_best_peer_and_bold_where_ours_is_better(self):
        self.assertEqual(table.ratio(PER_SECOND, 300, [100, 200]), "**1.50**")
        self.assertEqual(table.ratio(PER_SECOND, 100, [100, None]), "1.00")
        self.assertEqual(table.ratio(P50, 300, [100, 200]), "3.00")
        self.assertEqual(table.ratio(P50, 50, [100, 200]), "**0.50**")
        for ours, peers in [(None, [1]), (1, [None, None]), (1, [0])]:
            self.assertEqual(table.ratio(P50, ours, peers), "–")

    def test_rows_have_every_server_and_say_what_failed(self):
        workload = Workload("w", "title", "produce", (PER_SECOND,))
        found = [self.measurement("a", per_second=12345.6), self.measurement("b", error="no")]
        rows = table.rows([workload], ["a", "b"], found)
        self.assertEqual(rows, [["title", "records/s", "12,346", "failed", "–"]])
        text = table.markdown(["workload", "unit", "a", "b", "ratio"], rows)
        self.assertEqual({line.count("|") for line in text.splitlines()}, {6})


class Options(unittest.TestCase):
    def test_the_script_knows_the_same_workloads(self):
        text = (SCRIPTS / "bench-peers").read_text("utf-8")
        listed = text.partition("workloads=(")[2].partition(")")[0].split()
        self.assertEqual(listed, [workload.name for workload in WORKLOADS])

    def test_every_workload_has_a_batch_and_a_window_for_each_server(self):
        for kind in servers.KINDS:
            bench = bench_peers.Bench(servers.Binaries("", "", "", ""), pathlib.Path(), bench_peers.QUICK)
            for workload in WORKLOADS:
                options = bench.options(workload, kind)
                self.assertLessEqual(options["batch"], options["window"])


class Servers(unittest.TestCase):
    def test_a_server_goes_with_its_directory_and_is_measured_while_it_runs(self):
        with tempfile.TemporaryDirectory() as work:
            directory = pathlib.Path(work) / "server"
            command = lambda *_: [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
            kind = servers.KINDS[0]._replace(command=command)
            with servers.Server(kind, servers.Binaries("", "", "", ""), directory, False) as server:
                self.assertGreater(server.resident_mb(), 0)
                self.assertGreaterEqual(server.cpu_seconds(), 0)
                os.kill(server.process.pid, 0)
            self.assertFalse(directory.exists())
            self.assertIsNotNone(server.process.returncode)


@unittest.skipUnless(COMPILER, "there is no C compiler")
class Client(unittest.TestCase):
    """Against a server that sends what it is told to, whatever is asked."""

    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.binary = pathlib.Path(temporary.name) / "bench-client"
        crc32c = SCRIPTS.parent / "Sources/CTailraceWire"
        includes = ["-I", str(crc32c), "-I", str(crc32c / "include")]
        files = [*sorted((SCRIPTS / "peers").glob("*.c")), *sorted(crc32c.glob("trw_crc32c*.c"))]
        flags = ["-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined", "-fno-sanitize-recover"]
        subprocess.run([COMPILER, *flags, *includes, "-o", str(cls.binary), *map(str, files)], check=True)

    def run_client(self, protocol, answers, mode="consume", *options):
        """Runs the client; each of `answers` is sent once something came, and then the connection is closed."""

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(20)
                for answer in answers:
                    connection.recv(1 << 16)
                    connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 16):
                    pass

        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(20)
            server = threading.Thread(target=serve)
            server.start()
            command = [str(self.binary), "--protocol", protocol, "--port", str(listener.getsockname()[1])]
            command += ["--mode", mode, "--size", "8", "--records", "1", *options]
            environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
            server.join()
        return done

    def assert_refused(self, protocol, answers, words):
        done = self.run_client(protocol, answers)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(words, done.stderr)
        self.assertNotIn("Sanitizer", done.stderr)

    def test_unknown_options_and_values_out_of_bounds_are_refused(self):
        base = [str(self.binary), "--protocol", "redis", "--port", "1", "--mode", "consume"]
        for extra in [["--size", "7"], ["--size", "x"], ["--seconds", "nan"], ["--nope", "1"], ["--batch", "9999"], ["--port"]]:
            done = subprocess.run([*base, *extra], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2, extra)

    def test_what_redis_must_not_send_is_refused(self):
        for answer, words in [
            (b"-ERR no\r\n", "-ERR no"),
            (b"*1\r\n*2\r\n$99999999999999999999\r\n", "a length of more than"),
            (b"*1\r\n*2\r\n$-1\r\n", "nothing where"),
            (b"*1\r\n*2\r\n$1x\r\n", "no number"),
            (b"*\n", "no number"),
            (b"*1\r\n*2\r\n$1\r\ns\r\n*0\r\n", "without entries"),
            (b"x" * 2000, "without an end"),
            (b"*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\nd\r\n$3\r\nabc\r\n", "a record of 3 bytes"),
            (b"", "closed the connection"),
        ]:
            self.assert_refused("redis", [b"+PONG\r\n", answer], words)

    def test_what_nats_must_not_send_is_refused(self):
        greeting, created = b"INFO {}\r\nPONG\r\n", b"MSG _INBOX.x 1 2\r\n{}\r\n"
        for answer, words in [
            (b"-ERR 'no'\r\n", "-ERR"),
            (b"MSG _INBOX.x 1 99999999999\r\n", "a message of more than"),
            (b"HMSG _INBOX.x 1 9 3\r\n", "headers longer"),
            (b"MSG s 1 3\r\nabc\r\n", "a record of 3 bytes"),
            (b"HMSG s 1 23 23\r\nNATS/1.0 409 Deleted\r\n\r\n\r\n", "pull: 409"),
            (b"\r\n\n", "closed the connection"),
        ]:
            self.assert_refused("nats", [greeting, created, answer], words)
        self.assert_refused("nats", [greeting, b'MSG s 1 12\r\n{"error":{}}\r\n'], "no consumer")

    def test_what_tailrace_must_not_send_is_refused(self):
        preface = b"TRPC\1\1\1\0"
        header = b"\x08\x80\x01"
        for answer, words in [
            (b"\0\0\0\1\0\0", "malformed frame"),
            (b"\xff\xff\xff\xff\0\0", "malformed frame"),
            (b"\0\0\0\2\0\1", "malformed frame"),
            (b"\0\0\0\5\0\3\x08\x80\x80", "malformed response header"),
            (b"\0\0\0\5\0\3\x08\x81\x01", "an answer to no call"),
            (b"\0\0\0\x09\0\7" + header + b"\x12\x04\x12\x02no"[:4], "malformed response header"),
            (b"\0\0\0\x0b\0\x09" + header + b"\x12\x04\x12\x02no", "tailrace: no"),
            (b"\0\0\0\7\0\3" + header + b"\x0a\x05", "malformed fetch response"),
            (b"\0\0\0\x0a\0\3" + header + b"\x0a\x03\x7a\x01\x08", "malformed batch"),
            (b"\0\0\0\x0b\0\3" + header + b"\x0a\x04\x7a\x02\x1d\x01", "malformed batch"),
        ]:
            self.assert_refused("tailrace", [preface, answer], words)
        self.assert_refused("tailrace", [b"HTTP/1.1"], "not a broker")


if __name__ == "__main__":
    unittest.main()
