package pattern

import (
	"io"
	"regexp"
	"regexp/syntax"
	"strings"
	"time"
	"unicode/utf8"
)

// Matching takes linear time, but for a large expression on a large text that is long, and nothing can interrupt it
// from outside. Beyond so many steps it is interrupted from inside, by what it reads from.
const (
	maxSteps   = 1 << 28 // states of the expression times bytes of the text
	checkEvery = 1024    // runes
)

// maxTime is how long one match may take then.
var maxTime = 3 * time.Second

// TooSlow is what Bounded panics with: the conditions of a filter have no other way to say that they cannot tell.
type TooSlow struct{}

func (TooSlow) Error() string { return "a regular expression takes too long for one text" }

// Bounded is a regular expression whose Match ends.
type Bounded struct {
	*regexp.Regexp
	states int
	ends   map[int]bool // the groups that are no part of a match
}

// Bound makes an expression one whose Match ends.
func Bound(re *regexp.Regexp) *Bounded {
	b := &Bounded{Regexp: re, states: 1, ends: map[int]bool{}}
	for i, name := range re.SubexpNames() {
		if strings.HasPrefix(name, endGroup) {
			b.ends[i] = true
		}
	}
	if tree, err := syntax.Parse(re.String(), syntax.Perl); err == nil {
		if program, err := syntax.Compile(tree.Simplify()); err == nil {
			b.states = len(program.Inst)
		}
	}
	return b
}

// Match reports whether the text has a match. It panics with TooSlow when that takes seconds.
func (b *Bounded) Match(text []byte) bool {
	if b.cheap(len(text)) {
		return b.Regexp.Match(text)
	}
	return b.MatchReader(newReader(text))
}

// Find is FindStringSubmatchIndex, with Match's panic.
func (b *Bounded) Find(text string) []int {
	if b.cheap(len(text)) {
		return b.trimmed(b.FindStringSubmatchIndex(text))
	}
	return b.trimmed(b.FindReaderSubmatchIndex(newReader([]byte(text))))
}

// trimmed takes the line end off a match, and off its groups, that stands before the end of the text and belongs to
// neither, and leaves out the groups that tell of it.
func (b *Bounded) trimmed(at []int) []int {
	if len(b.ends) == 0 || at == nil {
		return at
	}
	end := -1
	for i := range b.ends {
		if from, to := at[2*i], at[2*i+1]; from >= 0 && from < to {
			end = from
		}
	}
	kept := make([]int, 0, len(at))
	for i := 0; i < len(at); i += 2 {
		switch {
		case b.ends[i/2]:
		case end >= 0:
			kept = append(kept, min(at[i], end), min(at[i+1], end))
		default:
			kept = append(kept, at[i], at[i+1])
		}
	}
	return kept
}

// manyMatches is the length of a text from which looking for all matches is watched.
const manyMatches = 10_000

// FindAll is FindAllStringSubmatchIndex, with Match's panic: each match may look at all that follows it.
func (b *Bounded) FindAll(text string) [][]int {
	if len(text) > manyMatches {
		end := time.Now().Add(maxTime)
		b.ReplaceAllStringFunc(text, func(string) string {
			if time.Now().After(end) {
				panic(TooSlow{})
			}
			return ""
		})
	}
	all := b.FindAllStringSubmatchIndex(text, -1)
	for i, at := range all {
		all[i] = b.trimmed(at)
	}
	return all
}

// cheap reports whether a text of so many bytes is matched soon in any case.
func (b *Bounded) cheap(length int) bool { return b.states*length <= maxSteps }

func newReader(text []byte) io.RuneReader {
	return &reader{text: text, end: time.Now().Add(maxTime)}
}

type reader struct {
	text []byte
	read int
	end  time.Time
}

func (r *reader) ReadRune() (c rune, size int, err error) {
	if r.read++; r.read%checkEvery == 0 && time.Now().After(r.end) {
		panic(TooSlow{})
	}
	if len(r.text) == 0 {
		return 0, 0, io.EOF
	}
	c, size = utf8.DecodeRune(r.text)
	r.text = r.text[size:]
	return c, size, nil
}

// Recover turns a panic with TooSlow into an error made by fail; others go on.
func Recover(err *error, fail func(sentence string) error) {
	switch p := recover().(type) {
	case nil:
	case TooSlow:
		*err = fail(p.Error() + "; use a shorter one, or shorter texts")
	default:
		panic(p)
	}
}
