package rules

import (
	"strings"
)

// Functions are the rules that say which end user may call which function. They are immutable and safe for concurrent
// use.
type Functions struct {
	text   string
	invoke map[string]node
}

// anyFunction names the rule of functions that have none of their own.
const anyFunction = "*"

// DefaultFunctions lets everybody call who is signed in, anonymously or not.
const DefaultFunctions = `{"*":{"invoke":"auth != null"}}`

// ParseFunctions reads the rules of functions, by name: true, false or an expression on auth, such as
//
//	{"*": {"invoke": "auth != null"}, "refund": {"invoke": "auth.loginType != 'ANONYMOUS'"}, "internal": {"invoke": false}}
//
// A function without a rule of its own goes by "*"; without that either nobody may call it. It returns invalid_rules.
func ParseFunctions(text string) (*Functions, error) {
	text = strings.TrimSpace(text)
	var d map[string]*struct {
		Invoke any `json:"invoke"`
	}
	if err := decodeStrictly(text, &d); err != nil {
		return nil, err
	}
	f := &Functions{text: text, invoke: make(map[string]node, len(d))}
	for name, rule := range d {
		if rule == nil {
			return nil, invalid("%s: an object with invoke is missing", name)
		}
		parsed, err := parseRule(rule.Invoke, "")
		if err != nil {
			return nil, invalid("%s.invoke: %s", name, err)
		}
		f.invoke[name] = parsed
	}
	return f, nil
}

// String returns the rules as they were given.
func (f *Functions) String() string { return f.text }

// MayInvoke reports whether the caller may call a function. It fails only when a look-up does.
func (f *Functions) MayInvoke(name string, a Auth) (bool, error) {
	rule, ok := f.invoke[name]
	if !ok {
		if rule, ok = f.invoke[anyFunction]; !ok {
			return false, nil
		}
	}
	c, err := compile(rule, a)
	return c.constant, err
}
