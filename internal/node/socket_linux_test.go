package node

import (
	"os"
	"path/filepath"
	"testing"
)

// A socket has its mode before anybody can see it, whatever the umask is.
func TestListenPrivately(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := listenPrivately(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}
