package pipeline

import (
	"encoding/xml"
	"io"
	"regexp"
	"strings"

	"github.com/pave-platform/pave"
)

// pom is what counts of a pom.xml.
type pom struct {
	ArtifactID string `xml:"artifactId"`
	Version    string `xml:"version"`
	Packaging  string `xml:"packaging"`
	Parent     struct {
		Version string `xml:"version"`
	} `xml:"parent"`
	Modules []string `xml:"modules>module"`
	Build   struct {
		FinalName string `xml:"finalName"`
	} `xml:"build"`
}

// javaFrameworks by what stands in the build file, with the variables they take
// their address from.
var javaFrameworks = []struct{ text, name, ready, port, host string }{
	{"spring-boot", "spring-boot", "", "SERVER_PORT", "SERVER_ADDRESS"},
	{"org.springframework.boot", "spring-boot", "", "SERVER_PORT", "SERVER_ADDRESS"},
	{"io.quarkus", "quarkus", "", "QUARKUS_HTTP_PORT", "QUARKUS_HTTP_HOST"},
	{"io.micronaut", "micronaut", "", "MICRONAUT_SERVER_PORT", "MICRONAUT_SERVER_HOST"},
	{"io.javalin", "javalin", "", "", ""}, {"com.sparkjava", "spark", "", "", ""}, {"io.vertx", "vertx", "", "", ""},
	{"io.dropwizard", "dropwizard", "", "", ""}, {"io.ktor", "ktor", "", "", ""},
}

// detectJava finds a jar that Maven or Gradle builds.
func detectJava(r *repo) (*found, error) {
	at := r.first("pom.xml", "build.gradle", "build.gradle.kts")
	if at == "" {
		return nil, nil
	}
	f := &found{language: "java", rank: rankFiles, set: map[string]string{}, sources: append(r.sources(".java", ".kt"), r.sources(".properties", ".yml", ".yaml")...)}
	f.note("language", at, 1, "a Java build")
	text := r.read(at)
	for _, w := range javaFrameworks {
		if i := strings.Index(text, w.text); i >= 0 {
			f.framework = w.name
			f.note("framework", at, lineOf(text, w.text), w.text)
			if w.port != "" {
				f.set[w.port], f.set[w.host], f.port = portMark, hostMark, w.port
			}
			break
		}
	}
	if f.framework == "spring-boot" && strings.Contains(text, "spring-boot-starter-actuator") {
		f.ready = "/actuator/health"
		f.note("ready", at, lineOf(text, "spring-boot-starter-actuator"), "spring-boot-starter-actuator")
	}
	if at == "pom.xml" {
		return f, maven(r, f, text)
	}
	gradle(r, f, at, text)
	return f, nil
}

func maven(r *repo, f *found, text string) error {
	var p pom
	dec := xml.NewDecoder(strings.NewReader(text))
	dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // it is UTF-8, or was not read
	if err := dec.Decode(&p); err != nil {
		return pave.Errorf(pave.Invalid, "pom.xml: %s", shown(err.Error()))
	}
	tool := []string{"mvn", "-B", "-q"}
	if r.has("mvnw") && r.has(".mvn/wrapper/maven-wrapper.properties") {
		tool = []string{"sh", "mvnw", "-B", "-q"}
	}
	f.steps = []Step{{Name: "test", Run: append(tool[:len(tool):len(tool)], "test"), Test: true},
		{Name: "build", Run: append(tool[:len(tool):len(tool)], "-DskipTests", "package")}}
	if len(p.Modules) > 0 {
		f.note("workspace", "pom.xml", lineOf(text, "<modules>"), "modules: "+strings.Join(p.Modules, ", "))
		f.gap(flagFolder+" or "+flagCommand, "pom.xml builds several modules, so nothing says which one is the service")
		return nil
	}
	name := p.Build.FinalName
	if name == "" {
		name = p.ArtifactID + "-" + orElse(p.Version, p.Parent.Version)
	}
	name = strings.NewReplacer("${project.artifactId}", p.ArtifactID, "${project.version}", orElse(p.Version, p.Parent.Version)).Replace(name)
	jar := "target/" + name + ".jar"
	if f.framework == "quarkus" {
		jar = "target/quarkus-app/quarkus-run.jar"
	}
	if strings.Contains(name, "${") || strings.ContainsAny(name, " /") || p.ArtifactID == "" {
		f.gap(flagCommand, "the name of the jar that pom.xml builds cannot be told from it")
		return nil
	}
	if f.framework == "" || p.Packaging == "pom" || p.Packaging == "war" && f.framework != "spring-boot" {
		f.gap(flagCommand, "pom.xml builds no program that serves: no framework pave knows")
		return nil
	}
	if p.Packaging == "war" {
		jar = strings.TrimSuffix(jar, "jar") + "war"
	}
	f.rank = rankServer
	f.command = []string{"java", "-jar", jar}
	f.note("command", "pom.xml", lineOf(text, "<artifactId>"+p.ArtifactID+"<"), "java -jar "+jar)
	return nil
}

var (
	gradleName    = regexp.MustCompile(`rootProject\.name\s*=\s*["']([\w.-]+)["']`)
	gradleVersion = regexp.MustCompile(`(?m)^\s*version\s*=?\s*["']([\w.-]+)["']`)
)

func gradle(r *repo, f *found, at, text string) {
	tool := []string{"gradle", "--no-daemon", "-q"}
	if r.has("gradlew") && r.has("gradle/wrapper/gradle-wrapper.properties") {
		tool = []string{"sh", "gradlew", "--no-daemon", "-q"}
	}
	task := "assemble"
	if f.framework == "spring-boot" {
		task = "bootJar"
	}
	f.steps = []Step{{Name: "test", Run: append(tool[:len(tool):len(tool)], "test"), Test: true},
		{Name: "build", Run: append(tool[:len(tool):len(tool)], task)}}
	settings := r.first("settings.gradle", "settings.gradle.kts")
	name := gradleName.FindStringSubmatch(r.read(settings))
	if name == nil || f.framework != "spring-boot" && f.framework != "quarkus" {
		f.gap(flagCommand, "the program that "+at+" builds cannot be told from it")
		return
	}
	jar := "build/libs/" + name[1]
	if v := gradleVersion.FindStringSubmatch(text); v != nil {
		jar += "-" + v[1]
	}
	jar += ".jar"
	if f.framework == "quarkus" {
		jar = "build/quarkus-app/quarkus-run.jar"
	}
	f.rank = rankServer
	f.command = []string{"java", "-jar", jar}
	f.note("command", settings, lineOf(r.read(settings), "rootProject.name"), "java -jar "+jar)
}
