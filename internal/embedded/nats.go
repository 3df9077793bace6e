package embedded

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"os"
	"sync"
	"time"

	nats "github.com/nats-io/nats-server/v2/server"
	"github.com/pave-platform/pave/internal/embedded/control"
)

// natsServer is a NATS server with JetStream on the disk.
type natsServer struct {
	server *nats.Server

	mu      sync.Mutex
	allowed map[string]control.User
}

func newNATS() server { return &natsServer{} }

func (n *natsServer) version() string { return nats.VERSION }

// startTime is how long it may take to read its data.
const startTime = 60 * time.Second

func (n *natsServer) start(s control.Setup) error {
	n.set(s.Users)
	srv, err := nats.NewServer(&nats.Options{
		ServerName: "pave", Host: "127.0.0.1", Port: s.Port, StoreDir: s.Data, JetStream: true,
		JetStreamMaxMemory: 64 << 20, MaxConn: 1000, NoSigs: true, NoSystemAccount: false, CustomClientAuthentication: n,
	})
	if err != nil {
		return err
	}
	srv.SetLoggerV2(natsLog{}, false, false, false)
	n.server = srv
	srv.Start()
	if !srv.ReadyForConnections(startTime) || !srv.JetStreamEnabled() {
		return fmt.Errorf("NATS does not start on %s", s.Data)
	}
	return nil
}

func (n *natsServer) stop() {
	if n.server != nil {
		n.server.Shutdown()
		n.server.WaitForShutdown()
	}
}

func (n *natsServer) set(all []control.User) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.allowed = map[string]control.User{}
	for _, u := range all {
		n.allowed[u.Name] = u
	}
}

// Check lets in who has the password that is known by its hash.
func (n *natsServer) Check(c nats.ClientAuthentication) bool {
	opts := c.GetOpts()
	n.mu.Lock()
	u, ok := n.allowed[opts.Username]
	n.mu.Unlock()
	sum := sha256.Sum256([]byte(opts.Password))
	if !ok || subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(u.Key)) != 1 {
		return false
	}
	user := &nats.User{Username: u.Name}
	if u.ReadOnly {
		user.Permissions = looking
	}
	c.RegisterUser(user)
	return true
}

// looking is what who may only read may do: ask about streams and read their messages. It
// takes no message from a consumer, nor from a group of subscribers, which would miss it.
var looking = &nats.Permissions{
	Publish: &nats.SubjectPermission{Allow: []string{"$JS.API.INFO", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.LIST", "$JS.API.STREAM.NAMES",
		"$JS.API.STREAM.MSG.GET.*", "$JS.API.DIRECT.GET.>", "$JS.API.CONSUMER.INFO.>", "$JS.API.CONSUMER.LIST.*", "$JS.API.CONSUMER.NAMES.*"}},
	Subscribe: &nats.SubjectPermission{Deny: []string{"> >"}},
}

// users lets in the given ones and ends the connections of all others, and of those whose
// rights are others now.
func (n *natsServer) users(all []control.User) error {
	n.mu.Lock()
	before := n.allowed
	n.mu.Unlock()
	n.set(all)
	conns, err := n.server.Connz(&nats.ConnzOptions{Username: true, Limit: 1 << 20})
	if err != nil {
		return err
	}
	for _, c := range conns.Conns {
		n.mu.Lock()
		now, ok := n.allowed[c.AuthorizedUser]
		n.mu.Unlock()
		if ok && now == before[c.AuthorizedUser] {
			continue
		}
		if err := n.server.DisconnectClientByID(c.Cid); err != nil {
			return err
		}
	}
	return nil
}

func (n *natsServer) holds() (string, error) {
	info, err := n.server.Jsz(nil)
	if err != nil || info.Streams == 0 {
		return "", err
	}
	return fmt.Sprintf("%s, %s (%s)", amount(uint64(info.Streams), "stream"), amount(info.Messages, "message"), size(info.Bytes)), nil
}

// natsLog writes what people should know where the node keeps the logs.
type natsLog struct{}

func (natsLog) say(level, format string, v ...any) {
	fmt.Fprintln(os.Stderr, level+": "+fmt.Sprintf(format, v...))
}
func (l natsLog) Noticef(format string, v ...any) { l.say("notice", format, v...) }
func (l natsLog) Warnf(format string, v ...any)   { l.say("warning", format, v...) }
func (l natsLog) Fatalf(format string, v ...any)  { l.say("fatal", format, v...) }
func (l natsLog) Errorf(format string, v ...any)  { l.say("error", format, v...) }
func (natsLog) Debugf(string, ...any)             {}
func (natsLog) Tracef(string, ...any)             {}
