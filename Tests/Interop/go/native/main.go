// Tailrace from Go, on the native door: protoc-gen-go's messages and a socket.
// Usage: native HOST PORT TOPIC TESTDATA
package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strings"

	"google.golang.org/protobuf/proto"
	"interop/records"
	v1 "tailrace/v1"
)

const partitions = 4

// must ends the program where what has to hold does not.
func must(holds bool, format string, arguments ...any) {
	if !holds {
		fmt.Fprintf(os.Stderr, format+"\n", arguments...)
		os.Exit(1)
	}
}

// do calls a method that must not fail.
func (broker *connection) do(method string, request, response proto.Message) {
	err := broker.call(method, request, response)
	must(err == nil, "%s: %v", method, err)
}

func (broker *connection) produce(target *v1.ProduceTarget) *v1.ProduceResult {
	var response v1.ProduceResponse
	broker.do("LogService/Produce", &v1.ProduceRequest{Targets: []*v1.ProduceTarget{target}}, &response)
	must(response.Results[0].Error == nil, "%v", response.Results[0])
	return response.Results[0]
}

// Eight records with keys and headers; the broker makes batches of them, and finds the partition by the key.
func producePlain(broker *connection, topic string) {
	var plain []*v1.ProduceRecord
	for number := 0; number < 8; number++ {
		key := fmt.Sprintf("key-%d", number)
		plain = append(plain, &v1.ProduceRecord{Key: []byte(key), Value: []byte("of " + key),
			Headers: []*v1.Header{{Key: "source", Value: []byte("interop")}}, TimestampMs: proto.Int64(records.BaseMs)})
	}
	stored := broker.produce(&v1.ProduceTarget{Topic: topic, Records: plain}).Records
	for at, record := range plain {
		must(stored[at].Error == nil && stored[at].Partition == records.PartitionOf(record.Key, partitions),
			"%s went to %v", record.Key, stored[at])
	}
}

// The same batch to each partition, each time compressed in another way.
func produceBatches(broker *connection, topic string) {
	for codec := uint32(0); codec < records.Codecs; codec++ {
		batch, err := records.EncodeBatch(records.Samples(), codec)
		must(err == nil, "%v", err)
		result := broker.produce(&v1.ProduceTarget{Topic: topic, Partition: &codec, Batches: []*v1.RecordBatch{batch}})
		must(result.Batches[0].Error == nil, "%v", result)
	}
}

// What is there from the beginning of a partition.
func fetch(broker *connection, topic string, partition uint32, decode bool) *v1.FetchedPartition {
	request := &v1.FetchRequest{Targets: []*v1.FetchTarget{{Topic: topic, Partition: partition}}, MaxWaitMs: 1000,
		Decode: decode}
	var response v1.FetchResponse
	broker.do("LogService/Fetch", request, &response)
	return response.Partitions[0]
}

// Batches, which the client checks and takes apart, hold the records that the broker finds in them.
func checkFetch(broker *connection, topic string) {
	count := 0
	for number := uint32(0); number < partitions; number++ {
		count += check(fetch(broker, topic, number, false), fetch(broker, topic, number, true))
	}
	must(count == 8+partitions*6, "%d records", count)
}

// Compares batches with the same records as the broker decodes them; returns how many there are.
func check(stored, decoded *v1.FetchedPartition) (count int) {
	must(stored.Error == nil && decoded.Error == nil, "%v, %v", stored, decoded)
	for _, batch := range stored.Batches {
		own, offsets, err := records.DecodeBatch(batch)
		must(err == nil, "%v", err)
		for index, record := range own {
			other := decoded.Records[count]
			must(offsets[index] == other.Offset && len(record.Headers) == len(other.Headers), "%v, %v", record, other)
			must(same(record.Key, other.Key) && same(record.Value, other.Value), "%v, %v", record, other)
			count++
		}
	}
	must(count == len(decoded.Records), "%d records, and %d decoded", count, len(decoded.Records))
	return count
}

// The same as a stream, which is given up once all is there: it would go on with what comes later.
func subscribe(broker *connection, topic string) {
	request, response := new(v1.SubscribeRequest), new(v1.SubscribeResponse)
	found := map[uint32]*v1.FetchedPartition{}
	for number := uint32(0); number < partitions; number++ {
		request.Targets = append(request.Targets, &v1.FetchTarget{Topic: topic, Partition: number})
		found[number] = new(v1.FetchedPartition)
	}
	missing := 8 + partitions*6
	err := broker.stream("LogService/Subscribe", request, response, func() bool {
		for _, part := range response.Partitions {
			must(part.Error == nil, "%v", part)
			for _, batch := range part.Batches {
				found[part.Partition].Batches = append(found[part.Partition].Batches, batch)
				missing -= int(batch.RecordCount)
			}
		}
		return missing > 0
	})
	must(err == nil && missing == 0, "%d missing: %v", missing, err)
	for number, part := range found {
		check(part, fetch(broker, topic, number, true))
	}
}

// Whether both are absent, or the same.
func same(one, other []byte) bool {
	return (one == nil) == (other == nil) && bytes.Equal(one, other)
}

// A call that fails has a status; a part of one that fails has an error in its place.
func checkErrors(broker *connection, topic string) {
	err := broker.call("AdminService/CreateTopic", &v1.CreateTopicRequest{Name: topic}, new(v1.CreateTopicResponse))
	failure, ok := err.(callFailed)
	must(ok && failure.status.Code == 6 && failure.status.Error == v1.ErrorCode_ERROR_CODE_TOPIC_EXISTS, "%v", err)
	must(strings.Contains(failure.status.Message, topic), "%v", err)
	part := fetch(broker, topic, 99, false)
	must(part.Error.GetCode() == v1.ErrorCode_ERROR_CODE_UNKNOWN_PARTITION, "%v", part)
	must(strings.Contains(part.Error.Message, "99"), "%v", part)
}

func main() {
	must(len(os.Args) == 5, "Usage: native HOST PORT TOPIC TESTDATA")
	topic := os.Args[3]
	err := records.CheckGolden(os.Args[4])
	must(err == nil, "%v", err)
	broker, err := connect(net.JoinHostPort(os.Args[1], os.Args[2]))
	must(err == nil, "%v", err)
	broker.do("AdminService/CreateTopic", &v1.CreateTopicRequest{Name: topic, PartitionCount: partitions},
		new(v1.CreateTopicResponse))
	for _, step := range []struct {
		name string
		run  func(*connection, string)
	}{
		{"produce_plain", producePlain}, {"produce_batches", produceBatches}, {"check_fetch", checkFetch},
		{"subscribe", subscribe}, {"share", share}, {"check_errors", checkErrors},
	} {
		step.run(broker, topic)
		fmt.Printf("%s: ok\n", step.name)
	}
}
