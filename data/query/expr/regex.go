package expr

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/internal/pattern"
	"yunduo/data/query/language"
	"yunduo/data/query/value"
)

func regexOperators() map[string]operator {
	return map[string]operator{
		"$regexMatch":   compileRegex,
		"$regexFind":    compileRegex,
		"$regexFindAll": compileRegex,
	}
}

// compileRegex compiles {$op: {input, regex, options}}. A constant pattern is compiled once.
func compileRegex(c *compiler, op string, arg bson.RawValue) (node, error) {
	items, err := c.parameters(op, arg, "input", "regex", "options?")
	if err != nil {
		return node{}, err
	}
	var fixed *pattern.Bounded
	if items[1].constant && items[2].constant {
		expression, err := items[1].eval(&frame{})
		if err != nil {
			return node{}, err
		}
		options, err := items[2].eval(&frame{})
		if err != nil {
			return node{}, err
		}
		if !nullish(expression) {
			re, err := pattern2regexp(op, expression, options)
			if err != nil {
				return node{}, invalid("%s: the regular expression cannot be used here: %v", op, err)
			}
			fixed = pattern.Bound(re)
		}
	}
	return call(op, items, func(op string, a []bson.RawValue) (bson.RawValue, error) {
		if nullish(a[:2]...) {
			return noMatch(op), nil
		}
		if a[0].Type != bson.TypeString {
			return a[0], failed(op, "input must be a string, not %s", typeName(a[0]))
		}
		re := fixed
		if re == nil {
			made, err := pattern2regexp(op, a[1], a[2])
			if err != nil {
				return a[1], err
			}
			re = pattern.Bound(made)
		}
		return match(op, re, text(a[0]))
	}), nil
}

func noMatch(op string) bson.RawValue {
	switch op {
	case "$regexMatch":
		return value.Bool(false)
	case "$regexFindAll":
		return value.ArrayOf()
	}
	return value.Null
}

func tooExpensive(op, sentence string) error {
	return language.Errorf(language.MemoryLimitExceeded, yunduo.ReasonQueryTooExpensive, "%s: %s", op, sentence)
}

func match(op string, re *pattern.Bounded, s string) (v bson.RawValue, err error) {
	defer pattern.Recover(&err, func(sentence string) error { return tooExpensive(op, sentence) })
	switch op {
	case "$regexMatch":
		return value.Bool(re.Match([]byte(s))), nil
	case "$regexFind":
		at := re.Find(s)
		if at == nil {
			return value.Null, nil
		}
		return matched(s, at, utf8.RuneCountInString(s[:at[0]])), nil
	}
	b := newArray(op)
	runes, bytes := 0, 0
	for _, at := range re.FindAll(s) {
		runes += utf8.RuneCountInString(s[bytes:at[0]])
		bytes = at[0]
		if err := b.push(matched(s, at, runes)); err != nil {
			return bson.RawValue{}, err
		}
	}
	return b.done(), nil
}

// matched is {match, idx, captures} of one match; idx counts code points.
func matched(s string, at []int, index int) bson.RawValue {
	captures := make([]bson.RawValue, 0, len(at)/2)
	for i := 2; i < len(at); i += 2 {
		capture := value.Null
		if at[i] >= 0 {
			capture = value.String(s[at[i]:at[i+1]])
		}
		captures = append(captures, capture)
	}
	b := value.Append(value.BeginDocument(nil), "match", value.String(s[at[0]:at[1]]))
	b = value.Append(b, "idx", value.Int32(int32(index)))
	b = value.Append(b, "captures", value.ArrayOf(captures...))
	return value.Document(value.EndDocument(b, 0))
}

// pattern2regexp compiles a string or regex value with options.
func pattern2regexp(op string, source, options bson.RawValue) (*regexp.Regexp, error) {
	var expression, flags string
	switch source.Type {
	case bson.TypeString:
		expression = text(source)
	case bson.TypeRegex:
		expression, flags = source.Regex()
	default:
		return nil, failed(op, "regex must be a string or regular expression, not %s", typeName(source))
	}
	if !isAbsent(options) && !value.Nullish(options) {
		if options.Type != bson.TypeString {
			return nil, failed(op, "options must be a string, not %s", typeName(options))
		}
		if flags != "" && text(options) != "" {
			return nil, failed(op, "options are given twice, in regex and in options")
		}
		flags += text(options)
	}
	if i := strings.IndexFunc(flags, func(o rune) bool { return !strings.ContainsRune("imsxu", o) }); i >= 0 {
		return nil, failed(op, "there is no regular expression option %q", flags[i:i+1])
	}
	made := pattern.CompileFinder
	if op == "$regexMatch" {
		made = pattern.Compile
	}
	re, err := made(expression, flags)
	if err != nil {
		return nil, failed(op, "the regular expression is not valid or not supported: %s", err.Error())
	}
	return re, nil
}
