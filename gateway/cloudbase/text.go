package cloudbase

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// What the endpoints write on every call, without reflection.

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

// appendListed appends a JSON array of objects, as operations give it, as the list of strings of them that the SDKs
// expect. The array is compact JSON: nothing but quotes and backslashes needs an escape, and those are in strings only.
func appendListed(dst, documents []byte) []byte {
	depth := 0
	for {
		quote := bytes.IndexByte(documents, '"')
		between := documents
		if quote >= 0 {
			between = documents[:quote]
		}
		for _, c := range between {
			switch c {
			case '{', '[':
				if depth++; depth == 2 { // a document begins
					dst = append(dst, '"')
				}
			case '}', ']':
				if depth--; depth == 1 {
					dst = append(dst, c, '"')
					continue
				}
			}
			dst = append(dst, c)
		}
		if quote < 0 {
			return dst
		}
		dst = append(dst, '\\', '"')
		dst, documents = appendEscaped(dst, documents[quote+1:])
	}
}

// appendEscaped appends the rest of a JSON string inside of another one, and returns what follows it.
func appendEscaped(dst, text []byte) ([]byte, []byte) {
	for {
		quote := bytes.IndexByte(text, '"')
		slash := bytes.IndexByte(text[:quote], '\\')
		if slash < 0 {
			dst = append(dst, text[:quote]...)
			return append(dst, '\\', '"'), text[quote+1:]
		}
		dst = append(dst, text[:slash]...)
		dst = append(dst, '\\', '\\')
		if c := text[slash+1]; c == '"' || c == '\\' {
			dst = append(dst, '\\', c)
		} else {
			dst = append(dst, c)
		}
		text = text[slash+2:]
	}
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

// text is the JSON text of a reply.
func (r *reply) text() ([]byte, error) {
	out := make([]byte, 0, r.size())
	out = appendQuoted(append(out, `{"requestId":`...), []byte(r.RequestID))
	switch data := r.Data.(type) {
	case nil:
	case returned:
		out = data.append(append(out, `,"data":`...))
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
	case returned:
		return len(data.result)*5/4 + 128
	case list:
		return len(data.documents)*9/8 + 256
	}
	return 512
}

// MarshalJSON implements json.Marshaler.
func (r *reply) MarshalJSON() ([]byte, error) { return r.text() }
