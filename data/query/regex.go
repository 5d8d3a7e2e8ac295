package query

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/internal/pattern"
	"yunduo/data/query/value"
)

// regexPredicate matches texts that a regular expression finds something in, and stored regular expressions that are
// equal to it.
type regexPredicate struct {
	value bson.RawValue // of type regex
	re    *pattern.Bounded
}

// newRegexPredicate compiles a value of type regex.
func newRegexPredicate(path string, v bson.RawValue) (*regexPredicate, error) {
	source, options, ok := v.RegexOK()
	if !ok {
		return nil, invalidFilter("the field '%s' has a malformed regular expression", path)
	}
	re, err := pattern.Compile(source, options)
	if err != nil {
		return nil, invalidFilter("the field '%s' has a regular expression that cannot be used here: %v", path, err)
	}
	return &regexPredicate{value: v, re: pattern.Bound(re)}, nil
}

// newRegexOperator compiles {$regex: text or regular expression, $options: text}.
func newRegexOperator(path string, v bson.RawValue, siblings []byte) (*regexPredicate, error) {
	source, options := "", ""
	if text, ok := value.Text(v); ok {
		source = string(text)
	} else if source, options, ok = v.RegexOK(); !ok {
		return nil, invalidFilter("the field '%s' has $regex without a text", path)
	}
	if o, found := value.Field(siblings, "$options"); found {
		text, ok := value.Text(o)
		if !ok {
			return nil, invalidFilter("the field '%s' has $options that are no text", path)
		}
		if options != "" && len(text) > 0 {
			return nil, invalidFilter("the field '%s' has options both in $regex and in $options", path)
		}
		if len(text) > 0 {
			options = string(text)
		}
	}
	for _, c := range source + options {
		if c == 0 {
			return nil, invalidFilter("the field '%s' has $regex with a zero byte", path)
		}
	}
	return newRegexPredicate(path, value.Regex(source, options))
}

func (p *regexPredicate) matches(v bson.RawValue) bool {
	if text, ok := value.Text(v); ok {
		return p.re.Match(text)
	}
	return v.Type == bson.TypeRegex && value.Equal(v, p.value)
}
