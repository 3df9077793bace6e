package pipeline

import (
	"encoding/json"
	"path"
	"regexp"
	"strings"
)

// siteTools serve a site while it is developed; each names where it builds to.
var siteTools = []struct {
	script *regexp.Regexp
	name   string
	output []string
}{
	{regexp.MustCompile(`\breact-scripts start\b|\bcraco start\b`), "react", []string{"build"}},
	{regexp.MustCompile(`(^|[ /])vite( dev| preview| serve)?(\s|$)`), "vite", []string{"dist"}},
	{regexp.MustCompile(`\bng serve\b`), "angular", []string{"dist"}},
	{regexp.MustCompile(`\bvue-cli-service serve\b`), "vue", []string{"dist"}},
	{regexp.MustCompile(`\bgatsby (develop|serve)\b`), "gatsby", []string{"public"}},
	{regexp.MustCompile(`\bastro (dev|preview)\b`), "astro", []string{"dist"}},
	{regexp.MustCompile(`\bdocusaurus start\b`), "docusaurus", []string{"build"}},
	{regexp.MustCompile(`\beleventy\b.*--serve\b`), "eleventy", []string{"_site"}},
	{regexp.MustCompile(`\bwebpack(-dev-server| serve)\b`), "webpack", []string{"dist", "build", "public"}},
	{regexp.MustCompile(`(^|[ /])parcel\s+(serve\s+)?\S*\.html\b`), "parcel", []string{"dist"}},
	{regexp.MustCompile(`^(?:npx )?(serve|http-server|live-server|lite-server|browser-sync)(\s|$)`), "static", []string{"dist", "build", "public", "_site", "out"}},
}

// siteTool is the tool of a script that only serves a site; "" if it is none.
func siteTool(script string) string {
	for _, t := range siteTools {
		if t.script.MatchString(script) {
			return t.name
		}
	}
	return ""
}

// siteDependencies name the tool where no script does.
var siteDependencies = []struct{ pkg, tool string }{
	{"react-scripts", "react"}, {"@angular/core", "angular"}, {"gatsby", "gatsby"}, {"astro", "astro"}, {"@docusaurus/core", "docusaurus"},
	{"browser-sync", "static"}, {"live-server", "static"}, {"lite-server", "static"}, {"http-server", "static"}, {"@11ty/eleventy", "eleventy"}, {"@vue/cli-service", "vue"}, {"vite", "vite"}, {"parcel", "parcel"}, {"webpack", "webpack"},
}

// site makes a package without a server one whose built files are served.
func (n *nodeApp) site() {
	tool, at := "", ""
	for _, name := range []string{"start", "serve", "dev", "preview", "develop"} {
		if t := siteTool(n.pkg.Scripts[name]); t != "" && tool == "" {
			tool, at = t, name
		}
	}
	for _, d := range siteDependencies {
		if tool == "" && n.pkg.Scripts["build"] != "" && (n.pkg.uses(d.pkg) || n.pkg.develops(d.pkg)) {
			tool, at = d.tool, "build"
		}
	}
	built := n.pkg.Scripts["build"] != "" && !(tool == "static" && n.r.has("index.html") && !n.r.has("dist/index.html"))
	if tool == "" || !built && !(tool == "static" && n.r.has("index.html")) {
		return
	}
	output := []string{"."}
	if built {
		output = n.output(tool)
	} else { // served as it is: nothing to install or build
		n.pkg.Dependencies, n.pkg.Dev, n.pkg.Scripts = nil, nil, map[string]string{at: n.pkg.Scripts[at]}
	}
	n.framework, n.rank, n.ready = tool, rankCommand, "/"
	n.set, n.port = nil, "PORT"
	n.command = append([]string{Self, "static"}, output...)
	n.note("command", packageFile, n.lineOfScript(at), "a site: the files in "+strings.Join(output, " or ")+" are served")
}

var outDir = regexp.MustCompile(`(?:outDir|outputDir|output_dir|distDir|path)["']?\s*[:=]\s*(?:path\.(?:resolve|join)\(__dirname,\s*)?["']\.?/?([\w./-]{1,60})["']`)

// output is where the site is built to: as its configuration says, else as the
// tool does by itself.
func (n nodeApp) output(tool string) []string {
	for _, f := range n.r.files {
		if path.Dir(f) != "." || !strings.Contains(f, ".config.") && !strings.HasPrefix(f, ".eleventy") {
			continue
		}
		if m := outDir.FindStringSubmatch(n.r.read(f)); m != nil && m[1] == path.Clean(m[1]) && !strings.HasPrefix(m[1], "..") && !strings.HasPrefix(m[1], "/") {
			return []string{m[1]}
		}
	}
	if tool == "angular" {
		return n.angularOutput()
	}
	for _, t := range siteTools {
		if t.name == tool {
			return t.output
		}
	}
	return []string{"dist"}
}

// angularOutput reads angular.json; newer builders add a folder browser.
func (n nodeApp) angularOutput() []string {
	var conf struct {
		Projects map[string]struct {
			Architect struct {
				Build struct {
					Options struct {
						Path json.RawMessage `json:"outputPath"`
					} `json:"options"`
				} `json:"build"`
			} `json:"architect"`
		} `json:"projects"`
	}
	if json.Unmarshal([]byte(n.r.read("angular.json")), &conf) != nil {
		return []string{"dist"}
	}
	var out []string
	for _, name := range keys(conf.Projects) {
		dir := path.Join("dist", name)
		var given string
		if json.Unmarshal(conf.Projects[name].Architect.Build.Options.Path, &given) == nil && given != "" {
			dir = path.Clean(given)
		}
		if !strings.HasPrefix(dir, "..") && !path.IsAbs(dir) {
			out = append(out, path.Join(dir, "browser"), dir)
		}
	}
	if len(out) == 0 {
		return []string{"dist"}
	}
	return out[:min(len(out), 8)]
}
