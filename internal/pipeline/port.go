package pipeline

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A service is told its port by PORT. Where the program wants it otherwise, it gets
// it that way: by another variable, by a flag, as an argument. A port that is fixed
// in the code is a gap: two replicas, and the old and the new release while they
// change over, cannot share it.

// portFlags find flags of a program for its address: name, and default.
var portFlags = map[string]*regexp.Regexp{
	".go": regexp.MustCompile(`\b(?:p?flag|fs|flags|flagSet|rootCmd\.(?:Persistent)?Flags\(\))\.(?:String|Int|Uint)(?:Var)?P?\((?:&[\w.]+,\s*)?"(port|addr|address|listen|http|http-addr|listen-addr|listen-address|bind|p)",\s*("?[^",)]*"?)`),
	".py": regexp.MustCompile(`add_argument\((?:["']-\w["'],\s*)?["']--(port|listen-port|http-port)["'](.*)`),
}

// fixedPorts find a port that is written in the code.
var fixedPorts = map[string][]*regexp.Regexp{
	".go": {
		regexp.MustCompile(`(?:ListenAndServe(?:TLS)?|\.Run|\.Start|\.Listen|net\.Listen\("tcp4?",)\s*\(?\s*"[\w.]*:(\d{2,5})"`),
		regexp.MustCompile(`\bAddr:\s*"[\w.]*:(\d{2,5})"`),
		regexp.MustCompile(`\b(?i:port|addr|address|listenaddr|serveraddr)\s*(?::=|=|string\s*=)\s*"(?:[\w.]*:)?(\d{2,5})"`),
	},
	".js": {
		regexp.MustCompile(`\.listen\(\s*(\d{2,5})\b`),
		regexp.MustCompile(`\.listen\(\s*\{[^}]*\bport:\s*(\d{2,5})\b`),
		regexp.MustCompile(`\b(?:const|let|var)\s+(?i:port|server_?port)\s*(?::\s*\w+\s*)?=\s*["']?(\d{2,5})\b`),
	},
	".py": {
		regexp.MustCompile(`\b(?i:port|server_port)\s*(?::\s*int\s*)?=\s*["']?(\d{2,5})\b`),
		regexp.MustCompile(`(?:Server|run|run_app|make_server)\(\(?["'][\w.]*["'],\s*(\d{2,5})\b`),
		regexp.MustCompile(`\.listen\(\s*(\d{2,5})\b`),
	},
	".java": {regexp.MustCompile(`\.(?:start|port|listen)\(\s*(\d{2,5})\s*\)`), regexp.MustCompile(`new InetSocketAddress\(\s*(\d{2,5})\s*\)`)},
}

var flagWord = regexp.MustCompile(`port|addr|listen|bind|http|argv|Args`)

var portArgument = regexp.MustCompile(`(?i)port\b.*\b(?:sys\.argv\[1\]|process\.argv\[2\]|os\.Args\[1\])`)

// findPort says how the program learns its port, and makes the command so.
func (p *Pipeline) findPort(f *found, r *repo) {
	if f.port != "" {
		p.Port = f.port
		return
	}
	if argv, changed := withPort(p.Command); changed {
		p.Command, p.Port = argv, "a flag of the server"
		return
	}
	if v, ok := portVar(p.Vars); ok {
		if f.set[v.Name] == "" && v.Name != "PORT" {
			if f.set == nil {
				f.set = map[string]string{}
			}
			f.set[v.Name] = portValue(v.Name)
		}
		p.Port = v.Name
		p.fact("port", v.File, v.Line, "reads "+v.Name)
		return
	}
	if i := slices.Index(p.Command, "start"); i > 0 && path.Base(p.Command[i-1]) == "fastify" {
		p.Port = "PORT" // of fastify's own command
		return
	}
	if f.framework == "next" || f.framework == "nuxt" || f.framework == "gin" && p.ginDefault(r, f) {
		p.Port = "PORT"
		return
	}
	if p.portFlag(f, r) {
		return
	}
	p.fixedPort(f, r)
}

// ginDefault: gin's Run without an address reads PORT.
func (p *Pipeline) ginDefault(r *repo, f *found) bool {
	fact, ok := r.find("port", ".Run()", f.sources...)
	if ok {
		p.Evidence = append(p.Evidence, fact)
	}
	return ok
}

// portFlag gives the port by a flag, or an argument, of the program itself.
func (p *Pipeline) portFlag(f *found, r *repo) bool {
	script := len(p.Command) > 0 && slices.ContainsFunc(f.sources, func(s string) bool { return slices.Contains(p.Command, s) })
	done := false
	r.each(f.sources, func(file string, n int, line string) bool {
		if !flagWord.MatchString(line) {
			return false
		}
		ext := kindOf(file)
		if portArgument.MatchString(line) && (ext == ".go" || slices.Contains(p.Command, file)) && len(unwrap(p.Command)) <= 2 {
			p.Command = append(slices.Clone(p.Command), portMark)
			p.Port, done = "its first argument", true
			p.fact("port", file, n, line)
			return true
		}
		re := portFlags[ext]
		if re == nil || ext == ".py" && !script {
			return false
		}
		m := re.FindStringSubmatch(line)
		if m == nil {
			return false
		}
		name := "--" + m[1]
		if done && (strings.Contains(p.Port, "port") || !strings.Contains(name, "port")) {
			return false
		}
		if done { // the port alone is what we want to give
			p.Command, p.Evidence = p.Command[:len(p.Command)-2], p.Evidence[:len(p.Evidence)-1]
		}
		p.Port, done = name, true
		value := portMark
		switch {
		case strings.Contains(m[1], "addr") || m[1] == "listen" || m[1] == "bind" || m[1] == "http":
			value = hostMark + ":" + portMark
		case ext == ".go" && strings.HasPrefix(m[2], `":`):
			value = ":" + portMark
		}
		p.Command = append(slices.Clone(p.Command), p.Port, value)
		p.fact("port", file, n, line)
		return strings.Contains(name, "port")
	})
	return done
}

// sideDoor is a Go function whose listener is not where the service is: it sends
// people elsewhere, or is for those who look after the program.
var sideDoor = regexp.MustCompile(`^func [^{]*?\b\w*(?i:redirect|debug|pprof|metrics|prometheus|profil)\w*\(`)

// fixedPort is a gap where a port stands in the code and nothing can change it.
func (p *Pipeline) fixedPort(f *found, r *repo) {
	function := ""
	r.each(f.sources, func(file string, n int, line string) bool {
		if strings.HasPrefix(line, "func ") {
			function = line
		}
		if !strings.ContainsAny(line, "0123456789") || sideDoor.MatchString(function) {
			return false
		}
		for _, re := range fixedPorts[kindOf(file)] {
			if m := re.FindStringSubmatch(line); m != nil {
				p.fact("port", file, n, line)
				if p.movePort(f, m[1]) || p.moveGoPort(f, r, file, n, line, m[1]) {
					p.fact("note", file, n, "port "+m[1]+" is fixed in the code: it opens PORT in its place, "+movedBy[f.language == "go"])
					return true
				}
				p.Gaps = append(p.Gaps, Gap{What: "port " + m[1] + " is fixed in " + place(file, n) +
					": replicas and releases that change over cannot share it, so the program must take its port from outside", Flag: flagPort + " or " + flagCommand, Fatal: true})
				return true
			}
		}
		return false
	})
	if len(p.Gaps) == 0 && p.Port == "" {
		p.portInFile(f, r)
	}
	if len(p.Gaps) == 0 && len(p.Command) > 0 && p.Port == "" {
		p.Gaps = append(p.Gaps, Gap{What: "nothing found says how the program learns its port: it gets PORT", Flag: flagPort})
	}
}

// configuredPort is a field that is read from a file of configuration.
var configuredPort = regexp.MustCompile("`[^`]*\\b(?:toml|yaml|mapstructure|hcl):\"(?:addr|address|port|listen|bind|listen[-_]?addr(?:ess)?|http[-_]?addr)[\",]")

// portInFile is a gap where a Go program takes its port from a file of its own, which
// only who runs it can write.
func (p *Pipeline) portInFile(f *found, r *repo) {
	r.each(f.sources, func(file string, n int, line string) bool {
		if kindOf(file) != ".go" || !configuredPort.MatchString(line) {
			return false
		}
		p.fact("port", file, n, line)
		p.Gaps = append(p.Gaps, Gap{What: "the port is read from a file of configuration (" + place(file, n) + "), which is not in the repository",
			Flag: flagCommand + " or " + flagPort, Fatal: true})
		return true
	})
}

// givePort gives the port as a person said.
func (p *Pipeline) givePort(as, folder string) {
	p.Port = as
	if strings.HasPrefix(as, "-") {
		value := portMark
		if addressName.MatchString(strings.ToUpper(strings.ReplaceAll(strings.TrimLeft(as, "-"), "-", "_"))) {
			value = hostMark + ":" + portMark
		}
		p.Command = append(slices.Clone(p.Command), as, value)
		return
	}
	if len(p.Command) > 0 && as != "PORT" {
		if p.Command[0] == "env" {
			p.Command = slices.Insert(slices.Clone(p.Command), envEnd(p.Command), as+"="+portValue(as))
		} else {
			p.Command = wrap(p.Command, "", map[string]string{as: portValue(as)})
		}
	}
}

// envEnd is where the variables of a wrapped command end.
func envEnd(argv []string) int { return len(argv) - len(unwrap(argv)) }

// servers that take their port by a flag; those whose flag is "" read PORT.
var servers = []struct{ word, port, host string }{
	{"uvicorn", "--port", "--host"}, {"flask", "--port", "--host"}, {"hypercorn", "--bind", ""}, {"gunicorn", "--bind", ""},
	{"daphne", "--port", "--bind"}, {"streamlit", "--server.port", "--server.address"}, {"fastapi", "--port", "--host"}, {"waitress", "--port", "--host"},
}

var (
	portOption = []string{"--port", "-p", "--server.port", "--http-port", "-l", "--listen"}
	bindOption = []string{"--bind", "-b", "--addr", "--address"}
	number     = regexp.MustCompile(`^\d{2,5}$`)
	hostPort   = regexp.MustCompile(`^[\w.\[\]]*:\d{2,5}$`)
)

// withPort puts the marks in the place of a port in a command, and adds the flags
// of servers that are known. It reports whether the command now has the port.
func withPort(argv []string) (out []string, changed bool) {
	if len(argv) == 3 && argv[0] == "/bin/sh" {
		text := shellPorts.ReplaceAllString(argv[2], "${1}$$PORT")
		if i := strings.LastIndex(text, "uvicorn "); i >= 0 && !strings.ContainsAny(text[i:], "&|;") && !strings.Contains(text[i:], "--port") {
			text += " --port $PORT"
		}
		known := strings.Contains(text, "$PORT") || strings.Contains(text, portMark) || strings.Contains(text, "gunicorn ") // which reads PORT
		return []string{argv[0], argv[1], text}, known
	}
	out = slices.Clone(argv)
	for i, a := range out {
		before := ""
		if i > 0 {
			before = out[i-1]
		}
		key, value, joined := strings.Cut(a, "=")
		switch {
		case strings.Contains(a, portMark):
		case number.MatchString(a) && (slices.Contains(portOption, before) || before == "http.server" || before == "runserver"):
			out[i] = portMark
		case hostPort.MatchString(a) && (slices.Contains(bindOption, before) || slices.Contains(portOption, before) || before == "runserver" || before == "--noreload"):
			out[i] = hostMark + ":" + portMark
		case joined && number.MatchString(value) && slices.Contains(portOption, key):
			out[i] = key + "=" + portMark
		case joined && hostPort.MatchString(value) && slices.Contains(bindOption, key):
			out[i] = key + "=" + hostMark + ":" + portMark
		default:
			continue
		}
		changed = true
	}
	if changed {
		return out, true
	}
	for _, s := range servers {
		i := slices.Index(out, s.word)
		if i < 0 || i > 3 {
			continue
		}
		if s.port == "--bind" {
			return append(out, "--bind", hostMark+":"+portMark), true
		}
		return append(out, s.host, hostMark, s.port, portMark), true
	}
	if i := slices.Index(out, "http.server"); i > 0 {
		return append(out, "--bind", hostMark, portMark), true
	}
	return out, false
}

var shellPorts = regexp.MustCompile(`((?:--port|-p|--bind|-b|--server\.port)[ =](?:[\w.]*:)?)\d{2,5}\b`)

// movedBy says how a port that is fixed is moved.
var movedBy = map[bool]string{true: "by an overlay of the build; no file is changed", false: "by what is loaded before the program"}

func place(file string, n int) string {
	return file + ":" + strconv.Itoa(n)
}
