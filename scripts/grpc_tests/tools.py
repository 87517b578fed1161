"""A tool that knows nothing of Tailrace learns all by server reflection: buf curl."""

import json
import subprocess

import grpc_tests.door as door

SERVICES = {"tailrace.v1.AdminService", "tailrace.v1.GroupService", "tailrace.v1.LogService"}


class Tools(door.DoorCase):
    def curl(self, *arguments: str, path: str = "", status: int = 0) -> str:
        """What `buf curl` prints."""
        command = ["buf", "curl", "--http2-prior-knowledge", "--protocol", "grpc", *arguments,
                   f"http://127.0.0.1:{self.port}{path}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(bool(done.returncode), bool(status), done.stderr)
        return done.stderr if status else done.stdout

    def test_methods_are_listed(self):
        methods = set(self.curl("--list-methods").split())
        for service in SERVICES:
            self.assertTrue(any(method.startswith(service + "/") for method in methods), methods)
        self.assertLessEqual({"tailrace.v1.AdminService/Ping", "tailrace.v1.LogService/Subscribe"}, methods)
        self.assertLessEqual({"grpc.health.v1.Health/Check", "grpc.health.v1.Health/Watch"}, methods)

    def test_services_are_listed(self):
        self.assertLessEqual(SERVICES, set(self.curl("--list-services").split()))

    def test_both_versions_of_reflection_serve_it(self):
        for version in ("grpc-v1", "grpc-v1alpha"):
            self.assertIn("LogService/Fetch", self.curl("--reflect-protocol", version, "--list-methods"))

    def test_method_is_called(self):
        answer = self.curl("-d", '{"payload": "aGVsbG8="}', path="/tailrace.v1.AdminService/Ping")
        self.assertEqual(json.loads(answer), {"payload": "aGVsbG8="})

    def test_health_is_asked_for(self):
        answer = self.curl("-d", '{"service": "tailrace.v1.LogService"}', path="/grpc.health.v1.Health/Check")
        self.assertEqual(json.loads(answer), {"status": "SERVING"})

    def test_topic_is_made_written_and_read(self):
        self.curl("-d", '{"name": "curled", "partitionCount": 2}', path="/tailrace.v1.AdminService/CreateTopic")
        target = {"topic": "curled", "records": [{"key": "aw==", "value": "dg==", "partition": 1}]}
        produce = {"targets": [target]}
        produced = json.loads(self.curl("-d", json.dumps(produce), path="/tailrace.v1.LogService/Produce"))
        self.assertEqual(produced["results"][0]["records"][0]["partition"], 1)
        fetch = {"targets": [{"topic": "curled", "partition": 1}], "decode": True}
        fetched = json.loads(self.curl("-d", json.dumps(fetch), path="/tailrace.v1.LogService/Fetch"))
        self.assertEqual(fetched["partitions"][0]["records"][0]["value"], "dg==")

    def test_failure_is_told_with_its_message(self):
        text = self.curl("-d", '{"name": "nowhere"}', path="/tailrace.v1.AdminService/DescribeTopic", status=1)
        self.assertIn("not_found", text)
        self.assertIn("nowhere", text)
