package documentstest

import (
	"slices"
	"strings"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents/driver"
	"yunduo/data/query/collation"
	values "yunduo/data/query/value"
)

// usefulIndex is an index and the cases that an engine may use it for.
type usefulIndex struct {
	driver.Index
	cases []*conformanceCase
}

// complete reports whether the index has an entry of every document, so that it can serve every find.
func (u usefulIndex) complete() bool {
	return !u.Sparse && u.Partial == nil && u.Fields[0].Kind == driver.KindOrdered
}

const maxUsefulIndexes = 24 // of a group

// The kinds of useful indexes.
const (
	plain   = ""
	sparse  = " sparse"
	partial = " partial"
	hashed  = " hashed"

	collated = " by the group's collation"
)

// usefulIndexes derives indexes from the paths of filters and sorts: each path up and down, sparse, partial and
// hashed, each pair of paths of one case together.
func (g *caseGroup) usefulIndexes() (list []usefulIndex) {
	if g.places != "" {
		places := driver.IndexField{Path: g.places, Kind: driver.KindPlaces}
		id := driver.IndexField{Path: "k", Descending: true}
		return []usefulIndex{
			{driver.Index{Name: "places", Fields: []driver.IndexField{places}}, g.cases},
			{driver.Index{Name: "places k", Fields: []driver.IndexField{places, id}}, g.cases},
		}
	}
	add := func(c *conformanceCase, kind string, paths ...string) {
		index := driver.Index{Name: strings.Join(paths, " ") + kind, Fields: fields(paths...)}
		if kind == collated {
			index.Collation = g.by.Raw()
		}
		switch kind {
		case sparse:
			index.Sparse = true
		case partial:
			index.Partial = raw(d(paths[0], d("$exists", true)))
		case hashed:
			index.Fields[0].Kind = driver.KindHashed
		}
		i := slices.IndexFunc(list, func(have usefulIndex) bool { return have.Name == index.Name })
		if i < 0 {
			if len(list) == maxUsefulIndexes {
				return
			}
			list, i = append(list, usefulIndex{Index: index}), len(list)
		}
		list[i].cases = append(list[i].cases, c)
	}
	for _, c := range g.cases {
		paths := c.paths()
		for i, path := range paths {
			add(c, plain, path)
			add(c, plain, "-"+path)
			if g.by != nil {
				add(c, collated, path)
				add(c, collated, "-"+path)
			}
			add(c, sparse, path)
			add(c, partial, path)
			if !g.arrays(path) { // of which a hashed index can have none
				add(c, hashed, path)
			}
			for _, other := range paths[i+1:] {
				if g.by != nil {
					add(c, collated, path, "-"+other)
				}
				add(c, plain, path, "-"+other)
				add(c, plain, other, path)
			}
		}
	}
	// Those that a find cannot be told to use come first, so that the planner has no other choice.
	slices.SortStableFunc(list, func(a, b usefulIndex) int {
		switch {
		case a.complete() == b.complete():
			return 0
		case b.complete():
			return -1
		}
		return 1
	})
	return list
}

// arrays reports whether an array may be on the path in a document of the group. Writes may make one.
func (g *caseGroup) arrays(path string) bool {
	if g.kind == "update" || g.kind == "upsert" {
		return true
	}
	return slices.ContainsFunc(g.docs, func(doc bson.Raw) bool {
		v := values.Document(doc)
		for name := range strings.SplitSeq(path, ".") {
			v, _ = values.Field(document(v), name)
			if v.Type == bson.TypeArray {
				return true
			}
		}
		return false
	})
}

// paths returns the paths that an index could serve, each once.
func (c *conformanceCase) paths() (paths []string) {
	add := func(path string) {
		if path != "" && path != "_id" && !strings.Contains(path, "$") && !strings.Contains("."+path+".", "..") && !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	var filter func(doc bson.Raw)
	filter = func(doc bson.Raw) {
		for it := values.Elements(doc); ; {
			key, v, ok := it.Next()
			switch {
			case !ok:
				return
			case !strings.HasPrefix(string(key), "$"):
				add(string(key))
			case v.Type == bson.TypeArray && (string(key) == "$and" || string(key) == "$or" || string(key) == "$nor"):
				for _, clause := range elements(v) {
					filter(document(clause))
				}
			}
		}
	}
	keys := func(doc bson.Raw) {
		for it := values.Elements(doc); ; {
			key, _, ok := it.Next()
			if !ok {
				return
			}
			add(string(key))
		}
	}
	filter(c.filter)
	keys(c.sort)
	for _, stage := range c.pipeline {
		match, _ := values.Field(stage, "$match")
		sort, _ := values.Field(stage, "$sort")
		filter(document(match))
		keys(document(sort))
	}
	for it := values.Elements(c.update); ; {
		operator, v, ok := it.Next()
		if !ok {
			return paths
		}
		if strings.HasPrefix(string(operator), "$") {
			keys(document(v))
		}
	}
}

// checkIndexes requires that an order which an index gives is that of the documents, after a write.
func (f *fixture) checkIndexes(c *conformanceCase, indexes []usefulIndex) {
	if f.outcomes[c] != "" {
		return
	}
	for _, index := range indexes {
		if !slices.Contains(index.cases, c) || !index.complete() {
			continue
		}
		direction := 1
		if index.Fields[0].Descending {
			direction = -1
		}
		by, err := collation.Parse(index.Collation)
		require.NoError(f, err)
		sort := f.sort(d(index.Fields[0].Path, direction)).By(by)
		want := f.rawFound(driver.Find{})
		slices.SortStableFunc(want, sort.Compare)
		require.Equal(f, canonical(want), canonical(f.rawFound(driver.Find{Sort: sort})), "%s: order by index %s", c, index.Name)
	}
}
