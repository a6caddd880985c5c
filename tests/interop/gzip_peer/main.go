// SPDX-License-Identifier: Apache-2.0

// The compression cases of gRPC's conformance tests on grpc-go, whose own interop programs leave them out:
//
//	gzip_peer client ADDRESS CASE...   "ok CASE" or "FAILED CASE: why" for each
//	gzip_peer server                   on 127.0.0.1; prints "listening on ADDRESS"
//
// grpc-go compresses all messages of a call or none, so the streaming cases do too.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	testing "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

const (
	largeRequest  = 271828
	largeResponse = 314159
	caseTimeout   = 20 * time.Second
)

// How the messages of one call came.
type arrival struct{ compressed bool }

type arrivalKey struct{}

// Notes for each message that is received whether it was compressed: only the statistics know.
type watcher struct{}

func (watcher) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	if ctx.Value(arrivalKey{}) != nil {
		return ctx
	}
	return context.WithValue(ctx, arrivalKey{}, &arrival{})
}

func (watcher) HandleRPC(ctx context.Context, event stats.RPCStats) {
	if in, ok := event.(*stats.InPayload); ok {
		ctx.Value(arrivalKey{}).(*arrival).compressed = in.CompressedLength != in.Length
	}
}

func (watcher) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (watcher) HandleConn(context.Context, stats.ConnStats)                       {}

func compressed(ctx context.Context) bool { return ctx.Value(arrivalKey{}).(*arrival).compressed }

func payload(size int) *testing.Payload { return &testing.Payload{Body: make([]byte, size)} }

func flag(value bool) *testing.BoolValue { return &testing.BoolValue{Value: value} }

// ---- the server ----

type server struct {
	testing.UnimplementedTestServiceServer
}

func check(ctx context.Context, expected *testing.BoolValue) error {
	if expected != nil && expected.Value != compressed(ctx) {
		return status.Error(codes.InvalidArgument, "the request is not compressed as expected")
	}
	return nil
}

// compressAnswer overrides what grpc-go does by itself: answer as it was asked.
func compressAnswer(ctx context.Context, wanted bool) error {
	if wanted {
		return grpc.SetSendCompressor(ctx, gzip.Name)
	}
	return grpc.SetSendCompressor(ctx, "identity")
}

func (server) UnaryCall(ctx context.Context, in *testing.SimpleRequest) (*testing.SimpleResponse, error) {
	if err := check(ctx, in.ExpectCompressed); err != nil {
		return nil, err
	}
	if err := compressAnswer(ctx, in.ResponseCompressed.GetValue()); err != nil {
		return nil, err
	}
	return &testing.SimpleResponse{Payload: payload(int(in.ResponseSize))}, nil
}

func (server) StreamingInputCall(stream testing.TestService_StreamingInputCallServer) error {
	sum := 0
	for {
		in, err := stream.Recv()
		if err == io.EOF {
			return stream.SendAndClose(&testing.StreamingInputCallResponse{AggregatedPayloadSize: int32(sum)})
		}
		if err != nil {
			return err
		}
		if err := check(stream.Context(), in.ExpectCompressed); err != nil {
			return err
		}
		sum += len(in.GetPayload().GetBody())
	}
}

func serve() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	grpcServer := grpc.NewServer(grpc.StatsHandler(watcher{}))
	testing.RegisterTestServiceServer(grpcServer, server{})
	fmt.Println("listening on", listener.Addr())
	return grpcServer.Serve(listener)
}

// ---- the client ----

func clientCompressedUnary(ctx context.Context, client testing.TestServiceClient) error {
	request := &testing.SimpleRequest{ExpectCompressed: flag(true), ResponseSize: largeResponse, Payload: payload(largeRequest)}
	if _, err := client.UnaryCall(ctx, request); status.Code(err) != codes.InvalidArgument {
		return fmt.Errorf("an uncompressed request was taken: %v", err)
	}
	reply, err := client.UnaryCall(ctx, request, grpc.UseCompressor(gzip.Name))
	if err == nil && len(reply.GetPayload().GetBody()) != largeResponse {
		err = fmt.Errorf("the payload has %d bytes", len(reply.GetPayload().GetBody()))
	}
	return err
}

func serverCompressedUnary(ctx context.Context, client testing.TestServiceClient) error {
	for _, wanted := range []bool{true, false} {
		request := &testing.SimpleRequest{ResponseCompressed: flag(wanted), ResponseSize: largeResponse, Payload: payload(largeRequest)}
		reply, err := client.UnaryCall(ctx, request)
		if err != nil {
			return err
		}
		if compressed(ctx) != wanted || len(reply.GetPayload().GetBody()) != largeResponse {
			return fmt.Errorf("compressed %v, wanted %v; %d bytes", compressed(ctx), wanted, len(reply.GetPayload().GetBody()))
		}
	}
	return nil
}

func clientCompressedStreaming(ctx context.Context, client testing.TestServiceClient) error {
	stream, err := client.StreamingInputCall(ctx, grpc.UseCompressor(gzip.Name))
	if err != nil {
		return err
	}
	for _, size := range []int{27182, 45904} {
		if err := stream.Send(&testing.StreamingInputCallRequest{ExpectCompressed: flag(true), Payload: payload(size)}); err != nil {
			return err
		}
	}
	reply, err := stream.CloseAndRecv()
	if err == nil && reply.AggregatedPayloadSize != 73086 {
		err = fmt.Errorf("the sum is %d", reply.AggregatedPayloadSize)
	}
	return err
}

func serverCompressedStreaming(ctx context.Context, client testing.TestServiceClient) error {
	request := &testing.StreamingOutputCallRequest{ResponseParameters: []*testing.ResponseParameters{
		{Size: 31415, Compressed: flag(true)}, {Size: 92653, Compressed: flag(false)},
	}}
	stream, err := client.StreamingOutputCall(ctx, request)
	if err != nil {
		return err
	}
	for _, parameters := range request.ResponseParameters {
		reply, err := stream.Recv()
		if err != nil {
			return err
		}
		if compressed(ctx) != parameters.Compressed.Value || len(reply.GetPayload().GetBody()) != int(parameters.Size) {
			return fmt.Errorf("compressed %v, %d bytes", compressed(ctx), len(reply.GetPayload().GetBody()))
		}
	}
	if _, err := stream.Recv(); err != io.EOF {
		return fmt.Errorf("after the last message: %v", err)
	}
	return nil
}

func runCases(address string, names []string) error {
	cases := map[string]func(context.Context, testing.TestServiceClient) error{
		"client_compressed_unary":     clientCompressedUnary,
		"server_compressed_unary":     serverCompressedUnary,
		"client_compressed_streaming": clientCompressedStreaming,
		"server_compressed_streaming": serverCompressedStreaming,
	}
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithStatsHandler(watcher{}))
	if err != nil {
		return err
	}
	defer connection.Close()
	client := testing.NewTestServiceClient(connection)
	failures := 0
	for _, name := range names {
		ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), arrivalKey{}, &arrival{}), caseTimeout)
		if err := cases[name](ctx, client); err != nil {
			fmt.Printf("FAILED %s: %v\n", name, err)
			failures++
		} else {
			fmt.Println("ok", name)
		}
		cancel()
	}
	if failures > 0 {
		return fmt.Errorf("%d cases failed", failures)
	}
	return nil
}

func main() {
	var err error
	switch {
	case len(os.Args) == 2 && os.Args[1] == "server":
		err = serve()
	case len(os.Args) > 3 && os.Args[1] == "client":
		err = runCases(os.Args[2], os.Args[3:])
	default:
		err = fmt.Errorf("usage: gzip_peer server | client ADDRESS CASE...")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gzip_peer:", err)
		os.Exit(1)
	}
}
