package documentstest

import (
	"encoding/json"
	"errors"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/internal/soak"
)

// TestDifferential asks data/query and mingo the same random questions. What mingo is known to answer differently is
// not asked: see the comments of the generator.
func TestDifferential(t *testing.T) {
	o := startOracle(t)
	run := soak.Start(t, 1)
	r := rand.New(rand.NewSource(run.Seed))
	asked, known := 0, map[string]int{}
	for ; asked < 600 || run.More(); asked++ {
		q := randomQuestion(r)
		how := differ(t, o, q)
		if how == "" {
			continue
		}
		small := shrink(q, func(q question) bool { return differ(t, o, q) == how })
		if reason := accepted(small); reason != "" {
			known[reason]++
			continue
		}
		own, ownErr := small.own(t)
		theirs, theirErr := o.ask(t, small)
		a, _ := json.Marshal(own)
		b, _ := json.Marshal(theirs)
		t.Fatalf("question %d of seed %d is %s:\n%s\nown: %s %v\nmingo: %s %v", asked, run.Seed, how, small, a, ownErr, b, theirErr)
	}
	t.Logf("%d questions, seed %d; accepted differences: %v", asked, run.Seed, known)
}

// differ says how the answers to a question differ; they do not if it is empty. A refusal by both is agreement; of one
// alone it is not, as only well-formed questions are asked.
func differ(t *testing.T, o *oracle, q question) string {
	if q.update != nil && len(q.update) == len(raw(d())) {
		return "" // a replacement, which mingo does not have
	}
	theirs, theirErr := o.ask(t, q)
	own, err := q.own(t)
	switch {
	case err != nil && theirErr != nil:
		return ""
	case err != nil:
		return "refused here only"
	case theirErr != nil:
		return "refused by mingo only"
	case !same(own, theirs, keepsOrder(q.pipeline)):
		return "answered differently"
	}
	return ""
}

// acceptedDifferences are those in which mingo is not MongoDB. They are recognised in the smallest question that shows
// a difference.
var acceptedDifferences = []struct {
	reason string
	is     func(q question) bool
}{
	{"mingo ignores the modifiers of $push where it makes the array", func(q question) bool {
		each, err := q.update.LookupErr("$push", "l", "$each")
		return err == nil && each.Type == bson.TypeArray && !slices.ContainsFunc(q.docs, func(doc bson.Raw) bool { return has(doc, "l") })
	}},
	{"mingo adds nothing with $addToSet where the array has duplicates", func(q question) bool { return has(q.update, "$addToSet") }},
	{"mingo divides fractions, where $mod cuts them off", func(q question) bool {
		text := string(q.filter)
		for _, stage := range q.pipeline {
			text += string(stage)
		}
		return strings.Contains(text, "$mod")
	}},
}

func accepted(q question) string {
	for _, a := range acceptedDifferences {
		if a.is(q) {
			return a.reason
		}
	}
	return ""
}

func has(doc bson.Raw, path ...string) bool {
	_, err := doc.LookupErr(path...)
	return err == nil
}

// shrink drops documents, stages, fields and elements of a question for as long as it stays interesting.
func shrink(q question, interesting func(question) bool) question {
	lists := []func(q *question) *[]bson.Raw{
		func(q *question) *[]bson.Raw { return &q.docs }, func(q *question) *[]bson.Raw { return &q.pipeline },
	}
	parts := []func(q *question) *bson.Raw{
		func(q *question) *bson.Raw { return &q.filter }, func(q *question) *bson.Raw { return &q.sort },
		func(q *question) *bson.Raw { return &q.projection }, func(q *question) *bson.Raw { return &q.update },
	}
	for again := true; again; {
		again = false
		try := func(next question) bool {
			if !interesting(next) {
				return false
			}
			q, again = next, true
			return true
		}
		for _, list := range lists {
			for i := len(*list(&q)) - 1; i >= 0; i-- {
				next := q
				if kept := slices.Delete(slices.Clone(*list(&q)), i, i+1); len(kept) > 0 {
					*list(&next) = kept
					try(next)
				}
			}
			for i := range *list(&q) {
				for _, less := range smaller((*list(&q))[i]) {
					next := q
					*list(&next) = slices.Clone(*list(&q))
					(*list(&next))[i] = less
					if try(next) {
						break
					}
				}
			}
		}
		for _, part := range parts {
			for _, less := range smaller(*part(&q)) {
				next := q
				*part(&next) = less
				if try(next) {
					break
				}
			}
		}
	}
	return q
}

// smaller returns a document's variants that lack one field or element at any depth; the _id stays.
func smaller(doc bson.Raw) (variants []bson.Raw) {
	if doc == nil {
		return nil
	}
	var d bson.D
	if err := bson.Unmarshal(doc, &d); err != nil {
		return nil
	}
	for _, v := range without(d) {
		variants = append(variants, raw(v))
	}
	return variants
}

func without(v any) (variants []any) {
	switch v := v.(type) {
	case bson.D:
		for i, e := range v {
			if e.Key != "_id" {
				variants = append(variants, slices.Delete(slices.Clone(v), i, i+1))
			}
			for _, less := range without(e.Value) {
				next := slices.Clone(v)
				next[i].Value = less
				variants = append(variants, next)
			}
		}
	case bson.A:
		for i, e := range v {
			variants = append(variants, slices.Delete(slices.Clone(v), i, i+1))
			for _, less := range without(e) {
				next := slices.Clone(v)
				next[i] = less
				variants = append(variants, next)
			}
		}
	}
	return variants
}

// TestShrink: what is left of a question is what matters.
func TestShrink(t *testing.T) {
	q := question{docs: raws([]bson.D{d("_id", 1, "a", 1, "b", bson.A{1, 2, 3}), d("_id", 2, "a", 5)}), filter: raw(d("a", d("$gt", 0), "b", d("$in", bson.A{1, 2})))}
	small := shrink(q, func(q question) bool {
		// Interesting is a question with an operator $in that finds a 2 in a list.
		in, err := q.filter.LookupErr("b", "$in", "0")
		if err != nil || in.AsInt64() != 2 {
			if in, err = q.filter.LookupErr("b", "$in", "1"); err != nil || in.AsInt64() != 2 {
				return false
			}
		}
		return slices.ContainsFunc(q.docs, func(doc bson.Raw) bool {
			list, err := doc.LookupErr("b")
			return err == nil && slices.ContainsFunc(elements(list), func(v bson.RawValue) bool { return v.AsInt64() == 2 })
		})
	})
	want := question{docs: raws([]bson.D{d("_id", 1, "b", bson.A{2})}), filter: raw(d("b", d("$in", bson.A{2})))}
	if small.String() != want.String() {
		t.Errorf("got %s want %s", small, want)
	}
}

// TestSameNoticesDifferences: a comparison that finds everything equal would let all differential tests pass.
func TestSameNoticesDifferences(t *testing.T) {
	o := startOracle(t)
	q := question{docs: raws([]bson.D{d("_id", 1, "a", 1), d("_id", 2, "a", 2)}), filter: raw(d("a", 1))}
	if differ(t, o, q) != "" {
		t.Error("both find the same document")
	}
	own, err := q.own(t)
	q.filter = raw(d("a", 2))
	theirs, theirErr := o.ask(t, q)
	if same(own, theirs, true) || errors.Join(err, theirErr) != nil {
		t.Error("different documents are not the same", err, theirErr)
	}
}
