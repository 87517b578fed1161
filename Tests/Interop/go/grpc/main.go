// Tailrace from Go over gRPC: protoc-gen-go-grpc's clients.
// Usage: grpc HOST PORT TOPIC TESTDATA
package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"interop/records"
	v1 "tailrace/v1"
)

const partitions = 4

// services are the three services, over one connection. Its context ends all calls after a while.
type services struct {
	context.Context
	admin  v1.AdminServiceClient
	groups v1.GroupServiceClient
	log    v1.LogServiceClient
}

// must ends the program where what has to hold does not.
func must(holds bool, format string, arguments ...any) {
	if !holds {
		fmt.Fprintf(os.Stderr, format+"\n", arguments...)
		os.Exit(1)
	}
}

func succeeded(err error) { must(err == nil, "%v", err) }

func (broker *services) produce(target *v1.ProduceTarget) *v1.ProduceResult {
	response, err := broker.log.Produce(broker, &v1.ProduceRequest{Targets: []*v1.ProduceTarget{target}})
	succeeded(err)
	must(response.Results[0].Error == nil, "%v", response.Results[0])
	return response.Results[0]
}

// Eight records with keys and headers; the broker makes batches of them, and finds the partition by the key.
func producePlain(broker *services, topic string) {
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
func produceBatches(broker *services, topic string) {
	for codec := uint32(0); codec < records.Codecs; codec++ {
		batch, err := records.EncodeBatch(records.Samples(), codec)
		succeeded(err)
		result := broker.produce(&v1.ProduceTarget{Topic: topic, Partition: &codec, Batches: []*v1.RecordBatch{batch}})
		must(result.Batches[0].Error == nil, "%v", result)
	}
}

// What is there from the beginning of a partition.
func (broker *services) fetch(topic string, partition uint32, decode bool) *v1.FetchedPartition {
	response, err := broker.log.Fetch(broker, &v1.FetchRequest{
		Targets: []*v1.FetchTarget{{Topic: topic, Partition: partition}}, MaxWaitMs: 1000, Decode: decode})
	succeeded(err)
	return response.Partitions[0]
}

// Batches, which the client checks and takes apart, hold the records that the broker finds in them.
func checkFetch(broker *services, topic string) {
	count := 0
	for number := uint32(0); number < partitions; number++ {
		count += check(broker.fetch(topic, number, false), broker.fetch(topic, number, true))
	}
	must(count == 8+partitions*6, "%d records", count)
}

// Compares batches with the same records as the broker decodes them; returns how many there are.
func check(stored, decoded *v1.FetchedPartition) (count int) {
	must(stored.Error == nil && decoded.Error == nil, "%v, %v", stored, decoded)
	for _, batch := range stored.Batches {
		own, offsets, err := records.DecodeBatch(batch)
		succeeded(err)
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

// Whether both are absent, or the same.
func same(one, other []byte) bool {
	return (one == nil) == (other == nil) && bytes.Equal(one, other)
}

// The same as a stream, which is given up once all is there: it would go on with what comes later.
func subscribe(broker *services, topic string) {
	request := new(v1.SubscribeRequest)
	found := map[uint32]*v1.FetchedPartition{}
	for number := uint32(0); number < partitions; number++ {
		request.Targets = append(request.Targets, &v1.FetchTarget{Topic: topic, Partition: number})
		found[number] = new(v1.FetchedPartition)
	}
	context, cancel := context.WithCancel(broker)
	defer cancel()
	stream, err := broker.log.Subscribe(context, request)
	succeeded(err)
	for missing := 8 + partitions*6; missing > 0; {
		response, err := stream.Recv()
		succeeded(err)
		for _, part := range response.Partitions {
			must(part.Error == nil, "%v", part)
			for _, batch := range part.Batches {
				found[part.Partition].Batches = append(found[part.Partition].Batches, batch)
				missing -= int(batch.RecordCount)
			}
		}
	}
	for number, part := range found {
		check(part, broker.fetch(topic, number, true))
	}
}

// A call that fails has a status; a part of one that fails has an error in its place.
func checkErrors(broker *services, topic string) {
	_, err := broker.admin.CreateTopic(broker, &v1.CreateTopicRequest{Name: topic})
	failure, ok := status.FromError(err)
	must(ok && failure.Code() == codes.AlreadyExists && strings.Contains(failure.Message(), topic), "%v", err)
	// What gRPC's status has no place for: in its details, as it would be on the native door.
	details, ok := failure.Details()[0].(*v1.Status)
	must(ok && details.Error == v1.ErrorCode_ERROR_CODE_TOPIC_EXISTS, "%v", failure.Details())
	must(details.Message == failure.Message(), "%v", details)
	part := broker.fetch(topic, 99, false)
	must(part.Error.GetCode() == v1.ErrorCode_ERROR_CODE_UNKNOWN_PARTITION, "%v", part)
	must(strings.Contains(part.Error.Message, "99"), "%v", part)
}

func main() {
	must(len(os.Args) == 5, "Usage: grpc HOST PORT TOPIC TESTDATA")
	topic := os.Args[3]
	succeeded(records.CheckGolden(os.Args[4]))
	context, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	connection, err := grpc.DialContext(context, net.JoinHostPort(os.Args[1], os.Args[2]), grpc.WithInsecure())
	succeeded(err)
	defer connection.Close()
	broker := &services{context, v1.NewAdminServiceClient(connection), v1.NewGroupServiceClient(connection),
		v1.NewLogServiceClient(connection)}
	_, err = broker.admin.CreateTopic(broker, &v1.CreateTopicRequest{Name: topic, PartitionCount: partitions})
	succeeded(err)
	for _, step := range []struct {
		name string
		run  func(*services, string)
	}{
		{"produce_plain", producePlain}, {"produce_batches", produceBatches}, {"check_fetch", checkFetch},
		{"subscribe", subscribe}, {"share", share}, {"check_errors", checkErrors},
	} {
		step.run(broker, topic)
		fmt.Printf("%s: ok\n", step.name)
	}
}
