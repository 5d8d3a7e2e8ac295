// Package pattern compiles MongoDB's regular expressions to Go's, which match in linear time.
package pattern

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"yunduo/data/query/language"
)

// maxLength is the longest pattern in bytes, as in MongoDB.
const maxLength = language.MaxRegexBytes

// Compile translates pattern with options i (ignore case), m (^ and $ match at lines), s (dot matches line ends) and
// x (white space and # comments in the pattern do not count). The options g, l, u and y of other languages have no
// effect. It fails on what linear-time matching cannot do, such as look-around and back-references.
func Compile(pattern, options string) (*regexp.Regexp, error) {
	return compile(pattern, options, func() string { return endOfText })
}

// CompileFinder is Compile for who wants to know where matches are. Their ends are right in what Bound makes of it only:
// what stands for $ takes the line end before the end of the text along, for linear-time matching cannot look ahead.
func CompileFinder(pattern, options string) (*regexp.Regexp, error) {
	ends := 0
	return compile(pattern, options, func() string {
		ends++
		return fmt.Sprintf(`(?:(?P<%s%d>\n?)\z)`, endGroup, ends)
	})
}

// endGroup begins the names of groups that hold a line end which is no part of the match.
const endGroup = "yunduoEnd"

func compile(pattern, options string, end func() string) (*regexp.Regexp, error) {
	if len(pattern) > maxLength {
		return nil, fmt.Errorf("it is longer than %d bytes", maxLength)
	}
	if !utf8.ValidString(pattern) {
		return nil, fmt.Errorf("it is not UTF-8")
	}
	flags, extended := "", false
	for _, option := range options {
		switch option {
		case 'i', 'm', 's':
			flags += string(option)
		case 'x':
			extended = true
		case 'g', 'l', 'u', 'y':
		default:
			return nil, fmt.Errorf("the option %q does not exist", option)
		}
	}
	translated := translate(pattern, extended, strings.Contains(flags, "m"), end)
	if flags != "" {
		translated = "(?" + flags + ")" + translated
	}
	re, err := regexp.Compile(translated)
	if syntaxErr := (*syntax.Error)(nil); asSyntax(err, &syntaxErr) {
		return nil, fmt.Errorf("%s: %q", syntaxErr.Code, syntaxErr.Expr)
	}
	return re, err
}

func asSyntax(err error, target **syntax.Error) (ok bool) {
	return errors.As(err, target)
}

// endOfText is what $ means without option m: the end or a line end just before it.
const endOfText = `(?:\n?\z)`

// translate rewrites what is spelled differently: $ and \Z at the end of the text, \uXXXX, and with extended the
// white space and comments that do not count.
func translate(pattern string, extended, multiline bool, end func() string) string {
	var b strings.Builder
	for i, class := 0, false; i < len(pattern); i++ {
		c := pattern[i]
		switch {
		case c == '\\' && i+1 < len(pattern):
			i += escape(&b, pattern[i:], class, end) - 1
		case class:
			class = c != ']'
			b.WriteByte(c)
		case c == '[':
			class = true
			b.WriteByte(c)
			for i+1 < len(pattern) && (pattern[i+1] == '^' || pattern[i+1] == ']') { // a ] that comes first is a member
				i++
				b.WriteByte(pattern[i])
				if pattern[i] == ']' {
					break
				}
			}
		case c == '$' && !multiline:
			b.WriteString(end())
		case extended && strings.IndexByte(" \t\n\r\v\f", c) >= 0:
		case extended && c == '#':
			for i+1 < len(pattern) && pattern[i+1] != '\n' {
				i++
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// escape translates the escape sequence at the start of pattern and returns its length in bytes.
func escape(b *strings.Builder, pattern string, class bool, end func() string) int {
	switch c := pattern[1]; {
	case c == 'Z' && !class:
		b.WriteString(end())
		return 2
	case c == 'u' && len(pattern) >= 6 && isHex(pattern[2:6]):
		b.WriteString(`\x{` + pattern[2:6] + `}`)
		return 6
	case c >= utf8.RuneSelf:
		_, size := utf8.DecodeRuneInString(pattern[1:])
		b.WriteString(pattern[1 : 1+size]) // a letter that needs no escaping
		return 1 + size
	}
	b.WriteString(pattern[:2])
	return 2
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

// Prefix returns the text that every match begins with when the expression is anchored at the start of the text and
// has no option that gives the text other forms; "" if there is none.
func Prefix(re *regexp.Regexp) string {
	tree, err := syntax.Parse(re.String(), syntax.Perl)
	if err != nil {
		return ""
	}
	tree = tree.Simplify()
	if tree.Op != syntax.OpConcat || len(tree.Sub) < 2 || tree.Sub[0].Op != syntax.OpBeginText {
		return ""
	}
	literal := tree.Sub[1]
	if literal.Op != syntax.OpLiteral || literal.Flags&syntax.FoldCase != 0 {
		return ""
	}
	return string(literal.Rune)
}
