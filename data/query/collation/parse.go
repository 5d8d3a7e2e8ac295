package collation

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	"yunduo"
	query "yunduo/data/query/language"
)

func invalid(code int, format string, args ...any) error {
	return query.Errorf(code, yunduo.ReasonInvalidRequest, "the collation "+format, args...)
}

// Parse compiles a collation such as {locale: "zh", strength: 2}; nil, an empty document and the locale "simple" give
// nil. It returns invalid_request when the form is wrong or a setting is not supported.
func Parse(raw bson.Raw) (*Collation, error) {
	if len(raw) <= 5 {
		return nil, nil
	}
	elements, err := raw.Elements()
	if err != nil {
		return nil, invalid(query.FailedToParse, "cannot be read")
	}
	s := settings{strength: 3}
	for _, e := range elements {
		if err := s.take(e.Key(), e.Value()); err != nil {
			return nil, err
		}
	}
	switch {
	case s.locale == "":
		return nil, invalid(query.MissingCollationLocale, "needs a locale, such as zh")
	case s.locale == "simple" && len(elements) > 1:
		return nil, invalid(query.BadValue, "with the locale simple takes no other setting")
	case s.locale == "simple":
		return nil, nil
	}
	tag, err := s.tag()
	if err != nil {
		return nil, err
	}
	return newCollation(raw, tag), nil
}

// settings are the members of a collation document.
type settings struct {
	locale    string
	strength  int64
	caseLevel bool
	numeric   bool
	shifted   bool
	backwards bool
}

func (s *settings) take(name string, v bson.RawValue) error {
	switch name {
	case "locale":
		return text(name, v, &s.locale)
	case "strength":
		n, ok := v.AsInt64OK()
		if !ok || n < 1 || n > 3 || v.Type == bson.TypeDouble && v.Double() != float64(n) {
			return invalid(query.BadValue, "has a strength that is not 1, 2 or 3")
		}
		s.strength = n
		return nil
	case "caseLevel":
		return boolean(name, v, &s.caseLevel)
	case "numericOrdering":
		return boolean(name, v, &s.numeric)
	case "backwards":
		return boolean(name, v, &s.backwards)
	case "normalization":
		var always bool // texts are always normalized
		return boolean(name, v, &always)
	case "version":
		var any string
		return text(name, v, &any)
	case "caseFirst":
		return oneOf(name, v, nil, "off")
	case "alternate":
		return oneOf(name, v, &s.shifted, "non-ignorable", "shifted")
	case "maxVariable":
		return oneOf(name, v, nil, "punct")
	}
	return invalid(query.UnrecognizedCollationField, "has no setting %q", name)
}

func text(name string, v bson.RawValue, target *string) error {
	s, ok := v.StringValueOK()
	if !ok {
		return invalid(query.TypeMismatch, "needs a text as %s", name)
	}
	*target = s
	return nil
}

func boolean(name string, v bson.RawValue, target *bool) error {
	b, ok := v.BooleanOK()
	if !ok {
		return invalid(query.TypeMismatch, "needs true or false as %s", name)
	}
	*target = b
	return nil
}

// oneOf takes one of the choices; second says whether it is the second one.
func oneOf(name string, v bson.RawValue, second *bool, choices ...string) error {
	s, ok := v.StringValueOK()
	for i, choice := range choices {
		if ok && s == choice {
			if second != nil {
				*second = i == 1
			}
			return nil
		}
	}
	return invalid(query.BadValue, "can have only %s as %s", strings.Join(choices, " or "), name)
}

// tag returns the settings as a BCP 47 tag.
func (s *settings) tag() (language.Tag, error) {
	name, variant, _ := strings.Cut(s.locale, "@collation=")
	tag, err := language.Parse(strings.ReplaceAll(name, "_", "-"))
	if err != nil {
		return tag, invalid(query.BadValue, "has the unknown locale %q", s.locale)
	}
	keys := map[string]string{"ks": "level" + string(rune('0'+s.strength))}
	for key, on := range map[string]bool{"kc": s.caseLevel, "kn": s.numeric, "kb": s.backwards} {
		if on {
			keys[key] = "true"
		}
	}
	if s.shifted {
		keys["ka"] = "shifted"
	}
	if variant == "" {
		variant = tag.TypeForKey("co")
	}
	if variant != "" {
		if keys["co"] = variant; !exists(tag, variant) {
			return tag, invalid(query.BadValue, "has the unknown locale %q", s.locale)
		}
	}
	for key, v := range keys {
		if tag, err = tag.SetTypeForKey(key, v); err != nil {
			return tag, invalid(query.BadValue, "has the unknown locale %q", s.locale)
		}
	}
	return tag, nil
}

// exists reports whether the language has such a variant of its order, such as pinyin or stroke.
func exists(tag language.Tag, variant string) bool {
	base, _ := tag.Base()
	for _, known := range collate.Supported() {
		if knownBase, _ := known.Base(); knownBase == base && (known.TypeForKey("co") == variant || variant == "standard") {
			return true
		}
	}
	return base.String() == "zh" && variant == "pinyin" // the order that zh has by itself
}
