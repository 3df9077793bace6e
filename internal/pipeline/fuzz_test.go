package pipeline

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode"

	"github.com/pave-platform/pave"
)

func FuzzPackageJSON(f *testing.F) {
	f.Add(`{"scripts":{"start":"cross-env A=1 node x.js","build":"vite build","test":"x"},"dependencies":{"express":"4"},"workspaces":{}}`)
	f.Add(`{"scripts":{"start":"npm run start"},"packageManager":"yarn@4.0.0"}`)
	f.Add(`{"main":"../x.js","scripts":{"start":"npm run a","a":"npm run start"}}`)
	fuzzFile(f, packageFile, "x.js")
}

func FuzzProcfile(f *testing.F) {
	f.Add("web: A=1 exec gunicorn 'x y' --bind 0.0.0.0:80 $PORT\nworker: x")
	f.Add("web: a && b | c `d` $(e)\n")
	f.Add("web: \x00\"")
	fuzzFile(f, "Procfile", "app.py")
}

func FuzzDockerfile(f *testing.F) {
	f.Add("FROM python AS x\nWORKDIR a\nENV A=1 B=\"2 3\"\nCOPY --from=x a b\nCMD [\"python\", \"/app/x.py\"]\nHEALTHCHECK CMD curl http://localhost:80/ready\n")
	f.Add("from nginx\ncopy . /usr/share/nginx/html\nRUN <<EOF\npip install a\nEOF\n")
	f.Add("FROM node \\\n\\\nCMD node x --port 80")
	fuzzFile(f, "Dockerfile", "index.html")
}

func FuzzCompose(f *testing.F) {
	f.Add("services:\n  db:\n    image: postgres:16\n")
	f.Add("a: &a [*a]\nservices: {x: {image: redis@sha256}}")
	fuzzFile(f, "compose.yaml", "index.html")
}

func FuzzRequirements(f *testing.F) {
	f.Add("flask[async]==3 ; python_version > '3'\n-r requirements.txt\n-e .\n--index-url x\n")
	fuzzFile(f, "requirements.txt", "app.py")
}

func FuzzPyproject(f *testing.F) {
	f.Add("[project]\ndependencies = [\"flask>=2\", \"--evil\"]\n[tool.poetry.dependencies]\npython='3'\n")
	f.Add(strings.Repeat("[", 300))
	fuzzFile(f, "pyproject.toml", "app.py")
}

func FuzzPom(f *testing.F) {
	f.Add("<project><artifactId>a</artifactId><parent><version>1</version></parent><build><finalName>${project.artifactId}</finalName></build>org.springframework.boot</project>")
	fuzzFile(f, "pom.xml", "a.java")
}

func FuzzCode(f *testing.F) {
	f.Add("import os\nport = int(os.environ.get('APP_PORT', 1))\napp = Flask(__name__)\n@app.route('/health')\n")
	f.Add("app.listen(3000); process.env['A'] || process.env.B ?? 1")
	f.Fuzz(func(t *testing.T, code string) {
		checkDetect(t, fstest.MapFS{"server.js": mapFile(code), "app.py": mapFile(code), "main.go": mapFile(code), "go.mod": mapFile("module x"),
			packageFile: mapFile(`{"scripts":{"start":"node server.js"}}`)})
	})
}

func mapFile(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }

func fuzzFile(f *testing.F, name, beside string) {
	f.Fuzz(func(t *testing.T, text string) {
		checkDetect(t, fstest.MapFS{name: mapFile(text), beside: mapFile("x = 1\n")})
	})
}

// checkDetect holds what is true of every tree.
func checkDetect(t *testing.T, tree fstest.MapFS) {
	start := time.Now()
	p, err := Detect(tree, Override{})
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
	if err != nil && pave.CodeOf(err) != pave.Invalid {
		t.Fatalf("code of %v is %q", err, pave.CodeOf(err))
	}
	if err == nil && (len(p.Command) == 0 || p.Command[0] == "" || p.Ready == "" || !readyOK(p.Ready)) {
		t.Errorf("accepted without a command or ready path: %+v", p)
	}
	for _, fact := range p.Evidence {
		if strings.ContainsFunc(fact.Text, unicode.IsControl) || len([]rune(fact.Text)) > maxText {
			t.Errorf("evidence is not fit to print: %q", fact.Text)
		}
	}
	seen := map[string]bool{}
	for _, s := range p.Steps {
		if !stepName.MatchString(s.Name) || seen[s.Name] || len(s.Run) == 0 || s.Run[0] == "" {
			t.Errorf("step %q cannot be one: %q", s.Name, s.Run)
		}
		seen[s.Name] = true
	}
	for _, argv := range append(runs(p.Steps), p.Command) {
		if err == nil && strings.Contains(strings.Join(argv, ""), "\x00") {
			t.Errorf("a NUL byte in %q", argv)
		}
	}
}
