package pattern_test

import (
	"testing"

	"yunduo/data/query/internal/pattern"
)

func TestCompile(t *testing.T) {
	for _, c := range []struct {
		pattern, options, text string
		want                   bool
	}{
		{"^a.c$", "", "abc", true}, {"^a.c$", "", "a\nc", false}, {"^a.c$", "s", "a\nc", true}, {"ABC", "i", "xabcx", true}, {"ABC", "", "xabcx", false},
		{"^b", "", "a\nb", false}, {"^b", "m", "a\nb", true}, {"a$", "", "a\n", true}, {"a$", "", "a\n\n", false}, {"a$", "", "a\nb", false}, {"a$", "m", "a\nb", true}, {`a\Z`, "", "a\n", true},
		{`a\$`, "", "a$", true}, {"[$]", "", "$", true}, {"[]$]", "", "$", true}, {"[^]$]", "", "$", false}, {`[\]$]x`, "", "$x", true},
		{"a b # no\n c", "x", "abc", true}, {"[ ]b", "x", " b", true}, {`a\ b`, "x", "a b", true}, {"a b", "", "ab", false},
		{`^[\u4e00-\u9fa5]+$`, "", "中文", true}, {`^[\u4e00-\u9fa5]+$`, "", "abc", false}, {"a/b", "gu", "a/b", true}, {`a\/b`, "", "a/b", true}, {`\云`, "", "云", true},
	} {
		re, err := pattern.Compile(c.pattern, c.options)
		if err != nil {
			t.Errorf("%q: %v", c.pattern, err)
			continue
		}
		if got := re.MatchString(c.text); got != c.want {
			t.Errorf("/%s/%s on %q: %v", c.pattern, c.options, c.text, got)
		}
	}
	for _, c := range [][2]string{{"(?=a)", ""}, {`(a)\1`, ""}, {"(", ""}, {"a", "q"}, {"\xff", ""}, {`\`, ""}, {"[", ""}} {
		if re, err := pattern.Compile(c[0], c[1]); err == nil {
			t.Errorf("/%s/%s was accepted as %v", c[0], c[1], re)
		}
	}
}

func TestPrefix(t *testing.T) {
	for _, c := range []struct{ pattern, options, want string }{
		{"^abc", "", "abc"}, {"^abc*", "", "ab"}, {"^abc.*d", "", "abc"}, {"^abc$", "", "abc"}, {"abc", "", ""}, {"^abc", "i", ""}, {"^abc", "m", ""}, {"^a|b", "", ""}, {"^(a|b)", "", ""}, {`^a\.b`, "s", "a.b"},
		{"^ab?", "", "a"}, {"^云朵", "", "云朵"}, {"^", "", ""}, {"^.*", "", ""}, {"^(?i)a", "", ""},
	} {
		re, err := pattern.Compile(c.pattern, c.options)
		if err != nil {
			t.Fatal(err)
		}
		if got := pattern.Prefix(re); got != c.want {
			t.Errorf("/%s/%s: prefix %q, want %q", c.pattern, c.options, got, c.want)
		}
	}
}

func FuzzCompile(f *testing.F) {
	f.Add("^a[]$]b$ # x", "imsx", "text")
	f.Add(`\u4e00\Z[^]`, "", "")
	f.Fuzz(func(_ *testing.T, p, options, text string) {
		if re, err := pattern.Compile(p, options); err == nil {
			re.MatchString(text)
			pattern.Prefix(re)
		}
	})
}
