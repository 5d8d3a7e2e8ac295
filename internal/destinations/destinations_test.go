package destinations

import (
	"net/netip"
	"strings"
	"testing"
)

func TestParse_Refuses(t *testing.T) {
	for _, text := range []string{"", " ", "a b", "http://example.com", "example.com/path", "example.com:", "example.com:0", "example.com:65536", "example.com:http", "*.", "*.*", "a.*.b", "..", "a..b",
		"[::1", "[::1]x", "10.0.0.0/33", "1.2.3.4.5", "2130706433", "0x7f.1", strings.Repeat("a", 64) + ".com", strings.Repeat("a.", 130) + "com", "例子.com"} {
		if _, err := Parse([]string{text}); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	if _, err := Parse(make([]string, MaxEntries+1)); err == nil {
		t.Error("a long list was taken")
	}
}

func TestAllows(t *testing.T) {
	list, err := Parse([]string{"api.example.com", "*.qq.com:443", "203.0.113.0/24:3306", "[2001:db8::/32]:5432", "198.51.100.7", "::ffff:192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, address string
		want          bool
	}{
		{"api.example.com", "8.8.8.8:80", true},
		{"API.Example.Com.", "8.8.8.8:443", true},
		{"x.api.example.com", "8.8.8.8:80", false},
		{"example.com", "8.8.8.8:80", false},
		{"evilapi.example.com", "8.8.8.8:80", false},
		{"api.weixin.qq.com", "8.8.8.8:443", true},
		{"api.weixin.qq.com", "8.8.8.8:80", false},
		{"qq.com", "8.8.8.8:443", false},
		{"notqq.com", "8.8.8.8:443", false},
		{"anything.net", "203.0.113.9:3306", true},
		{"", "203.0.113.9:3306", true},
		{"", "[::ffff:203.0.113.9]:3306", true},
		{"", "203.0.113.9:3307", false},
		{"", "[2001:db8::1]:5432", true},
		{"", "198.51.100.7:1", true},
		{"", "198.51.100.8:1", false},
		{"", "192.0.2.1:1", true},
	} {
		if got := list.Allows([]string{c.name}, netip.MustParseAddrPort(c.address)); got != c.want {
			t.Errorf("%s at %s: %v", c.name, c.address, got)
		}
	}
	if !List(nil).Allows(nil, netip.MustParseAddrPort("8.8.8.8:80")) || !List(nil).AllowsName("x") {
		t.Error("the empty list does not allow everything")
	}
	names, err := Parse([]string{"api.example.com"})
	if err != nil || names.AllowsName("other.example.com") || !names.AllowsName("api.example.com") || !list.AllowsName("other.example.com") {
		t.Error("names")
	}
	all, err := Parse([]string{"*:443"})
	if err != nil || !all.Allows(nil, netip.MustParseAddrPort("8.8.8.8:443")) || all.Allows(nil, netip.MustParseAddrPort("8.8.8.8:80")) {
		t.Error("all at one port")
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"api.example.com", "*.qq.com:443", "[2001:db8::/32]:5432", "10.0.0.0/8", "[", "*:1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if list, err := Parse([]string{text}); err == nil {
			list.Allows([]string{text}, netip.MustParseAddrPort("8.8.8.8:443"))
			list.AllowsName(text)
		}
	})
}
