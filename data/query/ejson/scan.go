package ejson

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// key appends the next object key with its final zero byte and steps over the colon.
func (p *parser) key(dst []byte) ([]byte, *failure) {
	if p.peek() != '"' {
		return dst, p.malformed("a key in double quotes was expected")
	}
	start := len(dst)
	dst, f := p.text(dst)
	if f != nil {
		return dst, f
	}
	if bytes.IndexByte(dst[start:], 0) >= 0 {
		return dst, p.invalid("has a field whose name contains a zero byte")
	}
	if p.peek() != ':' {
		return dst, p.malformed("a colon was expected")
	}
	p.pos++
	return append(dst, 0), nil
}

// stringValue appends the next text as a BSON string.
func (p *parser) stringValue(dst []byte) ([]byte, *failure) {
	start := len(dst)
	dst, f := p.text(append(dst, 0, 0, 0, 0))
	if f != nil {
		return dst, f
	}
	dst = append(dst, 0)
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst, nil
}

// text appends the content of the quoted text that starts at the position.
func (p *parser) text(dst []byte) ([]byte, *failure) {
	p.pos++
	start, ascii := p.pos, true
	for p.pos < len(p.json) {
		c := p.json[p.pos]
		switch {
		case plain[c]:
			p.pos++
		case c >= utf8.RuneSelf:
			ascii = false
			p.pos++
		case c == '"' || c == '\\':
			part := p.json[start:p.pos]
			if !ascii && !utf8.Valid(part) {
				return dst, p.malformed("text that is not UTF-8 ends")
			}
			dst = append(dst, part...)
			p.pos++
			if c == '"' {
				return dst, nil
			}
			var f *failure
			if dst, f = p.escape(dst); f != nil {
				return dst, f
			}
			start, ascii = p.pos, true
		default:
			return dst, p.malformed("a control character in text must be escaped")
		}
	}
	return dst, p.malformed("a text does not end")
}

// escape appends what stands after a backslash.
func (p *parser) escape(dst []byte) ([]byte, *failure) {
	if p.pos >= len(p.json) {
		return dst, p.malformed("a text does not end")
	}
	c := p.json[p.pos]
	p.pos++
	switch c {
	case '"', '\\', '/':
		return append(dst, c), nil
	case 'b':
		return append(dst, '\b'), nil
	case 'f':
		return append(dst, '\f'), nil
	case 'n':
		return append(dst, '\n'), nil
	case 'r':
		return append(dst, '\r'), nil
	case 't':
		return append(dst, '\t'), nil
	case 'u':
		r, ok := p.unit()
		if !ok {
			return dst, p.malformed("four hexadecimal digits were expected")
		}
		if utf16.IsSurrogate(r) {
			r = p.surrogate(r)
		}
		return utf8.AppendRune(dst, r), nil
	}
	return dst, p.malformed("an unknown escape sequence ends")
}

// unit reads four hexadecimal digits.
func (p *parser) unit() (rune, bool) {
	if p.pos+4 > len(p.json) {
		return 0, false
	}
	n := rune(0)
	for _, c := range p.json[p.pos : p.pos+4] {
		digit := bytes.IndexByte([]byte(hexDigits), c|0x20)
		if digit < 0 || c < '0' {
			return 0, false
		}
		n = n<<4 | rune(digit)
	}
	p.pos += 4
	return n, true
}

// surrogate joins the first half of a pair with the second one that must follow; a lonely half becomes U+FFFD.
func (p *parser) surrogate(first rune) rune {
	if bytes.HasPrefix(p.json[p.pos:], []byte(`\u`)) {
		before := p.pos
		p.pos += 2
		if second, ok := p.unit(); ok {
			if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
				return r
			}
		}
		p.pos = before
	}
	return utf8.RuneError
}

// number appends the next number: int where it fits, else long, else double; double when written with a fraction or
// an exponent.
func (p *parser) number(dst []byte) (bson.Type, []byte, *failure) {
	start := p.pos
	if p.json[p.pos] == '-' {
		p.pos++
	}
	whole := p.digits()
	if whole == 0 || (whole > 1 && p.json[p.pos-whole] == '0') {
		return 0, dst, p.malformed("a number is written wrongly")
	}
	integer := true
	if p.pos < len(p.json) && p.json[p.pos] == '.' {
		integer = false
		if p.pos++; p.digits() == 0 {
			return 0, dst, p.malformed("a number is written wrongly")
		}
	}
	if p.pos < len(p.json) && p.json[p.pos]|0x20 == 'e' {
		integer = false
		if p.pos++; p.pos < len(p.json) && (p.json[p.pos] == '+' || p.json[p.pos] == '-') {
			p.pos++
		}
		if p.digits() == 0 {
			return 0, dst, p.malformed("a number is written wrongly")
		}
	}
	text := string(p.json[start:p.pos])
	if integer {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			if n >= math.MinInt32 && n <= math.MaxInt32 {
				return bson.TypeInt32, binary.LittleEndian.AppendUint32(dst, uint32(n)), nil
			}
			return bson.TypeInt64, binary.LittleEndian.AppendUint64(dst, uint64(n)), nil
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, dst, p.invalid("has a number that is too large")
	}
	return bson.TypeDouble, binary.LittleEndian.AppendUint64(dst, math.Float64bits(f)), nil
}

// digits steps over decimal digits and returns how many.
func (p *parser) digits() int {
	start := p.pos
	for p.pos < len(p.json) && p.json[p.pos] >= '0' && p.json[p.pos] <= '9' {
		p.pos++
	}
	return p.pos - start
}
