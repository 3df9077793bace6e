//go:build !linux

package node

import (
	"errors"
	"net"
)

// peerOf is known on Linux alone.
func peerOf(_, _ *net.TCPAddr) (uid int, inode uint32, err error) {
	return 0, 0, errors.New("who makes a connection can be told on Linux alone")
}
