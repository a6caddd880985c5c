// SPDX-License-Identifier: Apache-2.0

// Yardsticks for bench/run: what the field builds a product service of, with the product in memory and nothing else to
// do. So it is the price of the protocol alone, and we have to beat it with a database behind us.
//
//	yardsticks grpc -answer FILE           grpc-go's server; every GetProductById gets the answer, which FILE holds as JSON
//	yardsticks gateway -upstream ADDRESS   grpc-gateway before that server
//
// Each listens on a free port of loopback, which it prints, and serves until it is killed.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"

	"argosy/bench/yardsticks/product"
)

type products struct {
	product.UnimplementedProductServiceServer
	answer *product.StandardResponse
}

func (p *products) GetProductById(context.Context, *product.GetProductByIdRequest) (*product.StandardResponse, error) {
	return p.answer, nil
}

func listen() (net.Listener, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		fmt.Println(listener.Addr())
	}
	return listener, err
}

func serveGRPC(answerFile string) error {
	text, err := os.ReadFile(answerFile)
	if err != nil {
		return err
	}
	answer := &product.StandardResponse{}
	if err := protojson.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("%s is no answer to GetProductById: %w", answerFile, err)
	}
	listener, err := listen()
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	product.RegisterProductServiceServer(server, &products{answer: answer})
	return server.Serve(listener)
}

func serveGateway(upstream string) error {
	mux := runtime.NewServeMux()
	options := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	if err := product.RegisterProductServiceHandlerFromEndpoint(context.Background(), mux, upstream, options); err != nil {
		return err
	}
	listener, err := listen()
	if err != nil {
		return err
	}
	return http.Serve(listener, mux)
}

func main() {
	flags := flag.NewFlagSet("yardsticks", flag.ExitOnError)
	answer := flags.String("answer", "", "the answer of every GetProductById, as JSON")
	upstream := flags.String("upstream", "", "the address of the gRPC server behind the gateway")
	if len(os.Args) < 2 {
		log.Fatal("yardsticks grpc -answer FILE | yardsticks gateway -upstream ADDRESS")
	}
	_ = flags.Parse(os.Args[2:]) // exits on an error

	var err error
	switch os.Args[1] {
	case "grpc":
		err = serveGRPC(*answer)
	case "gateway":
		err = serveGateway(*upstream)
	default:
		err = fmt.Errorf("no yardstick %q: grpc or gateway", os.Args[1])
	}
	log.Fatal(err)
}
