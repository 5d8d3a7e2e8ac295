package wire

import (
	"fmt"
	"strconv"
)

// Position is a place in an app's change log. In JSON it is a number, or a text of digits where numbers of JavaScript are
// not exact.
type Position int64

// maxExact is the greatest integer up to which JavaScript knows all.
const maxExact = 1<<53 - 1

// MarshalJSON writes a number or a text.
func (p Position) MarshalJSON() ([]byte, error) {
	if p > maxExact {
		return strconv.AppendQuote(nil, strconv.FormatInt(int64(p), 10)), nil
	}
	return strconv.AppendInt(nil, int64(p), 10), nil
}

// UnmarshalJSON reads a number or a text.
func (p *Position) UnmarshalJSON(text []byte) error {
	digits := string(text)
	if digits == "null" {
		return nil
	}
	if n := len(digits); n > 1 && digits[0] == '"' && digits[n-1] == '"' {
		digits = digits[1 : n-1]
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return fmt.Errorf("%.40s is no position", text)
	}
	*p = Position(n)
	return nil
}
