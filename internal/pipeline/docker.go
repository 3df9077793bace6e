package pipeline

import (
	"encoding/json"
	"path"
	"regexp"
	"strings"
)

// dockerfile is what counts of the last stage of a Dockerfile. pave builds no image
// of it: its author says in it how the program is started.
type dockerfile struct {
	name    string
	bases   []string // of all stages, the last one last
	workdir string
	run     []instruction
	copies  []instruction
	entry   instruction
	cmd     instruction
	expose  instruction
	health  instruction
	env     map[string]string
}

// instruction is one line of a Dockerfile, joined.
type instruction struct {
	word, rest string
	line       int
}

const maxInstructions = 1000

// parseDockerfile joins lines that go on and leaves out comments and here-documents.
func parseDockerfile(text string) (out []instruction) {
	var cur instruction
	n, here := 0, ""
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if here != "" {
			if line == here {
				here = ""
			}
			continue
		}
		if line == "" || line[0] == '#' || len(out) >= maxInstructions {
			continue
		}
		if cur.line == 0 {
			cur.line = n
		}
		more := strings.HasSuffix(line, `\`)
		cur.rest += strings.TrimSuffix(line, `\`) + " "
		if more && len(cur.rest) < 16<<10 {
			continue
		}
		word, rest, _ := strings.Cut(strings.TrimSpace(cur.rest), " ")
		cur.word, cur.rest = strings.ToUpper(word), strings.TrimSpace(rest)
		if m := hereDoc.FindStringSubmatch(cur.rest); m != nil {
			here = m[1]
		}
		out, cur = append(out, cur), instruction{}
	}
	return out
}

var hereDoc = regexp.MustCompile(`<<-?["']?(\w+)["']?`)

// readDockerfile is nil where there is none.
func readDockerfile(r *repo) (*dockerfile, error) {
	name := r.first("Dockerfile", "dockerfile", "Containerfile", "docker/Dockerfile", "deploy/Dockerfile", "build/Dockerfile")
	if name == "" {
		return nil, nil
	}
	d := &dockerfile{name: name, env: map[string]string{}}
	for _, in := range parseDockerfile(r.read(name)) {
		d.add(in)
	}
	return d, nil
}

func (d *dockerfile) add(in instruction) {
	switch in.word {
	case "FROM":
		words := strings.Fields(in.rest)
		for len(words) > 0 && strings.HasPrefix(words[0], "--") {
			words = words[1:]
		}
		if len(words) == 0 {
			return
		}
		d.bases = append(d.bases, words[0])
		d.entry, d.cmd, d.expose, d.health, d.workdir, d.env = instruction{}, instruction{}, instruction{}, instruction{}, "", map[string]string{}
		d.copies = nil
	case "WORKDIR":
		d.workdir = path.Join("/", d.workdir, in.rest)
		if path.IsAbs(in.rest) {
			d.workdir = path.Clean(in.rest)
		}
	case "RUN":
		d.run = append(d.run, in)
	case "COPY", "ADD":
		d.copies = append(d.copies, in)
	case "ENTRYPOINT":
		d.entry = in
	case "CMD":
		d.cmd = in
	case "EXPOSE":
		d.expose = in
	case "HEALTHCHECK":
		d.health = in
	case "ENV":
		d.addEnv(in.rest)
	}
}

func (d *dockerfile) addEnv(rest string) {
	if k, v, ok := strings.Cut(rest, " "); ok && !strings.Contains(k, "=") {
		d.env[k] = strings.Trim(v, `"' `)
		return
	}
	words, ok := split(rest)
	for _, w := range words {
		if k, v, found := strings.Cut(w, "="); found && ok {
			d.env[k] = v
		}
	}
}

// dockerBases by image name.
var dockerBases = []struct{ part, language string }{
	{"golang", "go"}, {"node", "node"}, {"bun", "node"}, {"python", "python"}, {"uvicorn-gunicorn", "python"}, {"temurin", "java"}, {"openjdk", "java"},
	{"corretto", "java"}, {"maven", "java"}, {"gradle", "java"}, {"nginx", "static"}, {"httpd", "static"}, {"caddy", "static"},
	{"ruby", "ruby"}, {"php", "php"}, {"rust", "rust"}, {"dotnet", "dotnet"}, {"elixir", "elixir"}, {"perl", "perl"}, {"swift", "swift"}, {"dart", "dart"},
	{"haskell", "haskell"}, {"julia", "julia"}, {"clojure", "clojure"},
}

// language is the one of the last base image that tells one; "" if none does.
func (d *dockerfile) language() string {
	for i := len(d.bases) - 1; i >= 0; i-- {
		for _, b := range dockerBases {
			if strings.Contains(strings.ToLower(d.bases[i]), b.part) {
				return b.language
			}
		}
	}
	return ""
}

// detectDocker is the candidate where a Dockerfile is all there is.
func detectDocker(r *repo) (*found, error) {
	d, err := readDockerfile(r)
	if d == nil || err != nil || len(d.bases) == 0 {
		return nil, err
	}
	f := &found{language: d.language(), rank: rankFiles, set: map[string]string{}}
	f.note("language", d.name, 1, "FROM "+d.bases[len(d.bases)-1])
	switch f.language {
	case "static":
		return d.site(r, f), nil
	case "node":
		f.set["NODE_ENV"] = unlessSet("NODE_ENV", "production")
		f.sources = r.sources(".js", ".mjs", ".ts")
	case "go", "python", "java", "":
	default:
		f.gap(flagCommand+" and --build", "the Dockerfile is for "+f.language+", which pave builds only by given commands: it runs programs, not images")
	}
	if f.language == "" {
		f.gap(flagCommand, "no language pave knows: the Dockerfile begins with "+d.bases[len(d.bases)-1]+", and pave runs programs, not images")
	}
	return f, nil
}

var webRoots = regexp.MustCompile(`^(?:--\S+\s+)*(\S+)\s+(?:/usr/share/nginx/html|/var/www(?:/html)?|/usr/local/apache2/htdocs|/usr/share/caddy|/srv)/?\.?$`)

// site is the folder that is copied to where a web server of the image looks.
func (d *dockerfile) site(r *repo, f *found) *found {
	for _, c := range d.copies {
		m := webRoots.FindStringSubmatch(c.rest)
		if m == nil || strings.Contains(c.rest, "--from") {
			continue
		}
		dir := strings.TrimSuffix(path.Clean(m[1]), "/index.html")
		if dir == "index.html" {
			dir = "."
		}
		if r.has(path.Join(dir, "index.html")) {
			f.command, f.ready, f.port, f.rank = []string{Self, "static", dir}, "/", "PORT", rankCommand
			f.note("command", d.name, c.line, "COPY "+c.rest)
			return f
		}
	}
	return nil
}

// words are the argv, or the line for a shell, of a CMD or ENTRYPOINT.
func (i instruction) words() (argv []string, shell string) {
	if json.Unmarshal([]byte(i.rest), &argv) == nil {
		return argv, ""
	}
	return nil, i.rest
}

// fill takes the command from CMD and ENTRYPOINT, with paths of the image made
// those of the tree.
func (d *dockerfile) fill(f *found) {
	entry, shellEntry := d.entry.words()
	cmd, shellCmd := d.cmd.words()
	at := d.cmd
	if d.entry.line > 0 {
		at = d.entry
	}
	var l line
	switch {
	case shellEntry != "":
		l = parseLine(shellEntry)
	case len(entry) > 0 || len(cmd) > 0:
		argv := append(append([]string{}, entry...), cmd...)
		if shellCmd != "" {
			return
		}
		if len(argv) == 3 && (path.Base(argv[0]) == "sh" || path.Base(argv[0]) == "bash") && strings.Contains(argv[1], "c") {
			l = parseLine(argv[2])
		} else {
			l = line{argv: argv, text: strings.Join(argv, " ")}
		}
	case shellCmd != "":
		l = parseLine(shellCmd)
	default:
		return
	}
	for i, a := range l.argv {
		l.argv[i] = d.inTree(a)
	}
	if len(l.argv) > 0 && path.IsAbs(l.argv[0]) && !strings.HasPrefix(l.argv[0], "/bin/") && !strings.HasPrefix(l.argv[0], "/usr/bin/") {
		f.note("note", d.name, at.line, l.argv[0]+" is a file of the image, not of the repository")
		return
	}
	f.takeEnv(d, l)
	f.command, f.gaps = f.argv(l), nil
	f.note("command", d.name, at.line, at.word+" "+at.rest)
}

func (f *found) takeEnv(d *dockerfile, l line) {
	if f.set == nil {
		f.set = map[string]string{}
	}
	for k, v := range d.env {
		if imageOnly[k] || strings.ContainsAny(v, "${}\x00") || strings.HasPrefix(k, "PYTHON") || !assignment.MatchString(k+"=") || len(v) > 500 {
			continue
		}
		f.set[k] = unlessSet(k, v)
	}
	for k, v := range l.set {
		f.set[k] = v
	}
}

// imageOnly are variables that mean something in the image only.
var imageOnly = map[string]bool{"PATH": true, "HOME": true, "PORT": true, "HOST": true, "HOSTNAME": true, "LANG": true, "LC_ALL": true,
	"DEBIAN_FRONTEND": true, "GOPATH": true, "VIRTUAL_ENV": true, "JAVA_HOME": true, "NODE_PATH": true, "LD_LIBRARY_PATH": true}

// inTree is a path of the image as one of the tree, which lies in the WORKDIR.
func (d *dockerfile) inTree(word string) string {
	dir := orElse(d.workdir, "/app")
	if rest, ok := strings.CutPrefix(word, strings.TrimSuffix(dir, "/")+"/"); ok && dir != "/" {
		word = rest
	}
	for _, c := range d.copies {
		from, to, ok := c.moved(dir)
		if rest := strings.TrimPrefix(word, to); ok && rest != word && (rest == "" || rest[0] == '/') {
			return from + rest
		}
	}
	return word
}

// moved is where a COPY of one folder takes it from and to, both from the WORKDIR.
func (i instruction) moved(dir string) (from, to string, ok bool) {
	words := strings.Fields(i.rest)
	for len(words) > 0 && strings.HasPrefix(words[0], "--") {
		words = words[1:]
	}
	if len(words) != 2 {
		return "", "", false
	}
	for k, w := range words {
		w = strings.TrimPrefix(path.Clean(w), strings.TrimSuffix(dir, "/")+"/")
		if words[k] = w; path.IsAbs(w) || strings.HasPrefix(w, ".") || strings.Contains(w, "$") {
			return "", "", false
		}
	}
	return words[0], words[1], words[0] != words[1]
}
