package cloudbase

import (
	"bytes"
	"strconv"
	"time"
)

// plainJSON rewrites documents in relaxed Extended JSON to what clients of dialect B read, who know dates as
// {"$date":milliseconds} and numbers as numbers only.
//
// The text is JSON, in which {" cannot occur inside a string: the quote would end it.
func plainJSON(text []byte) []byte {
	if !bytes.Contains(text, []byte(`{"$`)) {
		return text
	}
	return appendPlain(make([]byte, 0, len(text)), text)
}

// appendPlain is plainJSON at the end of other text.
func appendPlain(out, text []byte) []byte {
	for {
		i := bytes.Index(text, []byte(`{"$`))
		if i < 0 {
			return append(out, text...)
		}
		out = append(out, text[:i]...)
		text = text[i:]
		value, rest, ok := plainValue(text)
		if !ok {
			value, rest = text[:len(`{"$`)], text[len(`{"$`):]
		}
		out, text = append(out, value...), rest
	}
}

// plainValue translates the wrapped value that text begins with.
func plainValue(text []byte) (value, rest []byte, ok bool) {
	if inner, rest, ok := wrapped(text, `{"$numberLong":"`, `"}`); ok {
		return inner, rest, isNumber(inner)
	}
	if inner, rest, ok := wrapped(text, `{"$date":{"$numberLong":"`, `"}}`); ok {
		return append(append([]byte(`{"$date":`), inner...), '}'), rest, isNumber(inner)
	}
	if inner, rest, ok := wrapped(text, `{"$date":"`, `"}`); ok {
		at, err := time.Parse(time.RFC3339Nano, string(inner))
		if at.UnixMilli() == 0 { // a zero is no date to these clients, who ask whether there is one at all
			return text[:len(text)-len(rest)], rest, err == nil
		}
		return append(strconv.AppendInt([]byte(`{"$date":`), at.UnixMilli(), 10), '}'), rest, err == nil
	}
	return nil, nil, false
}

func wrapped(text []byte, before, after string) (inner, rest []byte, ok bool) {
	rest, ok = bytes.CutPrefix(text, []byte(before))
	if !ok {
		return nil, nil, false
	}
	inner, rest, ok = bytes.Cut(rest, []byte(after))
	return inner, rest, ok && !bytes.ContainsAny(inner, `"\`)
}

func isNumber(text []byte) bool {
	n, err := strconv.ParseInt(string(text), 10, 64)
	return err == nil && strconv.FormatInt(n, 10) == string(text)
}
