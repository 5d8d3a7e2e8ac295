package cloudbase

import "bytes"

// scanner finds where the values of a JSON text begin and end, and refuses what is not JSON.
type scanner struct {
	text []byte
	at   int
}

// maxNesting is how deep values may be nested.
const maxNesting = 1000

// members appends the rest of the object that a text consists of; false if it is none.
func (s *scanner) members(p params) (params, bool) {
	s.space()
	if s.take('}') {
		s.space()
		return p, s.at == len(s.text)
	}
	for len(p) <= maxMembers {
		begin := s.at
		if !s.string() {
			return nil, false
		}
		name := memberName(s.text[begin:s.at])
		if s.space(); !s.take(':') {
			return nil, false
		}
		s.space()
		begin = s.at
		if !s.value(0) {
			return nil, false
		}
		p = append(p, member{name, s.text[begin:s.at]})
		s.space()
		if s.take('}') {
			s.space()
			return p, s.at == len(s.text)
		}
		if !s.take(',') {
			return nil, false
		}
		s.space()
	}
	return p, true // too many, whatever follows
}

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\n', '\t', '\r':
			s.at++
		default:
			return
		}
	}
}

// take passes a byte, if it is the next one.
func (s *scanner) take(c byte) bool {
	if s.at == len(s.text) || s.text[s.at] != c {
		return false
	}
	s.at++
	return true
}

// value passes a value.
func (s *scanner) value(depth int) bool {
	if s.at == len(s.text) || depth == maxNesting {
		return false
	}
	switch c := s.text[s.at]; c {
	case '"':
		return s.string()
	case '{':
		return s.list('}', depth, true)
	case '[':
		return s.list(']', depth, false)
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	return s.number()
}

// list passes an object, whose elements have names, or an array.
func (s *scanner) list(end byte, depth int, named bool) bool {
	s.at++
	if s.space(); s.take(end) {
		return true
	}
	for {
		if named {
			if !s.string() {
				return false
			}
			if s.space(); !s.take(':') {
				return false
			}
			s.space()
		}
		if !s.value(depth + 1) {
			return false
		}
		if s.space(); s.take(end) {
			return true
		}
		if !s.take(',') {
			return false
		}
		s.space()
	}
}

func (s *scanner) word(word string) bool {
	if !bytes.HasPrefix(s.text[s.at:], []byte(word)) {
		return false
	}
	s.at += len(word)
	return true
}

// string passes a string.
func (s *scanner) string() bool {
	if !s.take('"') {
		return false
	}
	for i := s.at; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			s.at = i + 1
			return true
		case c < ' ':
			return false
		case c == '\\':
			if i++; i == len(s.text) {
				return false
			}
			switch s.text[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if i += 4; i >= len(s.text) || !isHex(s.text[i-3:i+1]) {
					return false
				}
			default:
				return false
			}
		}
	}
	return false
}

func isHex(digits []byte) bool {
	for _, c := range digits {
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
		default:
			return false
		}
	}
	return true
}

// number passes a number.
func (s *scanner) number() bool {
	s.take('-')
	if !s.take('0') && !s.digits() {
		return false
	}
	if s.take('.') && !s.digits() {
		return false
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		return s.digits()
	}
	return true
}

// digits passes one digit or more.
func (s *scanner) digits() bool {
	begin := s.at
	for s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
		s.at++
	}
	return s.at > begin
}
