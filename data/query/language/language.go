// Package language declares the query language once: every operator, stage, accumulator, option and limit with its
// status. Parsing refuses what is not in the table, docs/language.md is generated from it, and tests hold both engines
// to it.
package language

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"yunduo"
)

// Version is that of the table. It rises by one whenever an entry is added or its status changes.
const Version = 1

// Kind is the part of the language that an entry belongs to. The same name may stand in several.
type Kind string

// The parts of the language.
const (
	Filter      Kind = "filter"
	Update      Kind = "update"
	Modifier    Kind = "modifier" // of $push and $addToSet
	Projection  Kind = "projection"
	Stage       Kind = "stage"
	Accumulator Kind = "accumulator"
	Window      Kind = "window" // functions of $setWindowFields only
	Expression  Kind = "expression"
	Variable    Kind = "variable"
	Option      Kind = "option" // of a request
)

// Status says whether an entry works here.
type Status string

// The statuses. What is in no entry does not exist.
const (
	Supported Status = "supported"
	Partial   Status = "partial" // the note says what is missing
	Refused   Status = "refused" // known, and refused with the note as reason
)

// Entry is one name of the language.
type Entry struct {
	Kind    Kind
	Name    string
	Status  Status
	Topic   string // the heading it stands under in the documentation
	Example string // EJSON that parses: a filter, an update, a stage, an accumulator, ... by kind
	Note    string // what differs from MongoDB, or why it is refused
	Since   int    // the version of the table that brought it
}

type key struct {
	kind Kind
	name string
}

var index = sync.OnceValue(func() map[key]Entry {
	table := map[key]Entry{}
	for _, e := range entries() {
		if e.Status == "" {
			e.Status = Supported
		}
		if e.Since == 0 {
			e.Since = 1
		}
		at := key{e.Kind, e.Name}
		if _, twice := table[at]; twice {
			panic("language: " + string(e.Kind) + " " + e.Name + " is declared twice")
		}
		table[at] = e
	}
	return table
})

func entries() []Entry {
	return slices.Concat(filters, updates, modifiers, projections, stages, accumulators, windows, expressions, variables, options)
}

// Lookup returns the entry of a name.
func Lookup(kind Kind, name string) (Entry, bool) {
	e, ok := index()[key{kind, name}]
	return e, ok
}

// Entries returns the entries of a kind by topic, in the order of topics and names.
func Entries(kind Kind) []Entry {
	var list []Entry
	for _, e := range index() {
		if e.Kind == kind {
			list = append(list, e)
		}
	}
	order := map[string]int{}
	for i, e := range entries() {
		if _, known := order[e.Topic]; !known {
			order[e.Topic] = i
		}
	}
	slices.SortFunc(list, func(a, b Entry) int {
		if a.Topic != b.Topic {
			return order[a.Topic] - order[b.Topic]
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list
}

// Names returns the names of a kind that work, sorted.
func Names(kind Kind) []string {
	names := map[string]bool{}
	for at, e := range index() {
		if at.kind == kind && e.Status != Refused {
			names[at.name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// nouns is what a kind is called in an error.
var nouns = map[Kind]string{
	Filter: "filter operator", Update: "update operator", Modifier: "modifier", Projection: "projection operator",
	Stage: "pipeline stage", Accumulator: "accumulator", Window: "window function", Expression: "expression operator",
	Variable: "variable", Option: "option",
}

// codes are MongoDB's numbers for a name that does not exist.
var codes = map[Kind]int{
	Filter: BadValue, Update: FailedToParse, Modifier: BadValue, Projection: BadValue, Stage: UnrecognizedStage,
	Accumulator: UnknownGroupOperator, Window: UnrecognizedWindowFunction, Expression: InvalidPipelineOperator,
}

// Check returns nil for a name that works and unknown_operator for one that is refused or does not exist.
func Check(kind Kind, name string) error {
	e, ok := Lookup(kind, name)
	switch {
	case !ok:
		return Errorf(codes[kind], yunduo.ReasonUnknownOperator, "there is no %s %s", nouns[kind], name)
	case e.Status == Refused:
		return Errorf(codes[kind], yunduo.ReasonUnknownOperator, "%s does not exist here: %s", name, e.Note)
	}
	return nil
}

// Unknown is Check for a name that the caller has found no meaning for.
func Unknown(kind Kind, name string) error {
	if err := Check(kind, name); err != nil {
		return err
	}
	return Errorf(codes[kind], yunduo.ReasonUnknownOperator, "the %s %s cannot be used at this place", nouns[kind], name)
}
