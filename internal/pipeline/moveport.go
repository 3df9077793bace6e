package pipeline

import (
	"encoding/base64"
	"fmt"
	"path"
	"slices"
	"strings"
)

// A port that stands in the code of an interpreted program can be moved without an
// edit: what opens it is told, before the program begins, to open PORT in its place.
// Any other port stays as it is. A compiled program cannot be told so.

// nodeMove is what node loads first.
const nodeMove = `import net from 'node:net';
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...args) {
  const to = Number(process.env.PORT);
  if (args[0] && typeof args[0] === 'object' && Number(args[0].port) === %[1]s) args[0] = { ...args[0], port: to };
  else if (Number(args[0]) === %[1]s) args[0] = to;
  return listen.apply(this, args);
};
`

// pyMove is what python runs, with the program as its argument.
const pyMove = `import os, runpy, socket, sys
bind = socket.socket.bind
def moved(self, address):
    if isinstance(address, tuple) and address[1] == %s:
        address = (address[0], int(os.environ["PORT"])) + tuple(address[2:])
    return bind(self, address)
socket.socket.bind = moved
sys.argv = sys.argv[1:]
sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
`

// movePort makes the program open PORT where its code says port. It reports whether
// that can be done.
func (p *Pipeline) movePort(f *found, port string) bool {
	argv := unwrap(p.Command)
	if len(argv) == 0 || argv[0] == Self {
		return false
	}
	switch {
	case f.language == "node" && (argv[0] == "node" || argv[0] == "/bin/sh" || strings.HasPrefix(argv[0], "node_modules/.bin/") || argv[0] == "npm"):
		code := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, nodeMove, port))
		options := strings.TrimSpace(f.set["NODE_OPTIONS"] + " --import=data:text/javascript;base64," + code)
		f.set = merged(f.set, map[string]string{"NODE_OPTIONS": options})
	case f.language == "python" && len(argv) > 1 && strings.HasSuffix(argv[1], ".py") && strings.HasPrefix(path.Base(argv[0]), "python"):
		i := len(p.Command) - len(argv) + 1
		p.Command = slices.Insert(slices.Clone(p.Command), i, "-c", fmt.Sprintf(pyMove, port))
	default:
		return false
	}
	p.Port = "moved from " + port
	return true
}
