package expr

import (
	"math"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

func stringOperators() map[string]operator {
	return map[string]operator{
		"$concat":       positional(0, -1, concat),
		"$indexOfBytes": positional(2, 4, indexOfBytes),
		"$indexOfCP":    positional(2, 4, indexOfCodePoints),
		"$split":        positional(2, 2, split),
		"$strLenBytes":  positional(1, 1, stringLength),
		"$strLenCP":     positional(1, 1, stringLength),
		"$strcasecmp":   positional(2, 2, compareFolded),
		"$substr":       positional(3, 3, substringBytes),
		"$substrBytes":  positional(3, 3, substringBytes),
		"$substrCP":     positional(3, 3, substringCodePoints),
		"$toLower":      positional(1, 1, changeCase),
		"$toUpper":      positional(1, 1, changeCase),
		"$trim":         named(trim, "input", "chars?"),
		"$ltrim":        named(trim, "input", "chars?"),
		"$rtrim":        named(trim, "input", "chars?"),
		"$replaceOne":   named(replace, "input", "find", "replacement"),
		"$replaceAll":   named(replace, "input", "find", "replacement"),
	}
}

func concat(op string, a []bson.RawValue) (bson.RawValue, error) {
	var b strings.Builder
	for _, v := range a {
		if value.Nullish(v) {
			return value.Null, nil
		}
		if v.Type != bson.TypeString {
			return v, failed(op, "every argument must be a string, not %s", typeName(v))
		}
		if b.Len()+len(v.Value) > maxResult {
			return v, tooLarge(op)
		}
		b.WriteString(text(v))
	}
	return value.String(b.String()), nil
}

func indexOfBytes(op string, a []bson.RawValue) (bson.RawValue, error) {
	return indexOf(op, a, func(s string) []int { return nil })
}

// indexOfCodePoints works like indexOfBytes, with positions counted in code points.
func indexOfCodePoints(op string, a []bson.RawValue) (bson.RawValue, error) {
	return indexOf(op, a, func(s string) []int {
		offsets := make([]int, 0, len(s)+1)
		for i := range s {
			offsets = append(offsets, i)
		}
		return append(offsets, len(s))
	})
}

// indexOf searches a text. offsets gives where each position begins in bytes; nil means that positions are bytes.
func indexOf(op string, a []bson.RawValue, offsets func(s string) []int) (bson.RawValue, error) {
	if nullish(a[0]) {
		return value.Null, nil
	}
	for _, v := range a[:2] {
		if v.Type != bson.TypeString {
			return v, failed(op, "the first two arguments must be strings, not %s", typeName(v))
		}
	}
	s, sought := text(a[0]), text(a[1])
	at, length := offsets(s), len(s)
	if at != nil {
		length = len(at) - 1
	}
	start, end, err := bounds(op, a, length)
	if err != nil {
		return a[0], err
	}
	if start > end || start > length {
		return value.Int32(-1), nil
	}
	if at == nil {
		return value.Int32(int32(found(s[start:end], sought, start))), nil
	}
	i := found(s[at[start]:at[end]], sought, at[start])
	if i >= 0 {
		i = utf8.RuneCountInString(s[:i])
	}
	return value.Int32(int32(i)), nil
}

func found(s, sought string, base int) int {
	if i := strings.Index(s, sought); i >= 0 {
		return base + i
	}
	return -1
}

func split(op string, a []bson.RawValue) (bson.RawValue, error) {
	if nullish(a...) {
		return value.Null, nil
	}
	for _, v := range a {
		if v.Type != bson.TypeString {
			return v, failed(op, "both arguments must be strings, not %s", typeName(v))
		}
	}
	if text(a[1]) == "" {
		return a[1], failedAs(40087, op, "the separator must not be empty")
	}
	b := newArray(op)
	for part := range strings.SplitSeq(text(a[0]), text(a[1])) {
		if err := b.push(value.String(part)); err != nil {
			return a[0], err
		}
	}
	return b.done(), nil
}

func stringLength(op string, a []bson.RawValue) (bson.RawValue, error) {
	if a[0].Type != bson.TypeString {
		return a[0], failed(op, "the argument must be a string, not %s", typeName(a[0]))
	}
	if op == "$strLenCP" {
		return value.Int32(int32(utf8.RuneCountInString(text(a[0])))), nil
	}
	return value.Int32(int32(len(text(a[0])))), nil
}

// coerce makes a text of what the older string operators accept: nullish is empty, numbers and dates are written out.
func coerce(op string, v bson.RawValue) (string, error) {
	if value.Nullish(v) {
		return "", nil
	}
	switch v.Type {
	case bson.TypeString, bson.TypeSymbol, bson.TypeJavaScript, bson.TypeInt32, bson.TypeInt64, bson.TypeDouble,
		bson.TypeDecimal128, bson.TypeDateTime, bson.TypeTimestamp:
		if s, ok := toText(v); ok {
			return s, nil
		}
	}
	return "", failed(op, "%s cannot be taken as a string", typeName(v))
}

func compareFolded(op string, a []bson.RawValue) (bson.RawValue, error) {
	x, err := coerce(op, a[0])
	if err != nil {
		return a[0], err
	}
	y, err := coerce(op, a[1])
	if err != nil {
		return a[1], err
	}
	return value.Int32(int32(strings.Compare(mapASCII(x, upper), mapASCII(y, upper)))), nil
}

// changeCase changes ASCII letters only, as MongoDB does.
func changeCase(op string, a []bson.RawValue) (bson.RawValue, error) {
	s, err := coerce(op, a[0])
	if err != nil {
		return a[0], err
	}
	if op == "$toLower" {
		return value.String(mapASCII(s, lower)), nil
	}
	return value.String(mapASCII(s, upper)), nil
}

func mapASCII(s string, change func(byte) byte) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = change(c)
	}
	return string(b)
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

func substringBytes(op string, a []bson.RawValue) (bson.RawValue, error) {
	s, err := coerce(op, a[0])
	if err != nil {
		return a[0], err
	}
	start, ok := value.Float64(a[1])
	if !ok || !(start >= 0) { // NaN is none either
		return a[1], failed(op, "the start must be a number that is not negative, not %s", describe(a[1]))
	}
	length, ok := value.Float64(a[2])
	if !ok || math.IsNaN(length) {
		return a[2], failed(op, "the length must be a number, not %s", describe(a[2]))
	}
	if start >= float64(len(s)) {
		return value.String(""), nil
	}
	from, to := int(start), len(s)
	if length >= 0 && length < float64(to-from) {
		to = from + int(length)
	}
	if !utf8.RuneStart(s[from]) || to < len(s) && !utf8.RuneStart(s[to]) {
		return a[0], failed(op, "the range starts or ends inside a character; $substrCP counts whole characters")
	}
	return value.String(s[from:to]), nil
}

func substringCodePoints(op string, a []bson.RawValue) (bson.RawValue, error) {
	s, err := coerce(op, a[0])
	if err != nil {
		return a[0], err
	}
	var numbers [2]int
	for i, v := range a[1:] {
		n, ok := integer(v)
		if !ok || n < 0 {
			return v, failed(op, "start and length must be whole numbers that are not negative, not %s", describe(v))
		}
		numbers[i] = n
	}
	s = s[skipCodePoints(s, numbers[0]):]
	return value.String(s[:skipCodePoints(s, numbers[1])]), nil
}

// skipCodePoints returns where the code point of index n begins, at most the length of s.
func skipCodePoints(s string, n int) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

// whitespace is what $trim removes unless told otherwise.
const whitespace = "\x00 \t\n\v\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"

func trim(op string, a []bson.RawValue) (bson.RawValue, error) {
	if nullish(a...) {
		return value.Null, nil
	}
	if a[0].Type != bson.TypeString {
		return a[0], failed(op, "input must be a string, not %s", typeName(a[0]))
	}
	chars := whitespace
	if !isAbsent(a[1]) {
		if a[1].Type != bson.TypeString {
			return a[1], failed(op, "chars must be a string, not %s", typeName(a[1]))
		}
		chars = text(a[1])
	}
	s := text(a[0])
	if op != "$rtrim" {
		s = strings.TrimLeft(s, chars)
	}
	if op != "$ltrim" {
		s = strings.TrimRight(s, chars)
	}
	return value.String(s), nil
}

func replace(op string, a []bson.RawValue) (bson.RawValue, error) {
	for i, v := range a {
		if !value.Nullish(v) && v.Type != bson.TypeString {
			return v, failed(op, "%s must be a string, not %s", [...]string{"input", "find", "replacement"}[i], typeName(v))
		}
	}
	if nullish(a...) {
		return value.Null, nil
	}
	s, sought, by := text(a[0]), text(a[1]), text(a[2])
	n := 1
	if op == "$replaceAll" {
		n = strings.Count(s, sought)
	}
	if len(s)+n*(len(by)-len(sought)) > maxResult {
		return a[0], tooLarge(op)
	}
	return value.String(strings.Replace(s, sought, by, n)), nil
}
