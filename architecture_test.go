package yunduo_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "yunduo"

// levels is the import table of the house. A package may import packages of lower levels, and those of its own level
// only inside its own room.
var levels = map[string]int{
	".": 0, "console": 0,
	"wire": 1, "data/query": 1, "storage/driver": 1, "functions/runtime": 1, "functions/bundle": 1, "internal/project": 1,
	"data/rules": 2, "data/documents/driver": 2, "storage/disk": 2, "storage/s3": 2, "storage/storagetest": 2,
	"functions/node": 2, "functions/runtimetest": 2, "sdk": 2,
	"data/documents": 3, "data/interchange": 3, "data/documents/embedded": 3, "data/documents/mongodb": 3, "data/documents/documentstest": 3,
	"apps": 4, "auth": 4, "storage": 4, "functions": 4, "triggers": 4, "wechat": 4,
	"releases": 5, "api": 5, "auth/wechat": 5, "triggers/cron": 4,
	"gateway": 6, "gateway/mongowire": 6, "server": 7, "cmd/yunduo": 8, "e2e": 8,
}

// mayImport are rooms on one level that build on each other, in this direction only.
var mayImport = map[string][]string{
	"data/documents/embedded":      {},
	"data/documents/mongodb":       {},
	"data/documents/documentstest": {},

	"api": {"releases"},
}

// homes says which room alone may import a third-party package.
var homes = map[string][]string{
	"github.com/labstack/echo":             {"gateway"},
	"github.com/coder/websocket":           {"gateway"},
	"github.com/gobwas/ws":                 {"gateway"},
	"github.com/golang-jwt/jwt":            {"auth"},
	"github.com/minio/minio-go":            {"storage/s3"},
	"github.com/robfig/cron":               {"triggers/cron"},
	"github.com/evanw/esbuild":             {"functions/bundle"},
	"github.com/cockroachdb/pebble":        {"data/documents/embedded"},
	"github.com/prometheus":                {"gateway"},
	"go.mongodb.org/mongo-driver/v2/mongo": {"data/documents/mongodb"},
	"github.com/xdg-go/scram":              {"gateway/mongowire"},
	"github.com/spf13/cobra":               {"cmd/yunduo"},
	"github.com/elastic/go-seccomp-bpf":    {"functions/node"},
	"google.golang.org/protobuf":           {"gateway"},
	"filippo.io/age":                       {"apps"},
	"go.opentelemetry.io":                  {"server"},

	"github.com/santhosh-tekuri/jsonschema": {"functions"},
	"github.com/tidwall/gjson":              {"internal/jsontext"},
	"github.com/pmezard/go-difflib":         {"functions"},
}

// fileWall is the number of lines beyond which a source file is about more than one thing.
const fileWall = 500

// room returns the longest entry of the table that holds the folder, and whether there is one.
func room(folder string) (string, bool) {
	for dir := folder; ; dir = path.Dir(dir) {
		if _, ok := levels[dir]; ok {
			return dir, dir != "." || folder == "."
		}
		if dir == "." {
			return "", false
		}
	}
}

type source struct {
	path, folder string
	file         *ast.File
	test         bool
	lines        int
}

// sources parses every Go file that git tracks or would track in this module.
func sources(t *testing.T) []source {
	t.Helper()
	var list []source
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if p != "." && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata" || name == "bin" || ownModule(p)) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), p, text, parser.ParseComments)
		if err != nil {
			return err
		}
		p = filepath.ToSlash(p)
		list = append(list, source{
			path: p, folder: path.Dir(p), file: file, lines: bytes.Count(text, []byte("\n")), test: strings.HasSuffix(name, "_test.go"),
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Fatal("no Go files found")
	}
	return list
}

// ownModule reports whether a folder is a Go module of its own, such as bench.
func ownModule(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return folder != "." && err == nil
}

func TestImports_FollowTheTable(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.folder == "internal" || strings.HasPrefix(s.folder, "internal/") && s.folder != "internal/project" {
			continue
		}
		from, ok := room(s.folder)
		if !ok {
			t.Errorf("%s: the folder is in no room of the import table", s.path)
			continue
		}
		for _, spec := range s.file.Imports {
			target, _ := strconv.Unquote(spec.Path.Value)
			checkHome(t, s, from, target)
			inside, ok := strings.CutPrefix(target, module+"/")
			if target == module {
				inside, ok = ".", true
			}
			if !ok || strings.HasPrefix(inside, "internal/") && inside != "internal/project" {
				continue
			}
			to, known := room(inside)
			switch {
			case !known:
				t.Errorf("%s imports %s, which is in no room", s.path, target)
			case to == from || slices.Contains(mayImport[from], to):
			case levels[to] >= levels[from]:
				t.Errorf("%s (room %s, level %d) may not import %s (room %s, level %d): imports go to lower levels only",
					s.path, from, levels[from], target, to, levels[to])
			}
		}
	}
}

func checkHome(t *testing.T, s source, from, target string) {
	t.Helper()
	for prefix, rooms := range homes {
		if target != prefix && !strings.HasPrefix(target, prefix+"/") {
			continue
		}
		if !slices.ContainsFunc(rooms, func(r string) bool { return from == r || strings.HasPrefix(from, r+"/") }) {
			t.Errorf("%s imports %s, whose home is %s", s.path, target, strings.Join(rooms, ", "))
		}
	}
}

func TestPackages_HaveOneComment(t *testing.T) {
	comments, packages := map[string][]string{}, map[string]bool{}
	for _, s := range sources(t) {
		if strings.HasSuffix(s.file.Name.Name, "_test") {
			continue
		}
		if !s.test {
			packages[s.folder] = true
		}
		if s.file.Doc != nil && !s.test {
			comments[s.folder] = append(comments[s.folder], s.path)
		}
	}
	for folder := range packages {
		if n := len(comments[folder]); n != 1 {
			t.Errorf("%s has %d package comments, want one: %v", folder, n, comments[folder])
		}
	}
}

func TestFiles_StaySmall(t *testing.T) {
	for _, s := range sources(t) {
		if s.lines > fileWall && !strings.Contains(s.path, "_gen.go") {
			t.Errorf("%s has %d lines; split it by topic before %d", s.path, s.lines, fileWall)
		}
	}
}

func TestGenerated_IsCurrent(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "wire"), 0o755); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("wire/errors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "wire", "errors.json"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "run", "./internal/gen/errors", root).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{"reason_gen.go", "sdk/js/core/reasons.gen.js"} {
		want, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what wire/errors.json says: run go generate", name)
		}
	}
}
