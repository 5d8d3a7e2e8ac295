package query

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// application is one run of an update on one document.
type application struct {
	update   *Update
	context  ApplyContext
	doc      bson.Raw
	position int // of the array element that the filter found, plus 1; 0 while unknown
}

// append appends the value that c makes of old and returns its type, 0 if there is none.
func (a *application) append(dst []byte, c *change, old bson.RawValue) (bson.Type, []byte, error) {
	if c.op != nil {
		v, err := c.op.apply(a, c.path, old)
		return v.Type, append(dst, v.Value...), err
	}
	switch old.Type {
	case bson.TypeEmbeddedDocument:
		if c.positional() {
			return 0, dst, notApplicable("the field '%s' is no array, so that its elements cannot be updated", c.path)
		}
		return a.appendDocument(dst, c, old.Value)
	case bson.TypeArray:
		return a.appendArray(dst, c, old.Value)
	case 0:
		if c.positional() {
			return 0, dst, notApplicable("the field '%s' does not exist, so that its elements cannot be updated", c.path)
		}
		return a.appendNew(dst, c)
	}
	if a.needsPath(c) {
		return 0, dst, notViable("a field cannot be made inside '%s', which is of type %s", c.path, value.TypeName(old.Type))
	}
	return old.Type, append(dst, old.Value...), nil
}

// needsPath is change.needsPath for this document: renaming a field that is not there needs no place for it.
func (a *application) needsPath(c *change) bool {
	if rename, ok := c.op.(renameOperation); ok {
		_, there := rename.from.Lookup(a.doc)
		return there
	}
	if c.op == nil && !c.positional() {
		return slices.ContainsFunc(c.fields, func(f *child) bool { return a.needsPath(&f.change) })
	}
	return c.needsPath()
}

// appendDocument rewrites a document: its fields in their order, then new ones.
func (a *application) appendDocument(dst []byte, c *change, doc []byte) (bson.Type, []byte, error) {
	start := len(dst)
	dst = value.BeginDocument(dst)
	var seenSmall [16]bool
	seen := seenSmall[:]
	if len(c.fields) > len(seen) {
		seen = make([]bool, len(c.fields))
	}
	for it := value.Elements(doc); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		inside, i := c.find(key)
		if inside == nil || seen[i] {
			dst = value.AppendElement(dst, key, v)
			continue
		}
		seen[i] = true
		var err error
		if dst, err = a.appendField(dst, string(key), inside, v); err != nil {
			return 0, dst, err
		}
	}
	for i, field := range c.fields {
		if seen[i] {
			continue
		}
		var err error
		if dst, err = a.appendField(dst, field.name, &field.change, bson.RawValue{}); err != nil {
			return 0, dst, err
		}
	}
	return bson.TypeEmbeddedDocument, value.EndDocument(dst, start), nil
}

// appendNew makes a document where there was nothing; nothing again if no field comes out.
func (a *application) appendNew(dst []byte, c *change) (bson.Type, []byte, error) {
	start := len(dst)
	t, dst, err := a.appendDocument(dst, c, nil)
	if err != nil || len(dst)-start > len(emptyDocument) {
		return t, dst, err
	}
	return 0, dst[:start], nil
}

// appendField appends a field with what c makes of its value; nothing if that is nothing.
func (a *application) appendField(dst []byte, key string, c *change, old bson.RawValue) ([]byte, error) {
	start := len(dst)
	dst = value.AppendHeader(dst, 0, key)
	t, dst, err := a.append(dst, c, old)
	if err != nil || t == 0 {
		return dst[:start], err
	}
	dst[start] = byte(t)
	return dst, nil
}

// appendArray rewrites an array. An element that is removed becomes null, as the others keep their places.
func (a *application) appendArray(dst []byte, c *change, array []byte) (bson.Type, []byte, error) {
	for _, field := range c.fields {
		if field.index < 0 && a.needsPath(&field.change) {
			return 0, dst, notViable("the field '%s' cannot be made inside an array", field.path)
		}
	}
	start := len(dst)
	dst = value.BeginDocument(dst)
	count := 0
	for it := value.Elements(array); ; count++ {
		_, v, ok := it.Next()
		if !ok {
			break
		}
		inside, err := a.selected(c, count, v)
		if err != nil {
			return 0, dst, err
		}
		if inside == nil {
			dst = value.AppendIndexed(dst, count, v)
			continue
		}
		header := len(dst)
		dst = value.AppendIndexHeader(dst, bson.TypeNull, count)
		t, changed, err := a.append(dst, inside, v)
		if err != nil {
			return 0, dst, err
		}
		if dst = changed; t != 0 {
			dst[header] = byte(t)
		}
	}
	dst, err := a.appendElements(dst, c, count)
	return bson.TypeArray, value.EndDocument(dst, start), err
}

// appendElements adds the elements that fields make behind an array's end, with nulls for those left out.
func (a *application) appendElements(dst []byte, c *change, count int) ([]byte, error) {
	for _, field := range c.fields {
		if field.index < count {
			continue
		}
		if field.index-count > maxPadding {
			return dst, notApplicable("the element '%s' lies too far behind the array's end", field.path)
		}
		element, err := a.appendField(nil, field.name, &field.change, bson.RawValue{})
		if err != nil {
			return dst, err
		}
		if len(element) == 0 {
			continue
		}
		for ; count < field.index; count++ {
			dst = value.AppendIndexHeader(dst, bson.TypeNull, count)
		}
		dst = append(dst, element...)
		count++
	}
	return dst, nil
}

// selected returns what c does to element i of an array, nil if nothing.
func (a *application) selected(c *change, i int, element bson.RawValue) (inside *change, err error) {
	inside = c.at(i)
	if c.every != nil {
		if inside, err = merge(inside, c.every); err != nil {
			return nil, err
		}
	}
	for _, selection := range c.filtered {
		filter, ok := a.update.filters[selection.name]
		if !ok {
			return nil, invalidUpdate("the path '%s' names the array filter '%s', which is not given", selection.path, selection.name)
		}
		wrapped := value.EndDocument(value.Append(value.BeginDocument(nil), selection.name, element), 0)
		if ok, err := filter.Match(wrapped); err != nil || !ok {
			if err != nil {
				return nil, err
			}
			continue
		}
		if inside, err = merge(inside, &selection.change); err != nil {
			return nil, err
		}
	}
	if c.matched != nil {
		position, err := a.matchedPosition(c.matched.path)
		if err != nil {
			return nil, err
		}
		if position == i {
			return merge(inside, c.matched)
		}
	}
	return inside, nil
}

// matchedPosition returns the index that the positional operator $ stands for.
func (a *application) matchedPosition(path string) (int, error) {
	if a.position == 0 {
		position, ok := a.context.Filter.position(a.doc)
		if !ok {
			return 0, notApplicable("the path '%s' has $, but the filter has matched no array element", path)
		}
		a.position = position + 1
	}
	return a.position - 1, nil
}
