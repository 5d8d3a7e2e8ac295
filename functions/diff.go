package functions

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pmezard/go-difflib/difflib"

	"yunduo"
	"yunduo/functions/bundle"
)

// Bounds on what is compared line by line; larger files are only told to differ.
const (
	maxDiffBytes = 256 << 10
	maxDiffLines = 8000
	diffContext  = 3 // lines around a change
)

// Difference is how one version of a function differs from another.
type Difference struct {
	From, To int64
	Files    []FileDifference
	Settings []SettingDifference
}

// FileDifference is a file that is not the same in two versions.
type FileDifference struct {
	Path   string
	Change string // added, removed or changed
	// Patch are the changed lines in the unified format; empty for files that are not text or too large.
	Patch          string
	Added, Removed int // lines
}

// SettingDifference is a setting that is not the same in two versions, as JSON texts; empty where it is not set.
type SettingDifference struct {
	Name     string
	From, To string
}

// Diff compares two versions of a function: what was changed from one to the other. 0 is the live version as to, and the
// one that was live before as from. Errors: permission_denied, function_not_found, version_not_found.
func (s *Service) Diff(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, name string, from, to int64) (Difference, error) {
	if err := manage(caller, app); err != nil {
		return Difference{}, err
	}
	record, err := s.function(ctx, app, name)
	if err != nil {
		return Difference{}, err
	}
	if to == 0 {
		to = record.Live
	}
	if from == 0 {
		if err := s.goBack(ctx, &record); err != nil {
			return Difference{}, err
		}
		from = record.Live
	}
	a, err := s.sourceOf(ctx, app, name, from)
	if err != nil {
		return Difference{}, err
	}
	b, err := s.sourceOf(ctx, app, name, to)
	if err != nil {
		return Difference{}, err
	}
	d := Difference{From: from, To: to, Files: diffFiles(a.files, b.files)}
	d.Settings, err = diffSettings(a.settings, b.settings)
	return d, err
}

type sourceOf struct {
	files    map[string][]byte
	settings Settings
}

func (s *Service) sourceOf(ctx context.Context, app yunduo.AppID, name string, number int64) (sourceOf, error) {
	v, err := s.version(ctx, app, name, number)
	if err != nil {
		return sourceOf{}, err
	}
	found := sourceOf{map[string][]byte{}, v.Settings}
	if v.Bundle == "" {
		return found, nil
	}
	b, err := s.store.get(ctx, app, name, v.Bundle)
	if err != nil {
		return sourceOf{}, err
	}
	for _, f := range b.Source() {
		found.files[f.Path] = content(f)
	}
	return found, nil
}

func content(f bundle.File) []byte {
	if f.Link != "" {
		return []byte(f.Link + "\n")
	}
	return f.Data
}

func diffFiles(a, b map[string][]byte) []FileDifference {
	paths := map[string]struct{}{}
	for path := range a {
		paths[path] = struct{}{}
	}
	for path := range b {
		paths[path] = struct{}{}
	}
	list := []FileDifference{}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		before, was := a[path]
		after, is := b[path]
		if was && is && bytes.Equal(before, after) {
			continue
		}
		d := FileDifference{Path: path, Change: "changed"}
		fromName, toName := "a/"+path, "b/"+path
		if !was {
			d.Change, fromName = "added", "/dev/null"
		} else if !is {
			d.Change, toName = "removed", "/dev/null"
		}
		d.diffLines(fromName, toName, before, after)
		list = append(list, d)
	}
	return list
}

// diffLines compares texts line by line.
func (d *FileDifference) diffLines(fromName, toName string, before, after []byte) {
	for _, text := range [][]byte{before, after} {
		if len(text) > maxDiffBytes || !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 || bytes.Count(text, []byte("\n")) > maxDiffLines {
			return
		}
	}
	var patch strings.Builder
	unified := difflib.UnifiedDiff{A: lines(before), B: lines(after), FromFile: fromName, ToFile: toName, Context: diffContext}
	if err := difflib.WriteUnifiedDiff(&patch, unified); err != nil {
		return // a builder takes everything
	}
	d.Patch = patch.String()
	for i, line := range strings.Split(d.Patch, "\n") {
		switch {
		case i < 2: // names
		case strings.HasPrefix(line, "+"):
			d.Added++
		case strings.HasPrefix(line, "-"):
			d.Removed++
		}
	}
}

// lines splits a text behind its line ends.
func lines(text []byte) []string {
	if len(text) == 0 {
		return nil
	}
	list := strings.SplitAfter(string(text), "\n")
	last := len(list) - 1
	if list[last] == "" {
		return list[:last]
	}
	list[last] += "\n\\ No newline at end of file\n"
	return list
}

// diffSettings compares settings by the names that their JSON form has; variables are compared one by one.
func diffSettings(a, b Settings) ([]SettingDifference, error) {
	before, err := settingTexts(a)
	if err != nil {
		return nil, err
	}
	after, err := settingTexts(b)
	if err != nil {
		return nil, err
	}
	names := maps.Clone(before)
	maps.Copy(names, after)
	list := []SettingDifference{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if before[name] != after[name] {
			list = append(list, SettingDifference{name, before[name], after[name]})
		}
	}
	return list, nil
}

func settingTexts(s Settings) (map[string]string, error) {
	variables := s.Env
	s.Env = nil
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for name, value := range members {
		texts[name] = string(value)
	}
	if s.Timeout != 0 {
		texts["timeout"] = s.Timeout.String()
	}
	for name, value := range variables {
		quoted, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		texts["env."+name] = string(quoted)
	}
	return texts, nil
}
