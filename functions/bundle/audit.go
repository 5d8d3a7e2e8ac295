package bundle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"yunduo/internal/keylock"
)

const (
	auditTimeout = 20 * time.Second // of one question to the registry
	auditAge     = time.Hour        // how long an answer holds
	unaskedAge   = 5 * time.Minute  // how long it holds that there was none
	auditsKept   = 1000
)

// Advisory is a known vulnerability of a package.
type Advisory struct {
	Package  string
	Version  string
	Severity string // low, moderate, high or critical
	Title    string
	URL      string
	Range    string // of the vulnerable versions
}

// Audit is what a package registry knows of a set of packages.
type Audit struct {
	Advisories []Advisory // the worst first
	// Unchecked says why the registry was not asked or did not answer; empty if it did.
	Unchecked string
	At        time.Time
}

// audits remembers what registries said.
type audits struct {
	locks keylock.Locks
	mu    sync.Mutex
	known map[string]Audit
	// none is what the registry said that has no advisories at all.
	none Audit
}

// exactVersion is a version as packages have it; nothing else is told to a registry.
var exactVersion = regexp.MustCompile(`^\d+\.\d+\.\d+[0-9A-Za-z.+-]*$`)

// Audit asks the package registry, by npm and with its settings, which of the packages have known vulnerabilities.
// Private ones and those without a version are left out. It never fails: where there is no answer, the result says why.
func (b *Builder) Audit(ctx context.Context, list []Package) Audit {
	asked := make(map[string][]string)
	for _, p := range list {
		if !p.Private && validPackage.MatchString(p.Name) && exactVersion.MatchString(p.Version) && !slices.Contains(asked[p.Name], p.Version) {
			asked[p.Name] = append(asked[p.Name], p.Version)
		}
	}
	if len(asked) == 0 {
		return Audit{At: time.Now()}
	}
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		slices.Sort(asked[name])
		fmt.Fprintf(h, "%q %q\n", name, asked[name])
	}
	key := string(h.Sum(nil))
	unlock, err := b.audits.locks.Lock(ctx, key)
	if err != nil {
		return Audit{Unchecked: "the request ended", At: time.Now()}
	}
	defer unlock()
	if known, ok := b.audits.find(key); ok {
		return known
	}
	audit := b.audit(ctx, asked)
	if ctx.Err() == nil {
		b.audits.keep(key, audit)
	}
	return audit
}

const noAdvisories = "the registry has no advisories"

func (a *audits) find(key string) (Audit, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.none.Unchecked != "" && time.Since(a.none.At) < unaskedAge {
		return a.none, true
	}
	known, ok := a.known[key]
	life := auditAge
	if known.Unchecked != "" {
		life = unaskedAge
	}
	return known, ok && time.Since(known.At) < life
}

func (a *audits) keep(key string, audit Audit) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil || len(a.known) >= auditsKept {
		a.known = make(map[string]Audit)
	}
	a.known[key] = audit
	if audit.Unchecked == noAdvisories {
		a.none = audit
	}
}

func (b *Builder) audit(ctx context.Context, asked map[string][]string) Audit {
	select {
	case b.npmRuns <- struct{}{}:
		defer func() { <-b.npmRuns }()
	case <-ctx.Done():
		return Audit{Unchecked: "the request ended", At: time.Now()}
	}
	ctx, cancel := context.WithTimeout(ctx, auditTimeout)
	defer cancel()
	audit := Audit{At: time.Now()}
	// npm tells for all versions of a package together what some have: each question has one of each package.
	for round := 0; ; round++ {
		question := make(map[string]string)
		for name, versions := range asked {
			if round < len(versions) {
				question[name] = versions[round]
			}
		}
		if len(question) == 0 {
			break
		}
		reply, err := b.askNPM(ctx, question)
		if unchecked := reply.refusal(ctx, err); unchecked != "" {
			return Audit{Unchecked: unchecked, At: time.Now()}
		}
		audit.Advisories = append(audit.Advisories, reply.advisories(question)...)
	}
	slices.SortFunc(audit.Advisories, func(a, b Advisory) int {
		if d := severity(a) - severity(b); d != 0 {
			return d
		}
		return strings.Compare(a.Package+" "+a.Version+" "+a.URL, b.Package+" "+b.Version+" "+b.URL)
	})
	return audit
}

// auditReply is what npm says: a report, or why there is none.
type auditReply struct {
	Report          int `json:"auditReportVersion"`
	Status          int `json:"statusCode"`
	Vulnerabilities map[string]struct {
		Via []json.RawMessage `json:"via"` // advisories, and names of packages that bring the trouble along
	} `json:"vulnerabilities"`
}

// refusal says why there is no report; empty if there is one.
func (r *auditReply) refusal(ctx context.Context, err error) string {
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "npm was not found"
	case ctx.Err() != nil:
		return fmt.Sprintf("the registry did not answer within %v", auditTimeout)
	case err != nil:
		return "npm failed"
	case r.Report != 0:
		return ""
	case r.Status == 404 || r.Status == 405 || r.Status == 501:
		return noAdvisories
	case r.Status != 0:
		return fmt.Sprintf("the registry answered with status %d", r.Status)
	}
	return "the registry cannot be reached"
}

func (r *auditReply) advisories(asked map[string]string) []Advisory {
	var list []Advisory
	for name, v := range r.Vulnerabilities {
		for _, raw := range v.Via {
			var via struct{ Title, URL, Severity, Range string }
			if json.Unmarshal(raw, &via) == nil && via.Title+via.URL != "" { // else it is a name
				list = append(list, Advisory{Package: name, Version: asked[name], Severity: via.Severity, Title: via.Title, URL: via.URL, Range: via.Range})
			}
		}
	}
	return list
}

// severity puts the worst first.
func severity(a Advisory) int {
	severities := []string{"critical", "high", "moderate", "low"}
	if at := slices.Index(severities, a.Severity); at >= 0 {
		return at
	}
	return len(severities)
}

// askNPM gives npm a lock file that holds the packages and nothing else. Registry, credentials and proxies are those of
// installations, and npm knows how to compare versions.
func (b *Builder) askNPM(ctx context.Context, packages map[string]string) (reply auditReply, err error) {
	dir, err := os.MkdirTemp(b.modules, tempPrefix)
	if err != nil {
		return reply, err
	}
	defer os.RemoveAll(dir)
	type entry struct {
		Name    string `json:"name,omitempty"`
		Version string `json:"version"`
	}
	entries := map[string]entry{"": {Name: "function", Version: "1.0.0"}}
	for name, version := range packages {
		entries["node_modules/"+name] = entry{Version: version}
	}
	for name, content := range map[string]any{
		"package.json":      map[string]any{"name": "function", "version": "1.0.0", "private": true},
		"package-lock.json": map[string]any{"name": "function", "version": "1.0.0", "lockfileVersion": 3, "requires": true, "packages": entries},
	} {
		data, err := json.Marshal(content)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o644)
		}
		if err != nil {
			return reply, err
		}
	}
	cmd := exec.CommandContext(ctx, b.npmPath, "audit", "--json", "--package-lock-only", "--loglevel=error", "--fetch-retries=0", "--update-notifier=false")
	cmd.Dir = dir
	cmd.WaitDelay = time.Second
	cmd.Env = withoutOwn(os.Environ())
	var out bytes.Buffer
	cmd.Stdout = &out
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil // that is how npm tells of vulnerabilities, too
	}
	if err != nil {
		return reply, err
	}
	return reply, json.Unmarshal(out.Bytes(), &reply)
}

// withoutOwn drops the platform's own settings, which may be secrets and are none of npm's business.
func withoutOwn(environment []string) []string {
	return slices.DeleteFunc(environment, func(v string) bool { return strings.HasPrefix(v, "YUNDUO_") })
}
