package cloudbase

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"yunduo"
)

// What the endpoints read and write on every call, without reflection.

// membersOf returns the top-level members of a body, which must be a JSON object. Of two with the same name the last one
// counts, for whoever asks.
func membersOf(body []byte) (params, error) {
	body = bytes.TrimSpace(body)
	if !json.Valid(body) || body[0] != '{' {
		var object map[string]json.RawMessage
		err := json.Unmarshal(body, &object) // says what is wrong
		if err == nil {                      // null
			return params{}, nil
		}
		return nil, yunduo.Wrap(err, yunduo.ReasonMalformedJSON, "the request body must be a JSON object: %s", err.Error())
	}
	p := make(params, 12)
	for at := afterSpace(body, 1); body[at] != '}'; {
		end := afterValue(body, at)
		name := unquote(body[at:end])
		at = afterSpace(body, afterSpace(body, end)+1) // behind the colon
		end = afterValue(body, at)
		p[name] = json.RawMessage(body[at:end])
		if at = afterSpace(body, end); body[at] == ',' {
			at = afterSpace(body, at+1)
		}
	}
	return p, nil
}

// afterSpace returns where the next token of valid JSON begins.
func afterSpace(text []byte, at int) int {
	for text[at] == ' ' || text[at] == '\n' || text[at] == '\t' || text[at] == '\r' {
		at++
	}
	return at
}

// afterValue returns where the value ends that begins at a place in valid JSON.
func afterValue(text []byte, at int) int {
	switch text[at] {
	case '"':
		return afterString(text, at)
	case '{', '[':
		depth := 0
		for {
			switch text[at] {
			case '"':
				at = afterString(text, at)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return at + 1
				}
			}
			at++
		}
	}
	for at < len(text) && !bytes.ContainsRune([]byte(",}] \n\t\r"), rune(text[at])) {
		at++
	}
	return at
}

func afterString(text []byte, at int) int {
	for at++; ; {
		end := at + bytes.IndexByte(text[at:], '"')
		slashes := 0
		for end-slashes > at && text[end-slashes-1] == '\\' {
			slashes++
		}
		at = end + 1
		if slashes%2 == 0 {
			return at
		}
	}
}

// unquote returns the text that a JSON string means, empty if it is none.
func unquote(quoted []byte) string {
	if len(quoted) < 2 || quoted[0] != '"' {
		return ""
	}
	inner := quoted[1 : len(quoted)-1]
	escaped := bytes.IndexByte(inner, '\\')
	if escaped < 0 && utf8.Valid(inner) {
		return string(inner)
	}
	if escaped >= 0 && utf8.Valid(inner) {
		if plain, ok := unescape(inner, escaped); ok {
			return plain
		}
	}
	var s string
	_ = json.Unmarshal(quoted, &s)
	return s
}

// unescape handles the escapes that texts of JSON inside JSON are full of; false for others.
func unescape(inner []byte, first int) (string, bool) {
	out := make([]byte, first, len(inner))
	copy(out, inner)
	for i := first; i < len(inner); i++ {
		c := inner[i]
		if c == '\\' {
			i++
			switch c = inner[i]; c {
			case '"', '\\', '/':
			case 'n':
				c = '\n'
			default:
				return "", false
			}
		}
		out = append(out, c)
	}
	return string(out), true
}

const hexDigits = "0123456789abcdef"

// appendQuoted appends the JSON string that means text. Text is valid UTF-8 or what is not is replaced.
func appendQuoted(dst, text []byte) []byte {
	if !utf8.Valid(text) {
		text = bytes.ToValidUTF8(text, []byte("\ufffd"))
	}
	dst = append(dst, '"')
	clean := 0
	for i, c := range text {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, text[clean:i]...)
		clean = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(append(dst, text[clean:]...), '"')
}

// appendCompact is appendQuoted for compact JSON, in which nothing but quotes and backslashes needs an escape.
func appendCompact(dst, text []byte) []byte {
	dst = append(dst, '"')
	for {
		quote := bytes.IndexByte(text, '"')
		plain := text
		if quote >= 0 {
			plain = text[:quote]
		}
		for {
			slash := bytes.IndexByte(plain, '\\')
			if slash < 0 {
				break
			}
			dst = append(append(dst, plain[:slash]...), '\\', '\\')
			plain = plain[slash+1:]
		}
		dst = append(dst, plain...)
		if quote < 0 {
			return append(dst, '"')
		}
		dst = append(dst, '\\', '"')
		text = text[quote+1:]
	}
}

// appendListed appends a JSON array of documents, as operations give it, as the list of strings of them that the SDKs
// expect.
func appendListed(list, documents []byte) []byte {
	list = append(list, '[')
	for at := 1; documents[at] != ']'; {
		end := afterValue(documents, at)
		if at > 1 {
			list = append(list, ',')
		}
		list = appendCompact(list, documents[at:end])
		if at = end; documents[at] == ',' {
			at++
		}
	}
	return append(list, ']')
}

// list is data of a reply that holds documents, in the form of a dialect.
type list struct {
	documents []byte
	form      func(dst, documents []byte) []byte
}

func (l list) append(dst []byte) []byte {
	return append(l.form(append(dst, `{"list":`...), l.documents), '}')
}

// appendAsText appends the list of strings as a text of its own.
func appendAsText(dst, documents []byte) []byte {
	return appendQuoted(dst, appendListed(nil, documents))
}

// verbatim is data of a reply that is JSON text already.
type verbatim []byte

// text is the JSON text of a reply.
func (r *reply) text() ([]byte, error) {
	out := make([]byte, 0, r.size())
	out = appendQuoted(append(out, `{"requestId":`...), []byte(r.RequestID))
	switch data := r.Data.(type) {
	case nil:
	case verbatim:
		out = append(append(out, `,"data":`...), data...)
	case list:
		out = data.append(append(out, `,"data":`...))
	default:
		text, err := json.Marshal(data)
		if err != nil {
			return nil, err
		}
		out = append(append(out, `,"data":`...), text...)
	}
	for _, member := range []struct{ name, value string }{{"transactionId", r.TransactionID}, {"code", r.Code}, {"message", r.Message}} {
		if member.value != "" {
			out = append(strconv.AppendQuote(append(out, ','), member.name), ':')
			out = appendQuoted(out, []byte(member.value))
		}
	}
	if len(r.Top) > 0 {
		more, err := json.Marshal(r.Top)
		if err != nil {
			return nil, err
		}
		out = append(append(out, ','), more[1:len(more)-1]...)
	}
	return append(out, '}'), nil
}

// size is about how long the text of a reply is.
func (r *reply) size() int {
	switch data := r.Data.(type) {
	case verbatim:
		return len(data) + 256
	case list:
		return len(data.documents)*9/8 + 256
	}
	return 512
}

// MarshalJSON implements json.Marshaler.
func (r *reply) MarshalJSON() ([]byte, error) { return r.text() }

// fields reads members by name and remembers the first of a wrong type.
type fields struct {
	params params
	err    error
}

func (f *fields) wrong(name, want string) {
	if f.err == nil {
		f.err = yunduo.Errorf(yunduo.ReasonInvalidRequest, "field %q must be %s", name, want)
	}
}

func (f *fields) member(name string) json.RawMessage {
	value := f.params[name]
	if string(value) == "null" {
		return nil
	}
	return value
}

func (f *fields) text(name string) string {
	value := f.member(name)
	if len(value) > 0 && value[0] != '"' {
		f.wrong(name, "a text")
	}
	return unquote(value)
}

func (f *fields) number(name string) int64 {
	value := f.member(name)
	if len(value) == 0 {
		return 0
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		f.wrong(name, "a whole number")
	}
	return n
}

func (f *fields) flag(name string) bool {
	value := f.member(name)
	if len(value) > 0 && string(value) != "true" && string(value) != "false" {
		f.wrong(name, "true or false")
	}
	return string(value) == "true"
}
