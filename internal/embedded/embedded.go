// Package embedded has the servers that are part of our own program: NATS for queues and
// an S3 server for buckets. The node runs each as a program of its own, one for each
// resource, and speaks to it by package control. Where it is root those of one kind share a
// user, which nothing else runs as.
package embedded

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/embedded/control"
)

// A server is what there is to know of one kind.
type server interface {
	// start serves, and returns once clients are answered.
	start(s control.Setup) error
	// users changes who may connect, and ends the connections of all others.
	users(all []control.User) error
	// holds says in words what would be lost without its data.
	holds() (string, error)
	version() string
	// stop ends it, with all that was acknowledged on the disk.
	stop()
}

// kinds are the servers there are.
var kinds = map[string]func() server{"nats": newNATS, "s3": newS3}

// Serve is the whole program: it takes questions from the socket that is its standard
// input until ctx ends. When the node is gone it goes on, until another one ends it.
func Serve(ctx context.Context, kind string) error {
	fresh, ok := kinds[kind]
	if !ok {
		return pave.BadField("kind", kind, "is no server of ours", "nats or s3")
	}
	conn, err := net.FileConn(os.Stdin)
	if err != nil {
		return pave.Errorf(pave.Invalid, "this command is for the node alone: its standard input must be a socket")
	}
	s := fresh()
	failed := make(chan error, 1)
	go func() { failed <- answer(conn, s) }()
	defer s.stop()
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		if err != nil {
			return err
		}
	}
	<-ctx.Done() // the node is gone
	return nil
}

// answer takes questions until there are no more. It fails where the server does not start:
// the node tries again.
func answer(conn net.Conn, s server) error {
	defer conn.Close()
	in, out := json.NewDecoder(bufio.NewReader(conn)), json.NewEncoder(conn)
	for {
		var q control.Question
		if in.Decode(&q) != nil {
			return nil
		}
		var a control.Answer
		var err error
		switch {
		case q.Setup != nil:
			if err = s.start(*q.Setup); err != nil {
				return err
			}
			a.Version = s.version()
		case q.Holds:
			a.Holds, err = s.holds()
		default:
			err = s.users(q.Users)
		}
		if err != nil {
			a.Error = err.Error()
		}
		if out.Encode(a) != nil {
			return nil
		}
	}
}

// amount is "1 key", "1,204 keys".
func amount(n uint64, one string) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	if n != 1 {
		one += "s"
	}
	return text + " " + one
}

// size is "3.1 GB".
func size(bytes uint64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%d KB", (bytes+1023)>>10)
}
