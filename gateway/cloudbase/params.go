package cloudbase

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"yunduo"
)

// What the endpoints read on every call, without reflection.

// member is a top-level member of a request body.
type member struct {
	name  string
	value json.RawMessage
}

// params are the top-level members of a request body in the order in which they came. There are few of them, so that
// they are searched one by one.
type params []member

// usualNames are the names of members that nearly all bodies consist of, which need no memory of their own.
var usualNames = func() map[string]string {
	names := map[string]string{}
	for name := range strings.FieldsSeq(`action envName env seqId eventId dataVersion access_token sessionToken tcb_sessionToken
		wxCloudApiToken wxCloudbaseAccesstoken crossAuthorizationToken sdk_version authorization function_name request_data
		collectionName query queryType data order offset limit projection multi merge upsert stages transactionId`) {
		names[name] = name
	}
	return names
}()

// memberName is unquote for the name of a member.
func memberName(quoted []byte) string {
	if name, ok := usualNames[string(quoted[1:len(quoted)-1])]; ok {
		return name
	}
	return unquote(quoted)
}

// maxMembers is how many members a body may have. Calls of the SDKs have a dozen.
const maxMembers = 100

// get returns a member, nil if it is absent. Of two with the same name the last one counts, for whoever asks.
func (p params) get(name string) json.RawMessage {
	for i := len(p) - 1; i >= 0; i-- {
		if p[i].name == name {
			return p[i].value
		}
	}
	return nil
}

// text returns a string member, empty if it is absent or no string.
func (p params) text(name string) string { return unquote(p.get(name)) }

// folded returns a member by its name in any letter case.
func (p params) folded(name string) json.RawMessage {
	for i := range p {
		if strings.EqualFold(p[i].name, name) {
			return p[i].value
		}
	}
	return nil
}

// distinct refuses a name that comes twice, in whatever spelling: one of the members could be verified and the other
// obeyed. A name that is not plain ASCII may pass for another one, and means nothing.
func (p params) distinct() error {
	for i := range p {
		name := p[i].name
		for j := range len(name) {
			if name[j] >= utf8.RuneSelf {
				return invalidSignature("the body has a member %q", clip(name))
			}
		}
		for k := range p[:i] {
			if len(p[k].name) == len(name) && strings.EqualFold(p[k].name, name) {
				return invalidSignature("the member %q of the body comes twice", clip(name))
			}
		}
	}
	return nil
}

// membersOf returns the top-level members of a body, which must be a JSON object.
func membersOf(body []byte) (params, error) { return appendMembers(make(params, 0, 12), body) }

func appendMembers(p params, body []byte) (params, error) {
	s := scanner{text: body}
	s.space()
	if s.take('{') {
		if p, ok := s.members(p); ok {
			if len(p) > maxMembers {
				return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "the request body has more than %d members", maxMembers)
			}
			return p, nil
		}
	}
	var object map[string]json.RawMessage
	err := json.Unmarshal(body, &object) // says what is wrong
	switch {
	case err != nil:
		return nil, yunduo.Wrap(err, yunduo.ReasonMalformedJSON, "the request body must be a JSON object: %s", err.Error())
	case object != nil:
		return nil, yunduo.Errorf(yunduo.ReasonMalformedJSON, "the request body must be a JSON object, and not as deep as this one")
	}
	return params{}, nil // null
}

// unquote returns the text that a JSON string means, empty if it is none.
func unquote(quoted []byte) string {
	if len(quoted) < 2 || quoted[0] != '"' {
		return ""
	}
	inner := quoted[1 : len(quoted)-1]
	if utf8.Valid(inner) {
		escaped := bytes.IndexByte(inner, '\\')
		if escaped < 0 {
			return string(inner)
		}
		if plain, ok := appendUnescaped(make([]byte, 0, len(inner)), inner, escaped); ok {
			return string(plain)
		}
	}
	var s string
	_ = json.Unmarshal(quoted, &s)
	return s
}

// appendUnquoted appends what unquote returns.
func appendUnquoted(dst, quoted []byte) []byte {
	if len(quoted) < 2 || quoted[0] != '"' {
		return dst
	}
	inner := quoted[1 : len(quoted)-1]
	if !utf8.Valid(inner) {
		return append(dst, unquote(quoted)...)
	}
	escaped := bytes.IndexByte(inner, '\\')
	if escaped < 0 {
		return append(dst, inner...)
	}
	if longer, ok := appendUnescaped(dst, inner, escaped); ok {
		return longer
	}
	return append(dst, unquote(quoted)...)
}

// appendUnescaped handles the escapes that texts of JSON inside JSON are full of; false for others. first is where the
// first one is.
func appendUnescaped(out, inner []byte, first int) ([]byte, bool) {
	out = append(out, inner[:first]...)
	for i := first; i < len(inner); i++ {
		c := inner[i]
		if c == '\\' {
			i++
			switch c = inner[i]; c {
			case '"', '\\', '/':
			case 'n':
				c = '\n'
			default:
				return nil, false
			}
		}
		out = append(out, c)
	}
	return out, true
}

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
	value := f.params.get(name)
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

// bytes is text in bytes of its own.
func (f *fields) bytes(name string) []byte {
	value := f.member(name)
	if len(value) == 0 {
		return nil
	}
	if value[0] != '"' {
		f.wrong(name, "a text")
		return nil
	}
	return appendUnquoted(make([]byte, 0, len(value)), value)
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
