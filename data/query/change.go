package query

import (
	"cmp"
	"slices"
	"strings"

	"yunduo"
	"yunduo/data/query/language"
	"yunduo/data/query/value"
)

// change is what an update does at one place of a document: either an operation on the value there or changes
// further inside. Together they form a tree, so that a document is rewritten in one pass.
type change struct {
	path     string
	op       operation
	fields   []*child // by field name or array index, in the order in which new fields are added
	matched  *change  // $: the element that the filter found
	every    *change  // $[]: all elements
	filtered []*child // $[name]: elements that an array filter selects
}

// child is a change inside, under a name.
type child struct {
	name  string
	index int // the array element that the name addresses, -1 if it is no index
	change
}

// each calls yield with the path of every operation, cut before a positional component.
func (c *change) each(yield func(path string)) {
	if c.op != nil || c.positional() {
		yield(c.path)
		return
	}
	for _, field := range c.fields {
		field.each(yield)
	}
}

func (c *change) positional() bool {
	return c.matched != nil || c.every != nil || len(c.filtered) > 0
}

// needsPath reports whether an operation inside fails where its field could not be made.
func (c *change) needsPath() bool {
	if c.op != nil {
		return c.op.needsPath()
	}
	needing := func(f *child) bool { return f.needsPath() }
	return c.positional() || slices.ContainsFunc(c.fields, needing)
}

// add puts an operation at a path; it returns invalid_update when the path is malformed or conflicts with another.
func (c *change) add(path string, op operation) error {
	if path == "" {
		return language.Errorf(language.EmptyFieldName, yunduo.ReasonInvalidUpdate, "a path to update is empty")
	}
	at := c
	names := strings.Split(path, ".")
	if first := slices.Index(names, "$"); first >= 0 && slices.Contains(names[first+1:], "$") {
		return invalidUpdate("the path '%s' has more than one $", path)
	}
	for i, name := range names {
		if at.op != nil {
			return conflict(path, at.path)
		}
		if name == "" {
			return language.Errorf(language.EmptyFieldName, yunduo.ReasonInvalidUpdate, "the path '%s' has an empty field name", path)
		}
		if name[0] == '$' && i == 0 {
			return language.Errorf(language.DollarPrefixedFieldName, yunduo.ReasonInvalidUpdate, "the path '%s' must not begin with $", path)
		}
		next, err := at.step(path, name, strings.Join(names[:i+1], "."))
		if err != nil {
			return err
		}
		at = next
	}
	if at.op != nil || len(at.fields) > 0 || at.positional() {
		return conflict(path, at.path)
	}
	at.op = op
	return nil
}

func conflict(path, at string) error {
	return language.Errorf(language.ConflictingUpdates, yunduo.ReasonInvalidUpdate, "changing the path '%s' conflicts with another change at '%s'", path, at)
}

// step returns the change inside c under a component of the path, which is made if need be.
func (c *change) step(path, name, prefix string) (*change, error) {
	switch {
	case name == "$":
		if c.matched == nil {
			c.matched = &change{path: prefix}
		}
		return c.matched, nil
	case name == "$[]":
		if c.every == nil {
			c.every = &change{path: prefix}
		}
		return c.every, nil
	case strings.HasPrefix(name, "$[") && strings.HasSuffix(name, "]"):
		return enter(&c.filtered, name[2:len(name)-1], -1, prefix), nil
	case name[0] == '$' && name != "$id" && name != "$ref" && name != "$db":
		return nil, language.Errorf(language.DollarPrefixedFieldName, yunduo.ReasonInvalidUpdate, "the path '%s' has the field name '%s', which must not begin with $", path, name)
	}
	return enter(&c.fields, name, value.ArrayIndex(name), prefix), nil
}

func enter(list *[]*child, name string, index int, prefix string) *change {
	i, found := slices.BinarySearchFunc(*list, &child{name: name, index: index}, compareNames)
	if !found {
		*list = slices.Insert(*list, i, &child{name: name, index: index, change: change{path: prefix}})
	}
	return &(*list)[i].change
}

// compareNames is the order in which new fields are added: indexes by number, then other names by their bytes.
func compareNames(a, b *child) int {
	switch {
	case a.index >= 0 && b.index >= 0:
		return cmp.Compare(a.index, b.index)
	case a.index >= 0:
		return -1
	case b.index >= 0:
		return 1
	}
	return strings.Compare(a.name, b.name)
}

const fewFields = 16 // up to here a linear search is faster

// find returns the change for a field name, nil if there is none, and its position.
func (c *change) find(name []byte) (*change, int) {
	if len(c.fields) > fewFields {
		wanted := string(name)
		i, found := slices.BinarySearchFunc(c.fields, &child{name: wanted, index: value.ArrayIndex(wanted)}, compareNames)
		if !found {
			return nil, -1
		}
		return &c.fields[i].change, i
	}
	for i, field := range c.fields {
		if field.name == string(name) {
			return &field.change, i
		}
	}
	return nil, -1
}

// at returns the change for an array element, nil if there is none.
func (c *change) at(index int) *change {
	i, found := slices.BinarySearchFunc(c.fields, &child{index: index}, compareNames)
	if !found {
		return nil
	}
	return &c.fields[i].change
}

// merge returns what both changes do, for an array element that several components select; it returns
// update_not_applicable if they conflict.
func merge(a, b *change) (*change, error) {
	if a == nil {
		return b, nil
	}
	if a.op != nil || b.op != nil {
		return nil, language.Errorf(language.ConflictingUpdates, yunduo.ReasonUpdateNotApplicable, "the changes at '%s' and '%s' conflict in one array element", a.path, b.path)
	}
	both := &change{path: a.path, every: a.every, matched: a.matched}
	var err error
	if b.every != nil {
		if both.every, err = merge(a.every, b.every); err != nil {
			return nil, err
		}
	}
	if b.matched != nil {
		if both.matched, err = merge(a.matched, b.matched); err != nil {
			return nil, err
		}
	}
	if both.fields, err = mergeLists(a.fields, b.fields); err != nil {
		return nil, err
	}
	both.filtered, err = mergeLists(a.filtered, b.filtered)
	return both, err
}

func mergeLists(a, b []*child) ([]*child, error) {
	merged := slices.Clone(a)
	for _, field := range b {
		i, found := slices.BinarySearchFunc(merged, field, compareNames)
		if !found {
			merged = slices.Insert(merged, i, field)
			continue
		}
		both, err := merge(&merged[i].change, &field.change)
		if err != nil {
			return nil, err
		}
		merged[i] = &child{name: field.name, index: field.index, change: *both}
	}
	return merged, nil
}

const maxPadding = language.MaxPadding
