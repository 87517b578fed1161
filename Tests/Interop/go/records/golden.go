package records

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"google.golang.org/protobuf/proto"
	v1 "tailrace/v1"
)

// Preface is what a client says first on the native door; the server's first five bytes are the same.
const Preface = "TRPC\x01\x00\x00\x00"

// EncodeFrame makes a frame of the native door. The message may be nil.
func EncodeFrame(header, message proto.Message) ([]byte, error) {
	head, err := proto.Marshal(header)
	if err != nil {
		return nil, err
	}
	var body []byte
	if message != nil {
		body, err = proto.Marshal(message)
	}
	frame := binary.BigEndian.AppendUint32(nil, uint32(2+len(head)+len(body)))
	frame = binary.BigEndian.AppendUint16(frame, uint16(len(head)))
	return append(append(frame, head...), body...), err
}

// DecodeFrame takes a whole frame apart; `response` becomes its message.
func DecodeFrame(frame []byte, response proto.Message) (*v1.ResponseHeader, error) {
	header := new(v1.ResponseHeader)
	if len(frame) < 6 || uint64(binary.BigEndian.Uint32(frame)) != uint64(len(frame)-4) {
		return header, fmt.Errorf("a frame of %d bytes with another length in it", len(frame))
	}
	end := 6 + int(binary.BigEndian.Uint16(frame[4:]))
	if end > len(frame) {
		return header, fmt.Errorf("a header of %d bytes in a frame of %d", end-6, len(frame))
	}
	if err := proto.Unmarshal(frame[6:end], header); err != nil {
		return header, err
	}
	return header, proto.Unmarshal(frame[end:], response)
}

// CheckGolden checks that this client's bytes are those of the files in proto/testdata.
func CheckGolden(directory string) error {
	files := map[string][]byte{}
	for _, name := range []string{"hashes.txt", "record_set.bin", "request.frame", "response.frame", "error.frame",
		"client_preface.bin", "server_preface.bin", "batch_none.bin", "batch_gzip.bin", "batch_lz4.bin", "batch_zstd.bin"} {
		content, err := os.ReadFile(filepath.Join(directory, name))
		if err != nil {
			return err
		}
		files[name] = content
	}
	if err := checkHashes(string(files["hashes.txt"])); err != nil {
		return err
	}
	set, err := proto.Marshal(&v1.RecordSet{Records: Samples()})
	if err != nil || !bytes.Equal(set, files["record_set.bin"]) {
		return fmt.Errorf("record_set.bin is not what this client encodes: %v", err)
	}
	request, err := produceRequest()
	if err != nil || !bytes.Equal(request, files["request.frame"]) {
		return fmt.Errorf("request.frame is not what this client encodes: %v", err)
	}
	client, server := string(files["client_preface.bin"]), string(files["server_preface.bin"])
	if client != Preface || len(server) != 8 || server[:5] != Preface[:5] {
		return fmt.Errorf("the prefaces are %q and %q", client, server)
	}
	for codec, name := range []string{"none", "gzip", "lz4", "zstd"} {
		if err := checkBatch(uint32(codec), files["batch_"+name+".bin"], set); err != nil {
			return fmt.Errorf("batch_%s.bin: %v", name, err)
		}
	}
	return checkResponses(files["response.frame"], files["error.frame"])
}

func checkHashes(lines string) error {
	for _, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		var digits string
		var checksum, hash, partition uint32
		if _, err := fmt.Sscanf(line, "%s %x %x %d", &digits, &checksum, &hash, &partition); err != nil {
			return err
		}
		key, err := hex.DecodeString(strings.TrimPrefix(digits, "-"))
		if err != nil || CRC32C(key) != checksum || Murmur2(key) != hash || PartitionOf(key, 7) != partition {
			return fmt.Errorf("hashes.txt: this client's hashes differ from %s: %v", line, err)
		}
	}
	return nil
}

func produceRequest() ([]byte, error) {
	batch, err := EncodeBatch(Samples(), None)
	if err != nil {
		return nil, err
	}
	header := &v1.RequestHeader{CallId: 7, Method: "tailrace.v1.LogService/Produce", TimeoutMs: 1500,
		Metadata: []*v1.Metadata{{Key: "trace", Value: "abc"}}}
	target := &v1.ProduceTarget{Topic: "golden", Partition: proto.Uint32(1), Batches: []*v1.RecordBatch{batch}}
	return EncodeFrame(header, &v1.ProduceRequest{Acks: v1.Acks_ACKS_DURABLE, Targets: []*v1.ProduceTarget{target}})
}

func checkBatch(codec uint32, content, set []byte) error {
	var segment v1.Segment
	if err := proto.Unmarshal(content, &segment); err != nil || len(segment.Batches) != 1 {
		return fmt.Errorf("not one batch: %v", err)
	}
	batch := segment.Batches[0]
	if CRC32C(content[:105]) != batch.HeaderCrc32C || batch.Attributes != codec || batch.ProducerId != 4711 {
		return fmt.Errorf("its header is read as %v", batch)
	}
	records, offsets, err := DecodeBatch(batch)
	if err != nil || offsets[0] != 42 || offsets[5] != 47 {
		return fmt.Errorf("its records are at %v: %v", offsets, err)
	}
	again, err := proto.Marshal(&v1.RecordSet{Records: records})
	if err == nil && !bytes.Equal(again, set) {
		err = fmt.Errorf("its records are others")
	}
	return err
}

// decodeAndEncode shows that nothing of a frame is lost or added by this client.
func decodeAndEncode(frame []byte, message proto.Message) (*v1.ResponseHeader, error) {
	header, err := DecodeFrame(frame, message)
	if err != nil {
		return header, err
	}
	again, err := EncodeFrame(header, message)
	if err == nil && !bytes.Equal(again, frame) {
		err = fmt.Errorf("it is encoded as %x", again)
	}
	return header, err
}

func checkResponses(response, failure []byte) error {
	var produced v1.ProduceResponse
	header, err := decodeAndEncode(response, &produced)
	stored := &v1.BatchResult{BaseOffset: 42, AppendTimestampMs: BaseMs + 1000}
	expected := &v1.ProduceResponse{Results: []*v1.ProduceResult{{Batches: []*v1.BatchResult{stored}}}}
	if err != nil || header.CallId != 7 || !header.EndOfStream || !proto.Equal(&produced, expected) {
		return fmt.Errorf("response.frame is read as %v %v: %v", header, &produced, err)
	}
	header, err = decodeAndEncode(failure, new(v1.CreateTopicResponse))
	if err != nil || header.Status.GetCode() != 6 || header.Status.Error != v1.ErrorCode_ERROR_CODE_TOPIC_EXISTS {
		return fmt.Errorf("error.frame is read as %v: %v", header, err)
	}
	var limits v1.Limits
	detail := header.Status.Details[0]
	err = proto.Unmarshal(detail.Value, &limits)
	if err != nil || detail.Type != "tailrace.v1.Limits" || limits.MaxFrameBytes != 16<<20 {
		return fmt.Errorf("the detail of error.frame is read as %s %v: %v", detail.Type, &limits, err)
	}
	return nil
}
