package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"google.golang.org/protobuf/proto"
	"interop/records"
	v1 "tailrace/v1"
)

const maxFrameBytes = 16 << 20

// callFailed is a call that failed as a whole.
type callFailed struct{ status *v1.Status }

func (failure callFailed) Error() string { return failure.status.Message }

// connection takes one call at a time.
type connection struct {
	socket net.Conn
	calls  uint64
}

func connect(address string) (*connection, error) {
	socket, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return nil, err
	}
	if _, err = socket.Write([]byte(records.Preface)); err != nil {
		return nil, err
	}
	greeting := make([]byte, 8)
	if _, err = io.ReadFull(socket, greeting); err == nil && string(greeting[:5]) != records.Preface[:5] {
		err = fmt.Errorf("no Tailrace broker that speaks version 1")
	}
	return &connection{socket: socket}, err
}

func (broker *connection) send(header *v1.RequestHeader, message proto.Message) error {
	frame, err := records.EncodeFrame(header, message)
	if err != nil {
		return err
	}
	_, err = broker.socket.Write(frame)
	return err
}

func (broker *connection) receive(response proto.Message) (*v1.ResponseHeader, error) {
	frame := make([]byte, 4)
	if err := broker.socket.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(broker.socket, frame); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(frame)
	if length > maxFrameBytes {
		return nil, fmt.Errorf("a frame of %d bytes", length)
	}
	frame = append(frame, make([]byte, length)...)
	if _, err := io.ReadFull(broker.socket, frame[4:]); err != nil {
		return nil, err
	}
	header, err := records.DecodeFrame(frame, response)
	if err == nil && header.Status.GetCode() != 0 {
		err = callFailed{header.Status}
	}
	return header, err
}

// call sends a request and waits for its answer.
func (broker *connection) call(method string, request, response proto.Message) error {
	broker.calls++
	header := &v1.RequestHeader{CallId: broker.calls, Method: "tailrace.v1." + method, TimeoutMs: 20_000}
	if err := broker.send(header, request); err != nil {
		return err
	}
	_, err := broker.receive(response)
	return err
}

// Little, so that the broker has to wait for more; a mebibyte is usual.
const creditBytes = 500

// stream shows responses as they come until `take` returns false. The broker sends as many bytes as it has credit for:
// what was taken is granted anew.
func (broker *connection) stream(method string, request, response proto.Message, take func() bool) error {
	broker.calls++
	id := broker.calls
	err := broker.send(&v1.RequestHeader{CallId: id, Method: "tailrace.v1." + method, Credit: creditBytes}, request)
	for err == nil {
		var header *v1.ResponseHeader
		if header, err = broker.receive(response); err != nil {
			return err
		}
		if !take() {
			return broker.cancel(id, response)
		}
		if header.EndOfStream {
			return nil
		}
		err = broker.send(&v1.RequestHeader{CallId: id, Credit: uint64(proto.Size(response))}, nil)
	}
	return err
}

// cancel gives up a call, and drops what was under way.
func (broker *connection) cancel(id uint64, response proto.Message) error {
	err := broker.send(&v1.RequestHeader{CallId: id, Cancel: true}, nil)
	for err == nil {
		_, err = broker.receive(response)
	}
	if failure, ok := err.(callFailed); ok && failure.status.Code == 1 {
		return nil
	}
	return err
}
