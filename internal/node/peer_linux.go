package node

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// peerOf asks the kernel who made the other end of a loopback connection: the user of
// the process that made the socket, and the socket's inode. No program can claim
// another user's.
func peerOf(client, server *net.TCPAddr) (uid int, inode uint32, err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return 0, 0, fmt.Errorf("ask the kernel for sockets: %w", err)
	}
	defer unix.Close(fd)
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1})
	if err := unix.Sendto(fd, peerQuestion(client, server), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, 0, fmt.Errorf("ask the kernel for a socket: %w", err)
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil {
		return 0, 0, fmt.Errorf("read the kernel's answer about a socket: %w", err)
	}
	return readPeer(answer[:n])
}

// The sizes of a netlink header and of an inet_diag_req_v2.
const (
	netlinkHeader = 16
	diagQuestion  = 56
	// diagUID is where an inet_diag_msg has the user; the inode follows.
	diagUID = 64
)

// peerQuestion is a SOCK_DIAG_BY_FAMILY request for one TCP socket, the client's.
func peerQuestion(client, server *net.TCPAddr) []byte {
	q := make([]byte, netlinkHeader+diagQuestion)
	native := binary.NativeEndian
	native.PutUint32(q, uint32(len(q)))
	native.PutUint16(q[4:], 20) // SOCK_DIAG_BY_FAMILY
	native.PutUint16(q[6:], unix.NLM_F_REQUEST)
	body := q[netlinkHeader:]
	family, size := byte(unix.AF_INET), 4
	from, to := client.IP.To4(), server.IP.To4()
	if from == nil || to == nil {
		family, size = unix.AF_INET6, 16
		from, to = client.IP.To16(), server.IP.To16()
	}
	body[0], body[1] = family, unix.IPPROTO_TCP
	native.PutUint32(body[4:], ^uint32(0)) // whatever its state
	binary.BigEndian.PutUint16(body[8:], uint16(client.Port))
	binary.BigEndian.PutUint16(body[10:], uint16(server.Port))
	copy(body[12:12+size], from)
	copy(body[28:28+size], to)
	native.PutUint32(body[48:], ^uint32(0)) // no cookie
	native.PutUint32(body[52:], ^uint32(0))
	return q
}

func readPeer(answer []byte) (uid int, inode uint32, err error) {
	native := binary.NativeEndian
	if len(answer) < netlinkHeader+4 {
		return 0, 0, errors.New("the kernel's answer about a socket is cut")
	}
	if native.Uint16(answer[4:]) == unix.NLMSG_ERROR {
		number := -int32(native.Uint32(answer[netlinkHeader:]))
		return 0, 0, fmt.Errorf("the kernel knows no such socket: %w", syscall.Errno(number))
	}
	body := answer[netlinkHeader:]
	if len(body) < diagUID+8 {
		return 0, 0, errors.New("the kernel's answer about a socket is cut")
	}
	uid, inode = int(native.Uint32(body[diagUID:])), native.Uint32(body[diagUID+4:])
	if inode == 0 { // and its user may read as 0: nobody holds it any more
		return 0, 0, errors.New("the caller has closed its end, so that nobody knows whose it was")
	}
	return uid, inode, nil
}
