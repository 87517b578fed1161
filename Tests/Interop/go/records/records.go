// Package records is what a client does itself, whatever the door: hash, checksum, compression, record batches.
package records

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4"
	"google.golang.org/protobuf/proto"
	v1 "tailrace/v1"
)

// Ways to compress the records of a batch: bits 0 to 2 of its attributes.
const (
	None = iota
	Gzip
	LZ4
	Zstd
	Codecs
)

const (
	// BaseMs is the time of all records that are sent here, so that every run and every language sends the same.
	BaseMs        = 1_700_000_000_000
	maxBatchBytes = 64 << 20
)

// CRC32C is the Castagnoli checksum.
func CRC32C(content []byte) uint32 {
	return crc32.Checksum(content, crc32.MakeTable(crc32.Castagnoli))
}

// Murmur2 has the seed and the finish of Kafka's Java client.
func Murmur2(key []byte) uint32 {
	const mixer = 0x5BD1E995
	hash := 0x9747B28C ^ uint32(len(key))
	for ; len(key) >= 4; key = key[4:] {
		word := binary.LittleEndian.Uint32(key) * mixer
		hash = hash*mixer ^ (word^word>>24)*mixer
	}
	for at, value := range key {
		hash ^= uint32(value) << (8 * at)
	}
	if len(key) > 0 {
		hash *= mixer
	}
	hash = (hash ^ hash>>13) * mixer
	return hash ^ hash>>15
}

// PartitionOf tells where a record with this key goes; an empty key is a key.
func PartitionOf(key []byte, partitions uint32) uint32 {
	return (Murmur2(key) & 0x7FFFFFFF) % partitions
}

func compress(codec uint32, plain []byte) ([]byte, error) {
	var stored bytes.Buffer
	var writer io.WriteCloser
	var err error
	switch codec {
	case None:
		return plain, nil
	case Gzip:
		writer = gzip.NewWriter(&stored)
	case LZ4:
		writer = lz4.NewWriter(&stored)
	default:
		if writer, err = zstd.NewWriter(&stored); err != nil {
			return nil, err
		}
	}
	if _, err = writer.Write(plain); err != nil {
		return nil, err
	}
	err = writer.Close()
	return stored.Bytes(), err
}

// decompress is bounded, so that a small batch from elsewhere cannot fill the memory.
func decompress(codec uint32, stored []byte) ([]byte, error) {
	var reader io.Reader = bytes.NewReader(stored)
	var err error
	switch codec {
	case None:
	case Gzip:
		reader, err = gzip.NewReader(reader)
	case LZ4:
		reader = lz4.NewReader(reader)
	case Zstd:
		var decoder *zstd.Decoder
		if decoder, err = zstd.NewReader(reader); err == nil {
			defer decoder.Close()
			reader = decoder
		}
	default:
		err = fmt.Errorf("compression %d needs a newer client", codec)
	}
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(reader, maxBatchBytes+1))
	if len(plain) > maxBatchBytes {
		err = fmt.Errorf("a batch of over %d bytes", maxBatchBytes)
	}
	return plain, err
}

// Samples are the records of the golden files: all that may be absent, empty, negative or long.
func Samples() []*v1.Record {
	everyByte := make([]byte, 256)
	for at := range everyByte {
		everyByte[at] = byte(at)
	}
	headers := []*v1.Header{
		{Key: "source", Value: []byte("interop")}, {Key: "empty", Value: []byte{}}, {Key: "absent"},
	}
	return []*v1.Record{
		{Key: []byte("user-1"), Value: []byte("hello"), Headers: headers},
		{Value: []byte("no key")},
		{Key: []byte{}, Value: []byte{}, TimestampDeltaMs: -5},
		{Key: []byte("gone"), TimestampDeltaMs: 300},
		{Key: []byte("schlüssel"), Value: everyByte},
		{Key: []byte("long"), Value: bytes.Repeat([]byte("tailrace "), 100), OffsetDelta: proto.Uint32(5)},
	}
}

// EncodeBatch makes a batch as a producer without an id sends it. There must be a record.
func EncodeBatch(records []*v1.Record, codec uint32) (*v1.RecordBatch, error) {
	plain, err := proto.Marshal(&v1.RecordSet{Records: records})
	if err != nil {
		return nil, err
	}
	stored, err := compress(codec, plain)
	latest := records[0].TimestampDeltaMs
	for _, record := range records {
		if record.TimestampDeltaMs > latest {
			latest = record.TimestampDeltaMs
		}
	}
	return &v1.RecordBatch{
		FormatVersion: 1, RecordCount: uint32(len(records)), LastOffsetDelta: uint32(len(records) - 1),
		BaseTimestampMs: BaseMs, MaxTimestampMs: BaseMs + latest, Attributes: codec, RecordsCrc32C: CRC32C(stored),
		Records: stored,
	}, err
}

// DecodeBatch returns the records of a fetched batch with their offsets.
func DecodeBatch(batch *v1.RecordBatch) (records []*v1.Record, offsets []int64, err error) {
	if CRC32C(batch.Records) != batch.RecordsCrc32C {
		return nil, nil, fmt.Errorf("the batch at offset %d is damaged", batch.BaseOffset)
	}
	if batch.Attributes&^0xF != 0 {
		return nil, nil, fmt.Errorf("the batch at offset %d needs a newer client", batch.BaseOffset)
	}
	plain, err := decompress(batch.Attributes&7, batch.Records)
	if err != nil {
		return nil, nil, err
	}
	var set v1.RecordSet
	if err = proto.Unmarshal(plain, &set); err != nil {
		return nil, nil, err
	}
	offset := batch.BaseOffset - 1
	for _, record := range set.Records {
		offset++
		if record.OffsetDelta != nil {
			offset = batch.BaseOffset + int64(record.GetOffsetDelta())
		}
		offsets = append(offsets, offset)
	}
	if len(offsets) != int(batch.RecordCount) || offset > batch.BaseOffset+int64(batch.LastOffsetDelta) {
		err = fmt.Errorf("the batch at offset %d does not hold what its header says", batch.BaseOffset)
	}
	return set.Records, offsets, err
}
