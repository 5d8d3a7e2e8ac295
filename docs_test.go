package yunduo_test

import (
	"encoding/json"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	link       = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	codeBlock  = regexp.MustCompile("(?ms)^[ \t]*```.*?^[ \t]*```")
	heading    = regexp.MustCompile(`(?m)^#+ +(.+?)\s*$`)
	notInSlug  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	definition = regexp.MustCompile(`[fF]lags(?:\(\))?\.(?:String|Bool|Int|Duration|StringSlice)(Var)?(P)?\((.*)$`)
	quoted     = regexp.MustCompile(`"([^"]*)"`)
)

// Links of the documentation lead to files that exist, and to headings in them.
func TestDocumentationLinks(t *testing.T) {
	pages := 0
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && (d.Name() == "node_modules" || d.Name()[0] == '.') {
			return fs.SkipDir
		}
		if filepath.Ext(name) != ".md" {
			return nil
		}
		pages++
		for _, m := range link.FindAllStringSubmatch(text(t, name), -1) {
			u, err := url.Parse(m[1])
			require.NoError(t, err, "%s: %s", name, m[1])
			if u.Scheme != "" {
				continue
			}
			target := name
			if u.Path != "" {
				target = filepath.Join(filepath.Dir(name), filepath.FromSlash(u.Path))
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s, which does not exist", name, m[1])
				continue
			}
			if u.Fragment != "" && !slices.Contains(slugs(text(t, target)), u.Fragment) {
				t.Errorf("%s links to %s, which has no such heading", name, m[1])
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, pages, 10)
}

// text returns a page without its code blocks.
func text(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	return codeBlock.ReplaceAllString(string(content), "")
}

// slugs returns the anchors of a page's headings, made as GitHub makes them.
func slugs(page string) (all []string) {
	for _, m := range heading.FindAllStringSubmatch(page, -1) {
		plain := notInSlug.ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(plain, " ", "-"))
	}
	return all
}

// Every reason that a caller may meet is explained.
func TestDocumentationReasons(t *testing.T) {
	content, err := os.ReadFile("wire/errors.json")
	require.NoError(t, err)
	var reasons []struct{ Reason, Meaning string }
	require.NoError(t, json.Unmarshal(content, &reasons))
	require.NotEmpty(t, reasons)
	page := text(t, "docs/api.md")
	for _, r := range reasons {
		row := regexp.MustCompile("(?m)^\\| `" + regexp.QuoteMeta(r.Reason) + "` \\|.*" + regexp.QuoteMeta(r.Meaning) + ` \|$`)
		if !row.MatchString(page) {
			t.Errorf("docs/api.md does not list %s with its meaning", r.Reason)
		}
	}
}

// Every flag of the command line is explained.
func TestDocumentationFlags(t *testing.T) {
	files, err := filepath.Glob("cmd/yunduo/*.go")
	require.NoError(t, err)
	page := text(t, "docs/cli.md")
	found := 0
	for _, name := range files {
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		for line := range strings.SplitSeq(string(content), "\n") {
			m := definition.FindStringSubmatch(strings.TrimSpace(line))
			if m == nil || strings.HasSuffix(name, "_test.go") {
				continue
			}
			q := quoted.FindStringSubmatch(m[3]) // the first text of a definition is the flag's name
			require.NotNil(t, q, "%s: %s", name, line)
			found++
			if !strings.Contains(page, "`--"+q[1]) {
				t.Errorf("docs/cli.md does not explain --%s of %s", q[1], name)
			}
		}
	}
	require.Greater(t, found, 20)
}

// The conformance page lists what the page of the language lists, with the same status: an operator that is new in the
// table needs cases, and "make conformance-page" to count them.
func TestConformancePage_IsOfThisLanguage(t *testing.T) {
	declared, shown := tableRows(t, "docs/language.md"), tableRows(t, "docs/conformance.md")
	for row := range declared {
		if !shown[row] {
			t.Errorf("docs/conformance.md lacks %s: add cases and run make conformance-page", row)
		}
	}
	for row := range shown {
		if !declared[row] {
			t.Errorf("docs/conformance.md has %s, which the language does not: run make conformance-page", row)
		}
	}
	require.Greater(t, len(shown), 250)
}

var tableRow = regexp.MustCompile("(?m)^## (.+)$|^\\| `([^`]+)` \\| (supported|partial|refused) \\|")

// tableRows returns the names of a page about the language with section and status.
func tableRows(t *testing.T, page string) map[string]bool {
	content, err := os.ReadFile(page)
	require.NoError(t, err)
	rows, section := map[string]bool{}, ""
	for _, m := range tableRow.FindAllStringSubmatch(string(content), -1) {
		if m[1] != "" {
			section = m[1]
			continue
		}
		rows[section+" "+m[2]+" "+m[3]] = true
	}
	return rows
}
