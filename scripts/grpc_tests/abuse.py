"""What peers do to wear out an HTTP/2 server: each is bounded, memory too, and a neighbour gets its answers."""

import time

import grpc_tests.door as door
from grpc_tests.peer import FETCH, PING, Answer, Peer, request
from hyperframe import frame as frames

PROTOCOL_ERROR, ENHANCE_YOUR_CALM = 1, 11
OK = 0
FLOOD_SECONDS = 6


class Abuse(door.AbuseCase):
    def flood(self, peer: Peer, piece: bytes, most: int) -> None:
        """Sends `piece` until the connection ends, or `most` times: the broker may be that far behind."""
        deadline = time.monotonic() + FLOOD_SECONDS
        for _ in range(most):
            peer.send_bytes(piece)
            while peer.receive(0):
                pass
            if peer.is_ended or peer.goaway or time.monotonic() > deadline:
                return

    def assert_cut(self, peer: Peer, *codes: int) -> None:
        """Was told why, and the connection is over."""
        self.assertTrue(peer.ends(), peer.goaway)
        # A reset may have taken the reason with it, where the peer still sent.
        if peer.goaway:
            self.assertIn(peer.goaway.error_code, codes)

    def test_rapid_reset(self):
        with self.unharmed(), Peer(self.port) as peer:
            count = 0
            while count < 50_000 and not peer.goaway and not peer.is_ended:
                burst = []
                for _ in range(50):
                    head = peer.headers(request(FETCH), end=True)
                    burst += [head, frames.RstStreamFrame(head.stream_id, error_code=8)]
                peer.send(*burst)
                count += 50
                peer.receive(0)
            self.assert_cut(peer, ENHANCE_YOUR_CALM)

    def test_resets_that_the_server_is_made_to_send(self):
        with self.unharmed(), Peer(self.port) as peer:
            count = 0
            while count < 50_000 and not peer.goaway and not peer.is_ended:
                # A window that grows by 0 is an error of the stream.
                peer.send_bytes(b"".join(
                    head.serialize() + b"\0\0\4\x08\0" + head.stream_id.to_bytes(4, "big") + bytes(4)
                    for head in (peer.headers(request(PING)) for _ in range(50))))
                count += 50
                peer.receive(0)
            self.assert_cut(peer, ENHANCE_YOUR_CALM, PROTOCOL_ERROR)

    def test_continuation_flood(self):
        with self.unharmed(), Peer(self.port) as peer:
            head = peer.headers(request())
            head.flags.discard("END_HEADERS")
            peer.send(head)
            more = frames.ContinuationFrame(1, b"\x00\x01x\x01y").serialize()
            self.flood(peer, more, 10_000)
            self.assert_cut(peer, ENHANCE_YOUR_CALM, PROTOCOL_ERROR)

    def test_empty_continuation_flood(self):
        with self.unharmed(), Peer(self.port) as peer:
            head = peer.headers(request())
            head.flags.discard("END_HEADERS")
            peer.send(head)
            self.flood(peer, frames.ContinuationFrame(1, b"").serialize(), 10_000)
            self.assert_cut(peer, ENHANCE_YOUR_CALM, PROTOCOL_ERROR)

    def test_settings_flood(self):
        with self.unharmed(), Peer(self.port) as peer:
            piece = frames.SettingsFrame(0, settings={4: 65_535}).serialize() * 20
            self.flood(peer, piece, 2_000)
            self.assert_cut(peer, ENHANCE_YOUR_CALM)

    def test_ping_flood(self):
        with self.unharmed(), Peer(self.port) as peer:
            self.flood(peer, frames.PingFrame(0, b"12345678").serialize(), 1_000)
            self.assert_cut(peer, ENHANCE_YOUR_CALM)
            self.assertEqual(peer.goaway.additional_data, b"too_many_pings")

    def test_a_ping_with_each_call_is_no_flood(self):
        """grpc-go pings once a round trip, to measure the connection: calls that it loses for that it makes again."""
        with self.unharmed(), Peer(self.port) as peer:
            ping = frames.PingFrame(0, b"12345678").serialize()
            for _ in range(300):
                heads = [peer.headers(request("/none.Such/Call"), end=True) for _ in range(25)]
                peer.send_bytes(b"".join(head.serialize() + ping for head in heads))
                for head in heads:
                    peer.answer(head.stream_id)
            self.assertIsNone(peer.goaway)
            self.assertTrue(peer.until(lambda: peer.pongs == 7_500))

    def test_pings_now_and_then_are_answered(self):
        with Peer(self.port) as peer:
            for _ in range(5):
                # It was sent something before.
                self.assertEqual(peer.call(PING).status, OK)
                pongs = peer.pongs
                peer.send(frames.PingFrame(0, b"12345678"))
                self.assertTrue(peer.until(lambda: peer.pongs > pongs))
            self.assertIsNone(peer.goaway)

    def test_priority_and_unknown_frames_flood(self):
        with self.unharmed(), Peer(self.port) as peer:
            piece = frames.PriorityFrame(1, depends_on=3, stream_weight=9).serialize() * 20
            self.flood(peer, piece, 2_000)
            self.assert_cut(peer, ENHANCE_YOUR_CALM)
        with self.unharmed(), Peer(self.port) as peer:
            self.flood(peer, b"\0\0\0\xee\0\0\0\0\0" * 20, 2_000)

    def test_empty_data_flood(self):
        with self.unharmed(), Peer(self.port) as peer:
            stream = peer.open(request(), b"", end=False)
            self.flood(peer, frames.DataFrame(stream, b"").serialize() * 20, 5_000)
            self.assert_cut(peer, ENHANCE_YOUR_CALM, PROTOCOL_ERROR)

    def test_header_bombs(self):
        big = [(f"bomb-{number}", "x" * 900) for number in range(40)]
        with self.unharmed(), Peer(self.port) as peer:
            block = peer.encoder.encode(request(more=big))
            pieces = [block[at : at + 16_000] for at in range(0, len(block), 16_000)]
            peer.send(frames.HeadersFrame(1, pieces[0], flags=["END_STREAM"]), *(
                frames.ContinuationFrame(1, each, flags=["END_HEADERS"] if each is pieces[-1] else [])
                for each in pieces[1:]))
            self.assert_refused_headers(peer)
        # One entry of the table, told a thousand times: 5 KB here, 4 MB there.
        with self.unharmed(), Peer(self.port) as peer:
            entry = b"\x40\x04bomb" + b"\x7f\xa1\x1e" + b"x" * 4_000
            block = peer.encoder.encode(request()) + entry + b"\xbe" * 1_000
            peer.send(frames.HeadersFrame(1, block, flags=["END_STREAM", "END_HEADERS"]))
            self.assert_refused_headers(peer)

    def assert_refused_headers(self, peer: Peer) -> None:
        """Either the call or the connection."""
        answer = peer.answers.setdefault(1, Answer())
        peer.until(lambda: peer.is_ended or answer.is_ended, 3)
        self.assertTrue(peer.is_ended or answer.is_ended and answer.status != OK, (answer, peer.goaway))
