package rules

import "strings"

type tokenKind int

const (
	endToken tokenKind = iota
	nameToken
	numberToken
	stringToken
	templateToken // a text in which ${auth.openid} stands for its value
	symbolToken
)

type token struct {
	kind tokenKind
	text string // of a string: its content
	at   int    // byte offset
}

// symbols are tried in this order: the longer one of two with the same start comes first.
var symbols = []string{"==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "(", ")", "[", "]", ",", "."}

// scan splits an expression into tokens; the last one is the end.
func scan(text string) ([]token, error) {
	var tokens []token
	for at := 0; at < len(text); {
		c := text[at]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			at++
		case isLetter(c):
			end := at + 1
			for end < len(text) && (isLetter(text[end]) || isDigit(text[end])) {
				end++
			}
			tokens = append(tokens, token{nameToken, text[at:end], at})
			at = end
		case isDigit(c) || c == '-' && at+1 < len(text) && isDigit(text[at+1]):
			end := number(text, at, tokens)
			tokens = append(tokens, token{numberToken, text[at:end], at})
			at = end
		case c == '\'' || c == '"' || c == '`':
			content, end, err := quoted(text, at)
			if err != nil {
				return nil, err
			}
			kind := stringToken
			if c == '`' {
				kind = templateToken
			}
			tokens = append(tokens, token{kind, content, at})
			at = end
		default:
			symbol := symbolAt(text[at:])
			if symbol == "" {
				return nil, errorf(at, "%q has no meaning here", text[at:at+1])
			}
			tokens = append(tokens, token{symbolToken, symbol, at})
			at += len(symbol)
		}
	}
	return append(tokens, token{kind: endToken, text: "the end", at: len(text)}), nil
}

// number returns the end of the number at at. After a dot of a path it is an array index and has no fraction.
func number(text string, at int, before []token) int {
	index := len(before) > 0 && before[len(before)-1].kind == symbolToken && before[len(before)-1].text == "."
	end := at + 1
	for end < len(text) && (isDigit(text[end]) || !index && text[end] == '.' && end+1 < len(text) && isDigit(text[end+1])) {
		end++
	}
	return end
}

func symbolAt(text string) string {
	for _, s := range symbols {
		if strings.HasPrefix(text, s) {
			return s
		}
	}
	return ""
}

// quoted reads a string in single, double or back quotes, in which a backslash takes the next character as it is.
func quoted(text string, at int) (content string, end int, err error) {
	var b strings.Builder
	for i := at + 1; i < len(text); i++ {
		switch {
		case text[i] == text[at]:
			return b.String(), i + 1, nil
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		b.WriteByte(text[i])
	}
	return "", 0, errorf(at, "the text is not closed")
}

func isLetter(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= 0x80
}
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
