package node

import (
	"os"
	"os/user"
	"strconv"
	"syscall"

	"github.com/pave-platform/pave"
)

// An engine is what there is to know of one kind of server, beside that it is to
// be kept running.
type engine interface {
	// prepare makes the data ready, ends what a dead node left in it, and says what
	// to run.
	prepare(who account) (launch, error)
	// ends are the signals that end the server, each harder than the one before.
	ends() []syscall.Signal
}

// A launch is one start of a server.
type launch struct {
	command []string
	version string
	serves  func(pid int) bool // whether the process answers by now
	env     map[string]string  // beside what every server gets
	stdin   *os.File           // what it reads from, nil for nothing; given away
}

// A serverKind is a kind of server that the node can run.
type serverKind struct {
	engine func(*server) engine
	find   func() error                      // NotFound where its programs are not on this machine
	check  func(s *Server, dir string) error // of what is particular to the kind
	users  []string                          // who it may run as, where the node is root
	uid    int                               // or the user that needs no name
}

var serverKinds = map[string]serverKind{
	"postgres": {engine: newPostgres, find: findAnyPostgres, check: checkPostgres, users: []string{"postgres", "pave-postgres"}},
	"mysql":    {engine: newMySQL, find: findAnyMySQL, check: checkMySQL, users: []string{"mysql", "pave-mysql"}},
	"rabbitmq": {engine: newRabbitMQ, find: findAnyRabbitMQ, check: checkRabbitMQ, users: []string{"rabbitmq", "pave-rabbitmq"}},
	"redis":    {engine: newRedis, find: findAnyRedis, check: checkRedis, users: []string{"redis", "pave-redis"}},
	"nats":     {engine: newEmbedded, find: findEmbedded, check: checkEmbedded, uid: natsUID},
	"s3":       {engine: newEmbedded, find: findEmbedded, check: checkEmbedded, uid: s3UID},
}

// An account is a user of this machine.
type account struct {
	name     string
	uid, gid int
}

// serverAccount is who servers of a kind run as: never root, and a user with an
// entry in passwd, without which initdb refuses.
func serverAccount(kind string) (account, error) {
	if uid := serverKinds[kind].uid; uid != 0 {
		if os.Geteuid() != 0 {
			return account{uid: os.Geteuid(), gid: os.Getegid()}, nil
		}
		return account{uid: uid, gid: uid}, nil
	}
	if os.Geteuid() != 0 {
		u, err := user.Current()
		if err != nil {
			return account{}, pave.Errorf(pave.Invalid, "the user of the node has no entry in passwd: %w", err).
				WithHint("run pave as a user that has one")
		}
		return account{u.Username, os.Geteuid(), os.Getegid()}, nil
	}
	users := serverKinds[kind].users
	for _, name := range users {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 == nil && err2 == nil && uid != 0 {
			return account{name, uid, gid}, nil
		}
	}
	return account{}, pave.Errorf(pave.NotFound, "there is no user to run %s as, and it must not run as root", kind).
		WithHint("useradd --system --user-group --no-create-home --shell /usr/sbin/nologin %s", users[len(users)-1])
}

// MayServe is NotFound where servers of a kind have no user here to run as.
func MayServe(kind string) error {
	_, err := serverAccount(kind)
	return err
}
