package node

import (
	"slices"
	"testing"
)

func TestSourceMap(t *testing.T) {
	m := parseSourceMap([]byte(`{"version":3,"sources":["a.ts","b.ts"],"names":["x"],"mappings":"AAAA,IACE,GADFA;;CCGC"}`))
	for _, c := range []struct {
		line, column int
		source       string
		row, col     int
		ok           bool
	}{
		{1, 1, "a.ts", 1, 1, true},
		{1, 4, "a.ts", 1, 1, true},
		{1, 5, "a.ts", 2, 3, true},
		{1, 99, "a.ts", 1, 1, true},
		{2, 1, "", 0, 0, false},
		{3, 1, "", 0, 0, false},
		{3, 2, "b.ts", 4, 2, true},
		{4, 1, "", 0, 0, false},
	} {
		if source, row, col, ok := m.find(c.line, c.column); source != c.source || row != c.row || col != c.col || ok != c.ok {
			t.Errorf("%d:%d is %s:%d:%d %v, want %+v", c.line, c.column, source, row, col, ok, c)
		}
	}
	for _, text := range []string{"", "{", `{"mappings":"!!"}`, `{"sources":["a"],"mappings":"AzzzzzzzzzA"}`, `{"sources":[],"mappings":"AAAA"}`} {
		if source, _, _, ok := parseSourceMap([]byte(text)).find(1, 1); ok {
			t.Errorf("%s gave %s", text, source)
		}
	}
}

func FuzzSourceMap(f *testing.F) {
	f.Add([]byte(`{"version":3,"sources":["a.ts"],"mappings":"AAAA,IACE;;CCGC"}`), 1, 5)
	f.Fuzz(func(t *testing.T, text []byte, line, column int) {
		m := parseSourceMap(text)
		if source, _, _, ok := m.find(line, column); ok && !slices.Contains(m.Sources, source) {
			t.Errorf("a source from nowhere: %q", source)
		}
	})
}
